package webauthn_test

import (
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/certpath"
	"github.com/regrant/regrant/attest/webauthn"
)

const (
	rpID   = "example.org"
	origin = "https://login.example.org"
)

var (
	now       = time.Date(2026, 11, 21, 20, 20, 0, 0, time.UTC)
	challenge = []byte("what the authenticator signs")
	party     = webauthn.Party{RPIDs: []string{rpID}, Origins: []string{origin}}
)

// scene is an authenticator whose attestations lead to a root.
type scene struct {
	passkey      *attesttest.Passkey
	root         *attesttest.CA
	attester     attesttest.Attester
	registration webauthn.Registration
	assertion    webauthn.Assertion
}

// newScene has an authenticator that attests in a format, see [attesttest.Attester].
func newScene(t testing.TB, format string) *scene {
	t.Helper()
	s := &scene{passkey: attesttest.NewPasskey(t, rpID), root: attesttest.NewCA(t)}
	s.attester = attesttest.Attester{Format: format, CA: s.root}
	s.registration = webauthn.Registration{
		Party: party, Challenge: challenge, Now: now,
		Attestation: webauthn.Attestation{Roots: certpath.NewAll([]*x509.Certificate{s.root.Certificate})},
	}
	if format == "" || format == "self" {
		s.registration.Demand = webauthn.Any
	}
	s.registration.UnverifiedUser = format == "fido-u2f" // which cannot say more
	s.assertion = webauthn.Assertion{Party: party, Challenge: challenge}
	s.store(s.passkey)
	return s
}

// store makes p the credential that assertions are expected of.
func (s *scene) store(p *attesttest.Passkey) {
	count, eligible := p.Count, p.Flags&attesttest.BackupEligible != 0
	s.assertion.Stored = webauthn.Stored{
		PublicKey: attesttest.CBOR(p.COSE()), ID: p.ID, UserHandle: p.UserHandle, SignCount: &count, BackupEligible: &eligible,
	}
}

// register lets the authenticator make its credential known, one thing of which is changed.
func (s *scene) register(t testing.TB, mutate func(*attesttest.Ceremony)) (webauthn.Registered, error) {
	t.Helper()
	s.registration.Credential = s.passkey.Create(t, challenge, origin, s.attester, mutate)
	return webauthn.Register(s.registration)
}

// assert lets the authenticator sign.
func (s *scene) assert(mutate func(*attesttest.Ceremony)) (webauthn.Asserted, error) {
	s.assertion.Credential = s.passkey.Get(challenge, origin, mutate)
	return webauthn.Assert(s.assertion)
}

func (s *scene) mustRegister(t testing.TB, mutate func(*attesttest.Ceremony)) webauthn.Registered {
	t.Helper()
	got, err := s.register(t, mutate)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func (s *scene) mustAssert(t testing.TB, mutate func(*attesttest.Ceremony)) webauthn.Asserted {
	t.Helper()
	got, err := s.assert(mutate)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func (s *scene) mustNotRegister(t testing.TB, reason attest.Reason, mutate func(*attesttest.Ceremony)) {
	t.Helper()
	got, err := s.register(t, mutate)
	mustRefuse(t, got.CredentialID, err, reason)
}

func (s *scene) mustNotAssert(t testing.TB, reason attest.Reason, mutate func(*attesttest.Ceremony)) {
	t.Helper()
	_, err := s.assert(mutate)
	mustRefuse(t, nil, err, reason)
}

func mustRefuse(t testing.TB, claims []byte, err error, reason attest.Reason) {
	t.Helper()
	refused, ok := errors.AsType[*attest.Error](err)
	if !ok || refused.Reason != reason || refused.Detail == "" {
		t.Errorf("error %v, not a refusal for reason %s", err, reason)
	}
	if claims != nil {
		t.Error("claims beside a refusal")
	}
}

type (
	ceremony = attesttest.Ceremony
	pairs    = attesttest.Pairs
	object   = map[string]any
)

func roots(cas ...*attesttest.CA) []*certpath.Certificate {
	var all []*x509.Certificate
	for _, ca := range cas {
		all = append(all, ca.Certificate)
	}
	return certpath.NewAll(all)
}
