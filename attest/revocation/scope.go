package revocation

import (
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/regrant/regrant/attest/certpath"
)

// scope is an issuingDistributionPoint (RFC 5280 section 5.2.5): which certificates and reasons a CRL is about. The zero value with
// allReasons is that of a CRL without the extension.
type scope struct {
	names          *certpath.GeneralNames
	onlyUsers      bool
	onlyCAs        bool
	onlyAttributes bool
	indirect       bool
	reasons        reasons
}

func parseScope(value cryptobyte.String, issuer certpath.Name) (scope, error) {
	sc := scope{reasons: allReasons}
	var s cryptobyte.String
	var err error
	if !value.ReadASN1(&s, asn1.SEQUENCE) || !value.Empty() || s.Empty() {
		return sc, errPoint
	}
	if sc.names, err = readPointName(&s, issuer); err != nil {
		return sc, err
	}
	if !readFlag(&s, 1, &sc.onlyUsers) || !readFlag(&s, 2, &sc.onlyCAs) {
		return sc, errPoint
	}
	if s.PeekASN1Tag(implicit(3)) {
		if sc.reasons, err = readReasons(&s, implicit(3)); err != nil {
			return sc, err
		}
	}
	if !readFlag(&s, 4, &sc.indirect) || !readFlag(&s, 5, &sc.onlyAttributes) || !s.Empty() {
		return sc, errPoint
	}
	return sc, nil
}

// readFlag reads an implicitly tagged BOOLEAN if it is there; its default is false.
func readFlag(s *cryptobyte.String, tag uint8, into *bool) bool {
	var value cryptobyte.String
	var there bool
	if !s.ReadOptionalASN1(&value, &there, implicit(tag)) {
		return false
	}
	*into = there && string(value) == "\xff"
	return !there || *into || string(value) == "\x00"
}

// covers returns for which reasons the CRL would say that the certificate is revoked: RFC 5280 section 6.3.3 (b)(2) and (d).
func (sc scope) covers(c *certpath.Certificate, points []point) reasons {
	if sc.onlyAttributes || sc.onlyUsers && c.IsCA() || sc.onlyCAs && !c.IsCA() {
		return 0
	}
	var covered reasons
	for _, p := range points {
		if p.indirect {
			continue // its CRL is an indirect one, and of those none is used here
		}
		if sc.names == nil || sc.names.Overlap(*p.names) {
			covered |= p.reasons & sc.reasons
		}
	}
	return covered
}
