package devicecert_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
)

// connected is a scene in which the device came on a connection of its own and says that this is the proof.
func connected(t testing.TB, mutate func(*x509.Certificate)) *scene {
	t.Helper()
	s := newScene(t, mutate)
	sum := sha256.Sum256(s.device.Certificate.Raw)
	s.input.Connection = sum[:]
	s.input.Body = named(t, s.device.Chain, nil)
	return s
}

// named is evidence that names the connection, with members of a test's choice.
func named(t testing.TB, chain []string, more map[string]any) []byte {
	t.Helper()
	members := map[string]any{"method": "device-certificate", "certificate_chain": chain, "connection": true}
	for name, value := range more {
		members[name] = value
	}
	text, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestConnectionThatIsNamedIsTheProof(t *testing.T) {
	s := connected(t, nil)
	got := s.mustVerify(t)
	if !got.Connection || string(got.CertificateSHA256) != string(s.input.Connection) || string(got.Handle) != string(s.device.Handle()) {
		t.Errorf("claims %+v", got)
	}
}

func TestConnectionThatIsNotNamedCountsForNothing(t *testing.T) {
	s := connected(t, nil)
	s.input.Body = s.device.Evidence(challenge)
	if s.mustVerify(t).Connection {
		t.Error("it counts")
	}
	s.input.Body = named(t, s.device.Chain, map[string]any{"connection": false})
	s.mustRefuse(t, attest.ReasonMalformed)
}

func TestAnotherCertificateThanTheConnectionsIsRefused(t *testing.T) {
	s := connected(t, nil)
	other := s.ca.Device(t, nil)
	s.input.Body = named(t, other.Chain, nil)
	s.mustRefuse(t, attest.ReasonIdentity)

	// Certified once more, the key is the same and the certificate is not the one that was shown.
	again := s.ca.DeviceWithKey(t, s.device.Key, nil)
	s.input.Body = named(t, again.Chain, nil)
	s.mustRefuse(t, attest.ReasonIdentity)
}

func TestWithoutAConnectionNamingItProvesNothing(t *testing.T) {
	s := connected(t, nil)
	for _, sum := range [][]byte{nil, {}, s.input.Connection[:16]} {
		s.input.Connection = sum
		s.mustRefuse(t, attest.ReasonIdentity)
	}
}

func TestConnectionAndSignatureTogetherAreRefused(t *testing.T) {
	for name, more := range map[string]map[string]any{
		"both":             {"algorithm": "ES256", "signature": "AAAA"},
		"a signature":      {"signature": "AAAA"},
		"an algorithm":     {"algorithm": "ES256"},
		"not a truth":      {"connection": "true"},
		"a number":         {"connection": 1},
		"a list":           {"connection": []bool{true}},
		"nothing":          {"connection": nil},
		"the certificate":  {"connection": attesttest.NotAfter},
		"an unknown claim": {"verified": true},
	} {
		t.Run(name, func(t *testing.T) {
			s := connected(t, nil)
			s.input.Body = named(t, s.device.Chain, more)
			s.mustRefuse(t, attest.ReasonMalformed)
		})
	}
}

// Whatever TLS has checked at the handshake, the certificate is judged again, by the same rules and now.
func TestCertificateOfAConnectionIsJudgedLikeAnyOther(t *testing.T) {
	for name, x := range map[string]struct {
		mutate func(*x509.Certificate)
		reason attest.Reason
	}{
		"expired":            {func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) }, attest.ReasonExpired},
		"for servers":        {func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, attest.ReasonPurpose},
		"for anything":       {func(c *x509.Certificate) { c.ExtKeyUsage = nil }, attest.ReasonPurpose},
		"not for signatures": {func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }, attest.ReasonPurpose},
	} {
		t.Run(name, func(t *testing.T) { connected(t, x.mutate).mustRefuse(t, x.reason) })
	}
	s := connected(t, nil)
	s.config.Anchors = nil
	s.mustRefuse(t, attest.ReasonUntrusted)
}

func TestRevocationOfAConnectionsCertificateIsJudgedEachTime(t *testing.T) {
	s := newOperatorScene(t, nil)
	sum := sha256.Sum256(s.device.Certificate.Raw)
	s.input.Connection, s.input.Body = sum[:], named(t, s.device.Chain, nil)
	s.mustVerify(t)
	s.held = nil
	s.mustRefuse(t, attest.ReasonRevocationUnknown)
	if s.asked != 2 {
		t.Errorf("asked %d times", s.asked)
	}
	// Who has not the key makes nobody ask.
	s.input.Connection = nil
	s.mustRefuse(t, attest.ReasonIdentity)
	if s.asked != 2 {
		t.Error("asked for a stranger")
	}
}
