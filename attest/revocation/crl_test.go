package revocation_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/revocation"
)

func id29(n int, critical bool, value string) pkix.Extension {
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, n}, Critical: critical, Value: []byte(value)}
}

var unknown = pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, Critical: true, Value: []byte{5, 0}}

func (s *scene) entry(e ...pkix.Extension) []attesttest.Revoked {
	return []attesttest.Revoked{{Serial: s.device.Certificate.SerialNumber, Extensions: e}}
}

// RFC 5280 section 5.3.1: every reason means revoked, also a hold.
func TestEveryReasonMeansRevoked(t *testing.T) {
	s := newScene(t)
	for reason := range byte(11) {
		s.aboutDevice(t, func(l *attesttest.CRL) { l.Revoked = s.entry(id29(21, false, "\x0a\x01"+string(rune(reason)))) })
		s.mustRefuse(t, attest.ReasonRevoked)
	}
	s.aboutDevice(t, func(l *attesttest.CRL) { l.Revoked = s.entry() })
	s.mustRefuse(t, attest.ReasonRevoked)
}

// RFC 5280 section 6.3.3: what is wrong with a list makes it say nothing.
func TestCRLThatDoesNotCountSaysNothing(t *testing.T) {
	stranger := attesttest.NewCA(t)
	malformed := []string{"version 1 with extensions", "version 3", "extension twice", "scope of nothing"}
	for name, mutate := range map[string]func(*scene) func(*attesttest.CRL){
		"stale": func(*scene) func(*attesttest.CRL) { return func(l *attesttest.CRL) { l.NextUpdate = now } },
		"from the future": func(*scene) func(*attesttest.CRL) {
			return func(l *attesttest.CRL) { l.ThisUpdate = now.Add(time.Second) }
		},
		"no next update": func(*scene) func(*attesttest.CRL) { return func(l *attesttest.CRL) { l.NextUpdate = time.Time{} } },
		"another issuer": func(*scene) func(*attesttest.CRL) {
			return func(l *attesttest.CRL) { l.Issuer = stranger.Certificate.RawSubject }
		},
		"another signer":    func(*scene) func(*attesttest.CRL) { return func(l *attesttest.CRL) { l.Signer = stranger.Key } },
		"no number":         with(id29(35, false, "\x30\x00")),
		"number critical":   with(id29(20, true, "\x02\x01\x07")),
		"delta":             with(attesttest.CRLNumber, id29(27, true, "\x02\x01\x07")),
		"indirect":          with(attesttest.CRLNumber, id29(28, true, "\x30\x03\x84\x01\xff")),
		"only CAs":          with(attesttest.CRLNumber, id29(28, true, "\x30\x03\x82\x01\xff")),
		"only attributes":   with(attesttest.CRLNumber, id29(28, true, "\x30\x03\x85\x01\xff")),
		"only some reasons": with(attesttest.CRLNumber, id29(28, true, "\x30\x04\x83\x02\x01\x60")),
		"another place":     with(attesttest.CRLNumber, id29(28, true, "\x30\x13\xa0\x11\xa0\x0f\x86\x0dhttp://a.test")),
		"unknown critical":  with(attesttest.CRLNumber, unknown),
		"unknown critical in an entry": func(s *scene) func(*attesttest.CRL) {
			return func(l *attesttest.CRL) { l.Revoked = s.entry(unknown) }
		},
		"entry of another issuer": func(s *scene) func(*attesttest.CRL) {
			return func(l *attesttest.CRL) { l.Revoked = s.entry(id29(29, true, "\x30\x00")) }
		},
		"version 1 with extensions": func(*scene) func(*attesttest.CRL) { return func(l *attesttest.CRL) { l.Version = -1 } },
		"version 3":                 func(*scene) func(*attesttest.CRL) { return func(l *attesttest.CRL) { l.Version = 2 } },
		"extension twice":           with(attesttest.CRLNumber, attesttest.CRLNumber),
		"scope of nothing":          with(attesttest.CRLNumber, id29(28, true, "\x30\x00")),
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.aboutDevice(t, mutate(s)).mustRefuse(t, attest.ReasonRevocationUnknown)
			if _, err := revocation.ParseCRL(s.crls[1]); (err != nil) != slices.Contains(malformed, name) {
				t.Errorf("parsing: %v", err)
			}
		})
	}
}

