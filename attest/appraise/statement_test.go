package appraise_test

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
)

// statements are good requests about the device, by the member that carries the statement.
func (s *scene) statements(t testing.TB) map[string]object {
	t.Helper()
	return map[string]object{"crl": s.crl(t, nil), "response": s.ocsp(t, nil)}
}

// The issuer of a device outlives it: what it says of a certificate that is over, or not yet there, is not that it is good.
func TestStatementAboutACertificateOfAnotherTimeIsRefused(t *testing.T) {
	for name, change := range map[string]func(*x509.Certificate){
		"earlier": func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) },
		"later":   func(c *x509.Certificate) { c.NotBefore = now.Add(time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			for _, q := range s.statements(t) {
				mustAccept(t, q)
			}
			s.device = s.issuing.Device(t, change)
			for _, q := range s.statements(t) {
				mustRefuse(t, q, attest.ReasonExpired)
			}
		})
	}
}

func TestStatementNeedsTheWholePair(t *testing.T) {
	s := newScene(t)
	for member, q := range s.statements(t) {
		t.Run(member, func(t *testing.T) {
			mustAccept(t, q)
			good := q["evidence"].(object)
			for _, name := range []string{"certificate", "issuer", member} {
				mustFail(t, in(q, "evidence", object{name: nil}))
				q["evidence"] = good
				mustRefuse(t, in(q, "evidence", object{name: "!"}), attest.ReasonMalformed)
				q["evidence"] = good
			}
			mustRefuse(t, in(q, "evidence", object{"issuer": s.device.Chain[1] + s.device.Chain[1]}), attest.ReasonMalformed)
		})
	}
}

func TestStatementMustBeFresh(t *testing.T) {
	s := newScene(t)
	mustRefuse(t, s.ocsp(t, func(r *attesttest.OCSP) { r.Singles[0].NextUpdate = now }), attest.ReasonRevocationUnknown)
	mustRefuse(t, s.ocsp(t, func(r *attesttest.OCSP) { r.Singles[0].NextUpdate = time.Time{} }), attest.ReasonRevocationUnknown)
	mustRefuse(t, s.crl(t, func(l *attesttest.CRL) { l.NextUpdate = time.Time{} }), attest.ReasonRevocationUnknown)
	for member, age := range map[string]string{"crl": "max_crl_age", "response": "max_ocsp_age"} {
		t.Run(age, func(t *testing.T) {
			mustAccept(t, in(s.statements(t)[member], "trust", object{age: "1h"}))
			mustRefuse(t, in(s.statements(t)[member], "trust", object{age: "59m"}), attest.ReasonRevocationUnknown)
		})
	}
	mustAccept(t, in(s.crl(t, nil), "trust", object{"max_ocsp_age": "59m"})) // says nothing of the other kind
	mustAccept(t, in(s.ocsp(t, nil), "trust", object{"max_crl_age": "59m"}))
	unlimited := s.ocsp(t, func(r *attesttest.OCSP) { r.Singles[0].NextUpdate = time.Time{} })
	mustAccept(t, in(unlimited, "trust", object{"max_ocsp_age": "1h"}))
}

// A bag may be big, and is bounded: leaf and bag together.
func TestManyCertificatesAreRefused(t *testing.T) {
	s := newScene(t)
	for name, q := range map[string]object{"x509-chain": s.chain(), "x509-signature": s.signature(), "android-key": goodAndroid(t), "apple-device": goodApple(t)} {
		t.Run(name, func(t *testing.T) {
			good := q["evidence"].(object)["certificates"].([]string)
			filled := func(n int) []string {
				list := append([]string(nil), good...)
				for len(list) < n {
					list = append(list, good[len(good)-1])
				}
				return list
			}
			mustAccept(t, q)
			if name == "x509-chain" || name == "x509-signature" { // those of devices have a smaller bound, their room's
				mustAccept(t, in(q, "evidence", object{"certificates": filled(256)}))
			}
			mustRefuse(t, in(q, "evidence", object{"certificates": filled(257)}), attest.ReasonMalformed)
		})
	}
}
