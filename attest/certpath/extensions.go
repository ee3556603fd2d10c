package certpath

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"
)

var errExtension = errors.New("extension is malformed")

// extensions are those of RFC 5280 section 4.2 that section 6.1 judges.
type extensions struct {
	basic           *basicConstraints // nil: absent, as with all below
	hasKeyUsage     bool
	hasNames        bool
	namesCritical   bool
	constraints     *nameConstraints
	policies        *policies
	mappings        []mapping
	limits          policyConstraints
	purposes        *[]asn1.ObjectIdentifier
	unknownCritical bool
}

type basicConstraints struct {
	critical bool
	ca       bool
	pathLen  int // negative: no limit
}

// parseExtensions reads every extension strictly. That no extension occurs twice, crypto/x509 has seen to.
func (c *Certificate) parseExtensions(list []pkix.Extension) error {
	for _, e := range list {
		if err := c.parseExtension(e); err != nil {
			return err
		}
	}
	return nil
}

func (c *Certificate) parseExtension(e pkix.Extension) (err error) {
	const subtree = "2.5.29."
	switch e.Id.String() {
	case subtree + "14", subtree + "35": // identifiers of keys only say where to look
	case subtree + "31": // where the CRLs are; judged where revocation is
	case subtree + "15":
		c.hasKeyUsage = true
		err = isKeyUsage(e.Value)
	case subtree + "17":
		c.hasNames, c.namesCritical = true, e.Critical
		c.names, err = parseAltNames(e.Value)
	case subtree + "19":
		c.basic, err = parseBasicConstraints(e)
	case subtree + "30":
		c.constraints, err = parseNameConstraints(e)
	case subtree + "32":
		c.policies, err = parsePolicies(e)
	case subtree + "33":
		c.mappings, err = parseMappings(e.Value)
	case subtree + "36":
		err = c.limits.parseConstraints(e)
	case subtree + "54":
		err = c.limits.parseInhibitAny(e)
	case subtree + "37":
		c.purposes, err = parsePurposes(e.Value)
	default:
		c.unknownCritical = c.unknownCritical || e.Critical
	}
	return err
}

// content returns what is inside the one element of that type that an extension's value is.
func content(value []byte, tag tags.Tag) (cryptobyte.String, error) {
	var inside cryptobyte.String
	s := cryptobyte.String(value)
	if !s.ReadASN1(&inside, tag) || !s.Empty() {
		return nil, errExtension
	}
	return inside, nil
}

func isKeyUsage(value []byte) error {
	bits, err := content(value, tags.BIT_STRING)
	if err != nil || len(bits) < 1 || len(bits) > 3 {
		return errExtension
	}
	return nil
}

func parseAltNames(value []byte) ([]generalName, error) {
	s, err := content(value, tags.SEQUENCE)
	if err != nil {
		return nil, err
	}
	return parseGeneralNames(s)
}

func parseBasicConstraints(e pkix.Extension) (*basicConstraints, error) {
	s, err := content(e.Value, tags.SEQUENCE)
	if err != nil {
		return nil, err
	}
	b := &basicConstraints{critical: e.Critical, pathLen: -1}
	if s.PeekASN1Tag(tags.BOOLEAN) && !s.ReadASN1Boolean(&b.ca) {
		return nil, errExtension
	}
	if s.PeekASN1Tag(tags.INTEGER) {
		n := new(big.Int)
		if !s.ReadASN1Integer(n) || n.Sign() < 0 {
			return nil, errExtension
		}
		b.pathLen = clamp(n)
	}
	if !s.Empty() {
		return nil, errExtension
	}
	return b, nil
}

// parsePurposes reads an extended key usage (RFC 5280 section 4.2.1.12), which names at least one.
func parsePurposes(value []byte) (*[]asn1.ObjectIdentifier, error) {
	s, err := content(value, tags.SEQUENCE)
	if err != nil || s.Empty() {
		return nil, errExtension
	}
	var purposes []asn1.ObjectIdentifier
	for !s.Empty() {
		var purpose asn1.ObjectIdentifier
		if !s.ReadASN1ObjectIdentifier(&purpose) {
			return nil, errExtension
		}
		purposes = append(purposes, purpose)
	}
	return &purposes, nil
}

// clamp makes a count of certificates an int. No path is so long that the difference is seen.
func clamp(n *big.Int) int {
	const far = 1 << 20
	if n.BitLen() > 20 {
		return far
	}
	return int(n.Int64())
}
