package revocation

import (
	"errors"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/regrant/regrant/attest/certpath"
)

var errPoint = errors.New("distribution point is malformed")

// reasons is a set of the reasons for which a certificate may be revoked, as in ReasonFlags (RFC 5280 section 4.2.1.13).
type reasons uint16

// allReasons are those from keyCompromise (1) to aACompromise (8).
const allReasons reasons = 0x1fe

// point is where a CRL with a scope is found: a DistributionPoint of a certificate.
type point struct {
	names    *certpath.GeneralNames // nil: absent
	reasons  reasons
	indirect bool // by another issuer than the certificate's
}

// points lists the distribution points of a certificate, and always the one that RFC 5280 section 6.3.3 assumes: a CRL by the
// certificate's issuer under its own name, for all reasons.
func points(c *certpath.Certificate) ([]point, error) {
	own := certpath.DirectoryName(c.Issuer)
	list := []point{{names: &own, reasons: allReasons}}
	for _, e := range c.X509.Extensions {
		if e.Id.String() != "2.5.29.31" {
			continue
		}
		var s cryptobyte.String
		outer := cryptobyte.String(e.Value)
		if !outer.ReadASN1(&s, asn1.SEQUENCE) || !outer.Empty() || s.Empty() {
			return nil, errPoint
		}
		for !s.Empty() {
			p, err := readPoint(&s, c.Issuer)
			if err != nil {
				return nil, err
			}
			list = append(list, p)
		}
	}
	return list, nil
}

func readPoint(s *cryptobyte.String, issuer certpath.Name) (point, error) {
	p := point{reasons: allReasons}
	var in, crlIssuer cryptobyte.String
	var err error
	if !s.ReadASN1(&in, asn1.SEQUENCE) {
		return p, errPoint
	}
	if p.names, err = readPointName(&in, issuer); err != nil {
		return p, err
	}
	if in.PeekASN1Tag(implicit(1)) {
		if p.reasons, err = readReasons(&in, implicit(1)); err != nil {
			return p, err
		}
	}
	if !in.ReadOptionalASN1(&crlIssuer, &p.indirect, explicit(2)) || !in.Empty() || p.names == nil && !p.indirect {
		return p, errPoint
	}
	return p, nil
}

// readPointName reads a DistributionPointName if it is there; nil if not. A name may be given relative to that of the issuer.
func readPointName(s *cryptobyte.String, issuer certpath.Name) (*certpath.GeneralNames, error) {
	var choice, value cryptobyte.String
	var tag asn1.Tag
	var there bool
	if !s.ReadOptionalASN1(&choice, &there, explicit(0)) {
		return nil, errPoint
	}
	if !there {
		return nil, nil //nolint:nilnil // absent is an answer
	}
	if !choice.ReadAnyASN1(&value, &tag) || !choice.Empty() {
		return nil, errPoint
	}
	switch tag {
	case explicit(0):
		names, err := certpath.ParseGeneralNames(value)
		return &names, err
	case explicit(1):
		name, err := issuer.Under(value)
		names := certpath.DirectoryName(name)
		return &names, err
	}
	return nil, errPoint
}

func readReasons(s *cryptobyte.String, tag asn1.Tag) (reasons, error) {
	var bits cryptobyte.String
	if !s.ReadASN1(&bits, tag) || len(bits) < 2 || len(bits) > 3 || bits[0] > 7 {
		return 0, errPoint
	}
	var set reasons
	for i := range 8 * (len(bits) - 1) {
		if bits[1+i/8]&(0x80>>(i%8)) != 0 {
			set |= 1 << i
		}
	}
	return set & allReasons, nil
}