func with(e ...pkix.Extension) func(*scene) func(*attesttest.CRL) {
	return func(*scene) func(*attesttest.CRL) { return func(l *attesttest.CRL) { l.Extensions = e } }
}

func TestCRLThatCountsIsBelieved(t *testing.T) {
	harmless := unknown
	harmless.Critical = false
	for name, mutate := range map[string]func(*attesttest.CRL){
		"this second":              func(l *attesttest.CRL) { l.ThisUpdate = now },
		"to the last second":       func(l *attesttest.CRL) { l.NextUpdate = now.Add(time.Second) },
		"unknown and not critical": func(l *attesttest.CRL) { l.Extensions = append(l.Extensions, harmless) },
		"only users":               func(l *attesttest.CRL) { l.Extensions = append(l.Extensions, id29(28, true, "\x30\x03\x81\x01\xff")) },
		"version 1":                func(l *attesttest.CRL) { l.Version, l.Extensions = -1, nil },
		"no extensions":            func(l *attesttest.CRL) { l.Extensions = nil },
		"identifier of the key":    func(l *attesttest.CRL) { l.Extensions = append(l.Extensions, id29(35, false, "\x30\x00")) },
		"another certificate revoked": func(l *attesttest.CRL) {
			l.Revoked = []attesttest.Revoked{{Serial: attesttest.NewCA(t).Certificate.SerialNumber}}
		},
	} {
		t.Run(name, func(t *testing.T) { newScene(t).aboutDevice(t, mutate).mustBeGood(t) })
	}
}

// RFC 5280 section 5: lists of version 1 are read too, and what they revoke is revoked.
func TestListOfVersion1Revokes(t *testing.T) {
	s := newScene(t)
	s.aboutDevice(t, func(l *attesttest.CRL) { l.Version, l.Extensions, l.Revoked = -1, nil, s.entry() })
	s.mustRefuse(t, attest.ReasonRevoked)
}

func TestAgeIsBoundedBesidesNextUpdate(t *testing.T) {
	s := newScene(t)
	s.policy.MaxCRLAge = 59 * time.Minute
	s.mustRefuse(t, attest.ReasonRevocationUnknown)
	s.policy.MaxCRLAge = time.Hour
	s.mustBeGood(t)
	s.aboutDevice(t, func(l *attesttest.CRL) { l.NextUpdate = time.Time{} }).mustBeGood(t)
	s.aboutDevice(t, func(l *attesttest.CRL) { l.NextUpdate = now }).mustRefuse(t, attest.ReasonRevocationUnknown)
}

func TestIssuerMustBeAllowedToSignCRLs(t *testing.T) {
	sceneWith(t, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign }, nil).mustRefuse(t, attest.ReasonRevocationUnknown)
	sceneWith(t, func(c *x509.Certificate) { c.KeyUsage = 0 }, nil).mustBeGood(t)
}

const place = "http://crl.test/a"

func placed(reasons string) pkix.Extension {
	name := "\xa0\x15\xa0\x13\x86\x11" + place
	return id29(28, true, "\x30"+string(rune(len(name)+len(reasons)))+name+reasons)
}

func TestDistributionPointIsMatched(t *testing.T) {
	scoped := func(l *attesttest.CRL) { l.Extensions = append(slices.Clone(l.Extensions), placed("")) }
	at := func(where string) *scene {
		return sceneWith(t, nil, func(c *x509.Certificate) { c.CRLDistributionPoints = []string{where} })
	}
	at(place).aboutDevice(t, scoped).mustBeGood(t)
	at(place+"b").aboutDevice(t, scoped).mustRefuse(t, attest.ReasonRevocationUnknown)
	at(place).mustBeGood(t) // by a list that is for all places
	newScene(t).aboutDevice(t, scoped).mustRefuse(t, attest.ReasonRevocationUnknown)

	bad := sceneWith(t, nil, func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{id29(31, false, "\x30\x02\x30\x00")} })
	bad.mustRefuse(t, attest.ReasonRevocationUnknown)
}

