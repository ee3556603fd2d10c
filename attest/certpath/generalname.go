package certpath

import (
	"errors"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// The choices of GeneralName (RFC 5280 section 4.2.1.6) that are understood. The others are known by their tag only.
const (
	otherName     = 0
	rfc822Name    = 1
	dNSName       = 2
	directoryName = 4
	uriName       = 6
	iPAddress     = 7
	maxNameTag    = 8 // registeredID
)

var errGeneralName = errors.New("general name is malformed")

type generalName struct {
	tag   uint8
	value string // content octets
	dn    Name   // of a directoryName
}

// GeneralNames is a parsed GeneralNames.
type GeneralNames struct{ names []generalName }

// ParseGeneralNames reads the content of a GeneralNames, which has at least one name.
func ParseGeneralNames(content []byte) (GeneralNames, error) {
	names, err := parseGeneralNames(content)
	return GeneralNames{names}, err
}

// DirectoryName is GeneralNames of one directory name.
func DirectoryName(n Name) GeneralNames {
	return GeneralNames{[]generalName{{tag: directoryName, dn: n}}}
}

// Overlap tells whether one name is in both.
func (g GeneralNames) Overlap(other GeneralNames) bool {
	for _, a := range g.names {
		for _, b := range other.names {
			if a.equal(b) {
				return true
			}
		}
	}
	return false
}

// URIs returns the names that are URIs.
func (g GeneralNames) URIs() []string {
	var uris []string
	for _, n := range g.names {
		if n.tag == uriName {
			uris = append(uris, n.value)
		}
	}
	return uris
}

func (n generalName) equal(other generalName) bool {
	if n.tag == directoryName {
		return other.tag == directoryName && n.dn.Equal(other.dn)
	}
	return n.tag == other.tag && n.value == other.value
}

func parseGeneralNames(content cryptobyte.String) ([]generalName, error) {
	var names []generalName
	for !content.Empty() {
		n, err := readGeneralName(&content)
		if err != nil {
			return nil, err
		}
		names = append(names, n)
	}
	if len(names) == 0 {
		return nil, errGeneralName
	}
	return names, nil
}

func readGeneralName(s *cryptobyte.String) (generalName, error) {
	var value cryptobyte.String
	var tag asn1.Tag
	if !s.ReadAnyASN1(&value, &tag) {
		return generalName{}, errGeneralName
	}
	n := generalName{tag: uint8(tag) & 0x1f, value: string(value)}
	want := implicit(n.tag)
	switch n.tag {
	case otherName, 3, directoryName, 5: // otherName, x400Address, directoryName, ediPartyName
		want = explicit(n.tag)
	}
	if n.tag > maxNameTag || tag != want {
		return generalName{}, errGeneralName
	}
	if n.tag == directoryName {
		var err error
		n.dn, err = ParseName(value)
		return n, err
	}
	return n, nil
}
