package webauthn_test

import (
	"crypto/x509"
	"math/big"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/android"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/webauthn"
)

// listed is Google's list with one serial number.
func listed(t testing.TB, serial *big.Int) func() *android.Status {
	t.Helper()
	list, err := android.ParseStatus([]byte(`{"entries":{"` + serial.Text(16) + `":{"status":"REVOKED"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	return func() *android.Status { return list }
}

var stranger = big.NewInt(0xabcdef)

// newPhone has an attestation key below the root.
func newPhone(t testing.TB) (s *scene, key *attesttest.CA) {
	t.Helper()
	s = newScene(t, "android-key")
	key = s.root.Intermediate(t, func(c *x509.Certificate) { c.SerialNumber = big.NewInt(0xa11ce) })
	s.attester.CA = key
	s.attester.Certificate = func(c *x509.Certificate) { c.SerialNumber = big.NewInt(0xbeef) }
	s.registration.AndroidStatus = listed(t, stranger)
	return s, key
}

// each certificate, from the root to the key's own.
func TestAndroidsRevokedCertificatesAttestNothing(t *testing.T) {
	s, key := newPhone(t)
	for name, serial := range map[string]*big.Int{
		"key": big.NewInt(0xbeef), "attestation key": key.Certificate.SerialNumber, "root": s.root.Certificate.SerialNumber,
	} {
		t.Run(name, func(t *testing.T) {
			for _, demand := range []webauthn.Demand{webauthn.Required, webauthn.Verified, webauthn.Any} {
				s.registration.Demand = demand
				s.registration.AndroidStatus = listed(t, stranger)
				if got := s.mustRegister(t, nil); !got.Attested {
					t.Errorf("registered %+v", got)
				}
				s.registration.AndroidStatus = listed(t, serial)
				s.mustNotRegister(t, attest.ReasonRevoked, nil)
			}
		})
	}
}

// Whoever vouches for it.
func TestAndroidsListCountsWithoutARoot(t *testing.T) {
	s, key := newPhone(t)
	s.registration.Roots, s.registration.Demand = nil, webauthn.Verified
	s.mustRegister(t, nil)
	s.registration.AndroidStatus = listed(t, key.Certificate.SerialNumber)
	s.mustNotRegister(t, attest.ReasonRevoked, nil)
}

func TestWithoutAndroidsListItCannotBeTold(t *testing.T) {
	s, _ := newPhone(t)
	s.mustRegister(t, nil)
	s.registration.AndroidStatus = func() *android.Status { return nil }
	s.mustNotRegister(t, attest.ReasonRevocationUnknown, nil)
	s.registration.Roots = roots(attesttest.NewCA(t))
	s.mustNotRegister(t, attest.ReasonUntrusted, nil) // which can be told
	s.registration.Roots = roots(s.root)
	s.registration.AndroidStatus = nil // not consulted
	s.mustRegister(t, nil)
}

func TestAndroidsListSaysNothingOfOtherFormats(t *testing.T) {
	for _, format := range []string{"packed", "tpm", "apple", "fido-u2f"} {
		s := newScene(t, format)
		s.registration.AndroidStatus = listed(t, s.root.Certificate.SerialNumber)
		s.mustRegister(t, nil)
		s.registration.AndroidStatus = func() *android.Status { return nil }
		s.mustRegister(t, nil)
	}
}