// RFC 5280 section 6.3.3 (d) and (l): lists for some reasons count together once all are covered.
func TestListsForSomeReasonsCountTogether(t *testing.T) {
	s := newScene(t)
	some := func(reasons string) []byte {
		return s.issuing.CRL(t, now, func(l *attesttest.CRL) { l.Extensions = append(l.Extensions[:1:1], id29(28, true, reasons)) })
	}
	few, others := some("\x30\x04\x83\x02\x05\x60"), some("\x30\x05\x83\x03\x07\x1f\x80")
	s.crls = [][]byte{s.crls[0], few}
	s.mustRefuse(t, attest.ReasonRevocationUnknown)
	s.crls = append(s.crls, others)
	s.mustBeGood(t)
}

// RFC 5280 section 6.3.3 (f): the signer may have another certificate than the CA on the path, if it leads to the same anchor.
func TestSeparateSignerOfACRLNeedsAPathToTheSameAnchor(t *testing.T) {
	s := newScene(t)
	key := attesttest.NewKey(t)
	signer := func(by *attesttest.CA, mutate func(*x509.Certificate)) *x509.Certificate {
		return by.DeviceWithKey(t, key, func(c *x509.Certificate) {
			c.RawSubject, c.KeyUsage, c.ExtKeyUsage, c.URIs = s.issuing.Certificate.RawSubject, x509.KeyUsageCRLSign, nil, nil
			if mutate != nil {
				mutate(c)
			}
		}).Certificate
	}
	s.aboutDevice(t, func(l *attesttest.CRL) { l.Signer = key })
	s.mustRefuse(t, attest.ReasonRevocationUnknown)
	s.bag = []*x509.Certificate{signer(s.root, nil)}
	s.mustBeGood(t)
	s.bag = []*x509.Certificate{signer(attesttest.NewCA(t), nil)}
	s.mustRefuse(t, attest.ReasonRevocationUnknown)
	s.bag = []*x509.Certificate{signer(s.root, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature })}
	s.mustRefuse(t, attest.ReasonRevocationUnknown)
	s.bag = []*x509.Certificate{signer(s.root, nil)}
	s.crls[0] = s.root.CRL(t, now, func(l *attesttest.CRL) { l.Revoked = []attesttest.Revoked{{Serial: s.bag[0].SerialNumber}} })
	s.mustRefuse(t, attest.ReasonRevocationUnknown)
}

// A serial number spelled with a needless octet would not be found in the list.
func TestSerialNumberInAnotherSpellingIsRefused(t *testing.T) {
	s := sceneWith(t, nil, func(c *x509.Certificate) { c.SerialNumber = big.NewInt(0x7777777777777777) })
	spelled := s.issuing.CRL(t, now, func(l *attesttest.CRL) { l.Revoked = []attesttest.Revoked{{Serial: big.NewInt(0x0100777777777777)}} })
	spelled = bytes.Replace(spelled, []byte("\x02\x08\x01\x00\x77"), []byte("\x02\x08\x00\x00\x77"), 1)
	if _, err := revocation.ParseCRL(spelled); err == nil {
		t.Error("accepted")
	}
}

func FuzzParseCRL(f *testing.F) {
	s := newScene(f)
	f.Add(s.crls[0])
	f.Add(s.issuing.CRL(f, now, func(l *attesttest.CRL) {
		l.Revoked = s.entry(id29(21, false, "\x0a\x01\x01"))
		l.Extensions = append(l.Extensions[:1:1], placed("\x83\x02\x01\x60"))
	}))
	path, bag := s.path(f)
	f.Fuzz(func(t *testing.T, der []byte) {
		l, err := revocation.ParseCRL(der)
		if err != nil {
			return
		}
		// Whatever parses and was not made here says good of nothing.
		if s.policy.Check(path, bag, revocation.Statements{CRLs: []*revocation.CRL{l}}) == nil {
			t.Error("one list says good of two issuers' certificates")
		}
	})
}
