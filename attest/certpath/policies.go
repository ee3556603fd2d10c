package certpath

import (
	"crypto/x509/pkix"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"
)

// anyPolicy is 2.5.29.32.0, the content of its DER. Policies are known by that content.
const anyPolicy = "\x55\x1d\x20\x00"

// The two qualifiers of RFC 5280 section 4.2.1.4: 1.3.6.1.5.5.7.2.1 and .2, the content of their DER.
const (
	qualifierCPS    = "\x2b\x06\x01\x05\x05\x07\x02\x01"
	qualifierNotice = "\x2b\x06\x01\x05\x05\x07\x02\x02"
)

type policies struct {
	named map[string]bool // without anyPolicy
	any   bool
}

type mapping struct{ issuer, subject string }

// policyConstraints holds the numbers of policyConstraints and inhibitAnyPolicy; nil: absent.
type policyConstraints struct {
	requireExplicit, inhibitMapping, inhibitAny *int
	notCritical                                 bool // one of them, against RFC 5280 sections 4.2.1.11 and 4.2.1.14
}

func parsePolicies(e pkix.Extension) (*policies, error) {
	s, err := content(e.Value, tags.SEQUENCE)
	if err != nil || s.Empty() {
		return nil, errExtension
	}
	p := &policies{named: make(map[string]bool)}
	for !s.Empty() {
		var info, oid cryptobyte.String
		if !s.ReadASN1(&info, tags.SEQUENCE) || !info.ReadASN1(&oid, tags.OBJECT_IDENTIFIER) || !areQualifiers(info, e.Critical) {
			return nil, errExtension
		}
		if string(oid) == anyPolicy {
			p.any = true
		} else {
			p.named[string(oid)] = true
		}
	}
	return p, nil
}

// areQualifiers tells whether s is nothing or a list of qualifiers; if critical, all of a kind that RFC 5280 knows.
func areQualifiers(s cryptobyte.String, critical bool) bool {
	if s.Empty() {
		return true
	}
	var list cryptobyte.String
	if !s.ReadASN1(&list, tags.SEQUENCE) || !s.Empty() || list.Empty() {
		return false
	}
	for !list.Empty() {
		var info, oid, value cryptobyte.String
		var tag tags.Tag
		if !list.ReadASN1(&info, tags.SEQUENCE) || !info.ReadASN1(&oid, tags.OBJECT_IDENTIFIER) ||
			!info.ReadAnyASN1(&value, &tag) || !info.Empty() {
			return false
		}
		if critical && string(oid) != qualifierCPS && string(oid) != qualifierNotice {
			return false
		}
	}
	return true
}

func parseMappings(value []byte) ([]mapping, error) {
	s, err := content(value, tags.SEQUENCE)
	if err != nil || s.Empty() {
		return nil, errExtension
	}
	var mappings []mapping
	for !s.Empty() {
		var pair, issuer, subject cryptobyte.String
		if !s.ReadASN1(&pair, tags.SEQUENCE) || !pair.ReadASN1(&issuer, tags.OBJECT_IDENTIFIER) ||
			!pair.ReadASN1(&subject, tags.OBJECT_IDENTIFIER) || !pair.Empty() {
			return nil, errExtension
		}
		mappings = append(mappings, mapping{string(issuer), string(subject)})
	}
	return mappings, nil
}

func (c *policyConstraints) parseConstraints(e pkix.Extension) error {
	c.notCritical = c.notCritical || !e.Critical
	s, err := content(e.Value, tags.SEQUENCE)
	if err != nil || s.Empty() { // section 4.2.1.11: one of the two is there
		return errExtension
	}
	var ok bool
	if c.requireExplicit, ok = readSkip(&s, implicit(0)); !ok {
		return errExtension
	}
	if c.inhibitMapping, ok = readSkip(&s, implicit(1)); !ok || !s.Empty() {
		return errExtension
	}
	return nil
}

func (c *policyConstraints) parseInhibitAny(e pkix.Extension) error {
	c.notCritical = c.notCritical || !e.Critical
	s := cryptobyte.String(e.Value)
	var ok bool
	if c.inhibitAny, ok = readSkip(&s, tags.INTEGER); !ok || c.inhibitAny == nil || !s.Empty() {
		return errExtension
	}
	return nil
}

// readSkip reads a SkipCerts, a number of certificates, if it is there.
func readSkip(s *cryptobyte.String, tag tags.Tag) (*int, bool) {
	if !s.PeekASN1Tag(tag) {
		return nil, true
	}
	var element cryptobyte.String
	if !s.ReadASN1(&element, tag) || len(element) == 0 || element[0]&0x80 != 0 {
		return nil, false
	}
	if len(element) > 1 && element[0] == 0 && element[1]&0x80 == 0 { // DER: no needless octet
		return nil, false
	}
	n := clamp(new(big.Int).SetBytes(element))
	return &n, true
}
