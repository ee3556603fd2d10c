package certpath

import (
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

var errName = errors.New("distinguished name is malformed")

// Name is a distinguished name in the form in which names are compared (RFC 5280 section 7.1): without regard to case, white
// space and string type.
type Name struct {
	rdns   []string // each relative distinguished name, normalized; the attributes of one in order
	emails []string // values of emailAddress (PKCS #9), as they are written
}

// ParseName reads a DER-encoded Name.
func ParseName(der []byte) (Name, error) {
	var n Name
	var sequence cryptobyte.String
	s := cryptobyte.String(der)
	if !s.ReadASN1(&sequence, asn1.SEQUENCE) || !s.Empty() {
		return Name{}, errName
	}
	for !sequence.Empty() {
		var set cryptobyte.String
		if !sequence.ReadASN1(&set, asn1.SET) {
			return Name{}, errName
		}
		if err := n.add(set); err != nil {
			return Name{}, err
		}
	}
	return n, nil
}

// Under returns the name with one more relative distinguished name, given as the content of its SET (RFC 5280 section 4.2.1.13,
// nameRelativeToCRLIssuer).
func (n Name) Under(set []byte) (Name, error) {
	longer := Name{rdns: slices.Clone(n.rdns)}
	return longer, longer.add(set)
}

// Empty tells whether the name has no part.
func (n Name) Empty() bool { return len(n.rdns) == 0 }

// Equal tells whether both name the same.
func (n Name) Equal(other Name) bool { return slices.Equal(n.rdns, other.rdns) }

// within tells whether n is subtree or stands below it.
func (n Name) within(subtree Name) bool {
	return len(n.rdns) >= len(subtree.rdns) && slices.Equal(n.rdns[:len(subtree.rdns)], subtree.rdns)
}

func (n *Name) add(set cryptobyte.String) error {
	var parts []string
	for !set.Empty() {
		var attribute, oid, value cryptobyte.String
		var tag asn1.Tag
		if !set.ReadASN1(&attribute, asn1.SEQUENCE) || !attribute.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
			!attribute.ReadAnyASN1(&value, &tag) || !attribute.Empty() {
			return errName
		}
		if string(oid) == oidEmailAddress {
			n.emails = append(n.emails, string(value))
		}
		parts = append(parts, hex.EncodeToString(oid)+"="+normalized(tag, value))
	}
	if len(parts) == 0 {
		return errName
	}
	slices.Sort(parts)
	n.rdns = append(n.rdns, strings.Join(parts, "\x01"))
	return nil
}

// oidEmailAddress is 1.2.840.113549.1.9.1, the content of its DER.
const oidEmailAddress = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"

// normalized makes values comparable. A value that is no string is compared octet by octet, and with its type.
func normalized(tag asn1.Tag, value []byte) string {
	text, ok := characters(tag, value)
	if !ok {
		return hex.EncodeToString([]byte{byte(tag)}) + "#" + hex.EncodeToString(value)
	}
	return strings.Join(strings.Fields(folded(text)), " ")
}

// folded is text without regard to case and to compatibility forms, as the mapping and normalization of RFC 4518 leave it.
func folded(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return strings.ToLower(text)
	}
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(text)))
}

func characters(tag asn1.Tag, value []byte) (string, bool) {
	const numericString, bmpString = asn1.Tag(18), asn1.Tag(30)
	switch tag {
	case asn1.PrintableString, asn1.UTF8String, asn1.IA5String, numericString:
		return string(value), utf8.Valid(value)
	case asn1.T61String: // read as Latin-1, as everybody does
		runes := make([]rune, len(value))
		for i, b := range value {
			runes[i] = rune(b)
		}
		return string(runes), true
	case bmpString:
		if len(value)%2 != 0 {
			return "", false
		}
		units := make([]uint16, len(value)/2)
		for i := range units {
			units[i] = uint16(value[2*i])<<8 | uint16(value[2*i+1])
		}
		return string(utf16.Decode(units)), true
	}
	return "", false
}
