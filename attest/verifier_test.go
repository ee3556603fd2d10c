package attest_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/devicecert"
)

// scene is a recovery in which everything is as it should be.
type scene struct {
	verifier  *attest.Verifier
	device    *attesttest.Device
	statement attest.Statement
	evidence  attest.Evidence
	bound     attest.Binding
	now       time.Time
}

func newScene(t *testing.T) *scene {
	t.Helper()
	ca := attesttest.NewCA(t)
	device := ca.Device(t, nil)
	verifier, err := attest.NewVerifier(devicecert.New(devicecert.Config{
		Anchors: func() []*x509.Certificate { return []*x509.Certificate{ca.Certificate} },
	}))
	if err != nil {
		t.Fatal(err)
	}
	account, err := attest.ParseIdentifier("alice@example.com")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 21, 20, 20, 0, 0, time.UTC)
	s := &scene{
		verifier: verifier,
		device:   device,
		statement: attest.Statement{
			Issuer: "https://id.example.com/recovery", Account: account,
			Actions:  []attest.Action{attest.ActionSignIn},
			Recovery: attest.NewRecoveryID(), Holder: device.Thumbprint(),
			Requested: at, Network: netip.MustParsePrefix("203.0.113.0/24"),
			Nonce: [32]byte{1}, Expires: at.Add(15 * time.Minute),
		},
		bound: attest.Binding{Authenticator: "authenticator-1", Handle: device.Handle()},
		now:   at.Add(10 * time.Second),
	}
	s.sign()
	return s
}

// sign makes the evidence anew, over the statement as it is now.
func (s *scene) sign() {
	s.evidence = attest.Evidence{Method: attest.MethodDeviceCertificate, Body: s.device.Evidence(s.statement.Text())}
}

func (s *scene) appraise() (attest.Result, error) {
	return s.verifier.Appraise(s.statement, s.evidence, attest.Claimant{}, s.bound, s.now)
}

// refused fails the test unless err is a refusal for that reason, and r grants nothing.
func refused(t *testing.T, r attest.Result, err error, reason attest.Reason) {
	t.Helper()
	var e *attest.Error
	if !errors.As(err, &e) || e.Reason != reason {
		t.Errorf("error is %v, not a refusal for reason %s", err, reason)
	}
	if r.Valid() || r.RelayResistant() || r.Authenticator() != "" || r.Claims().Handle != nil {
		t.Errorf("a result came with the refusal: %+v", r)
	}
}

func TestGoodEvidenceGivesAResult(t *testing.T) {
	s := newScene(t)
	r, err := s.appraise()
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case !r.Valid():
		t.Error("not valid")
	case r.Method() != attest.MethodDeviceCertificate || r.Class() != attest.ClassSingleFactorCryptographic:
		t.Errorf("method %s, class %s", r.Method(), r.Class())
	case r.Authenticator() != "authenticator-1" || r.Recovery() != s.statement.Recovery || !r.At().Equal(s.now):
		t.Errorf("result is %+v", r)
	case r.Claims().DeviceID != s.device.ID || !bytes.Equal(r.Claims().Handle, s.device.Handle()):
		t.Errorf("claims are %+v", r.Claims())
	}
}

func TestLocateFindsTheHandle(t *testing.T) {
	s := newScene(t)
	handle, err := s.verifier.Locate(s.evidence, "")
	if err != nil || !bytes.Equal(handle, s.device.Handle()) {
		t.Errorf("handle %x, %v", handle, err)
	}
}

func TestZeroResultGrantsNothing(t *testing.T) {
	var r attest.Result
	if r.Valid() || r.RelayResistant() || r.Authenticator() != "" || r.Recovery() != "" {
		t.Errorf("zero result says %+v", r)
	}
}

func TestResultCannotBeChangedThroughItsClaims(t *testing.T) {
	s := newScene(t)
	r, err := s.appraise()
	if err != nil {
		t.Fatal(err)
	}
	clear(r.Claims().Handle)
	clear(r.Claims().CertificateSHA256)
	if c := r.Claims(); !bytes.Equal(c.Handle, s.device.Handle()) || bytes.Equal(c.CertificateSHA256, make([]byte, 32)) {
		t.Error("claims were changed from outside")
	}
}

func TestOnlyTheHoldersOwnKeyIsRelayResistant(t *testing.T) {
	s := newScene(t)
	r, err := s.appraise()
	if err != nil || !r.RelayResistant() {
		t.Errorf("the device holds the recovery itself: %v, %v", r.RelayResistant(), err)
	}
	s.statement.Holder = attest.HolderOfSecret([]byte("cookie of some browser"))
	s.sign()
	r, err = s.appraise()
	if err != nil || r.RelayResistant() {
		t.Errorf("a browser holds the recovery: %v, %v", r.RelayResistant(), err)
	}
}

// A proof holds for one statement: whichever part of it is another, the signature is wrong.
func TestProofsCannotBeMoved(t *testing.T) {
	for name, change := range map[string]func(*attest.Statement){
		"site":     func(st *attest.Statement) { st.Issuer = "https://evil.example.com/recovery" },
		"account":  func(st *attest.Statement) { st.Account, _ = attest.ParseIdentifier("bob@example.com") },
		"action":   func(st *attest.Statement) { st.Actions = []attest.Action{attest.ActionResetPassword} },
		"recovery": func(st *attest.Statement) { st.Recovery = attest.NewRecoveryID() },
		"holder":   func(st *attest.Statement) { st.Holder = attest.HolderOfSecret([]byte("other")) },
		"time":     func(st *attest.Statement) { st.Requested = st.Requested.Add(time.Second) },
		"network":  func(st *attest.Statement) { st.Network = netip.MustParsePrefix("198.51.100.0/24") },
		"nonce":    func(st *attest.Statement) { st.Nonce[31]++ },
		"expiry":   func(st *attest.Statement) { st.Expires = st.Expires.Add(time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			change(&s.statement)
			r, err := s.appraise()
			refused(t, r, err, attest.ReasonSignature)
		})
	}
}

func TestStatementAgeIsBounded(t *testing.T) {
	for _, tt := range []struct {
		name string
		age  time.Duration
		ok   bool
	}{
		{"at once", 0, true},
		{"at the limit", attest.MaxAge, true},
		{"over the limit", attest.MaxAge + time.Nanosecond, false},
		{"a little in the future", -attest.MaxSkew, true},
		{"in the future", -attest.MaxSkew - time.Nanosecond, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t)
			s.now = s.statement.Requested.Add(tt.age)
			r, err := s.appraise()
			if !tt.ok {
				refused(t, r, err, attest.ReasonExpired)
			} else if err != nil || !r.Valid() {
				t.Error(err)
			}
		})
	}
}

func TestExpiredStatementIsRefused(t *testing.T) {
	s := newScene(t)
	s.statement.Expires = s.statement.Requested.Add(time.Minute)
	s.sign()
	s.now = s.statement.Expires.Add(-time.Nanosecond)
	if _, err := s.appraise(); err != nil {
		t.Error(err)
	}
	s.now = s.statement.Expires
	r, err := s.appraise()
	refused(t, r, err, attest.ReasonExpired)
}

// A value with a line of its own would let the signer see one statement and the gateway another.
func TestStatementThatIsNotOneIsRefused(t *testing.T) {
	for name, change := range map[string]func(*attest.Statement){
		"line in the issuer":      func(st *attest.Statement) { st.Issuer += "\naccount: bob" },
		"line in the holder":      func(st *attest.Statement) { st.Holder += "\nnonce: x" },
		"line in the recovery":    func(st *attest.Statement) { st.Recovery += "\nnonce: x" },
		"two actions in one":      func(st *attest.Statement) { st.Actions = []attest.Action{"sign-in reset-password"} },
		"actions in wrong order":  func(st *attest.Statement) { st.Actions = []attest.Action{"reset-password", "sign-in"} },
		"no action":               func(st *attest.Statement) { st.Actions = nil },
		"no account":              func(st *attest.Statement) { st.Account = attest.Identifier{} },
		"no network":              func(st *attest.Statement) { st.Network = netip.Prefix{} },
		"network with host bits":  func(st *attest.Statement) { st.Network = netip.MustParsePrefix("203.0.113.9/24") },
		"expiry before the start": func(st *attest.Statement) { st.Expires = st.Requested.Add(-time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			change(&s.statement)
			s.sign()
			r, err := s.appraise()
			refused(t, r, err, attest.ReasonMalformed)
		})
	}
}

func TestOnlyTheBoundAuthenticatorCounts(t *testing.T) {
	for name, bound := range map[string]attest.Binding{
		"nothing bound":     {},
		"another handle":    {Authenticator: "authenticator-1", Handle: make([]byte, 32)},
		"empty handle":      {Authenticator: "authenticator-1"},
		"no authenticator":  {Handle: newScene(t).device.Handle()},
		"prefix of handles": {Authenticator: "authenticator-1", Handle: newScene(t).device.Handle()[:31]},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.bound = bound
			if name == "no authenticator" {
				s.bound.Handle = s.device.Handle()
			}
			r, err := s.appraise()
			refused(t, r, err, attest.ReasonIdentity)
		})
	}
}

// Whether an account exists must not show in which refusal bad evidence gets.
func TestEvidenceIsVerifiedAlsoWhenNothingIsBound(t *testing.T) {
	s := newScene(t)
	s.bound = attest.Binding{}
	s.statement.Nonce[0]++
	r, err := s.appraise()
	refused(t, r, err, attest.ReasonSignature)
}

func TestUnconfiguredMethodIsUnsupported(t *testing.T) {
	s := newScene(t)
	s.evidence.Method = "passkey"
	r, err := s.appraise()
	refused(t, r, err, attest.ReasonUnsupported)
	_, err = s.verifier.Locate(s.evidence, "")
	refused(t, attest.Result{}, err, attest.ReasonUnsupported)
}

// fake is a format that does as a test tells it.
type fake struct {
	method attest.Method
	verify func(attest.Input) (attest.Claims, error)
}

func (f fake) Method() attest.Method                               { return f.method }
func (f fake) Locate([]byte, string) ([]byte, error)               { panic("broken parser") }
func (f fake) Verify(in attest.Input) (c attest.Claims, err error) { return f.verify(in) }

func withFake(t *testing.T, verify func(attest.Input) (attest.Claims, error)) *scene {
	t.Helper()
	s := newScene(t)
	verifier, err := attest.NewVerifier(fake{attest.MethodDeviceCertificate, verify})
	if err != nil {
		t.Fatal(err)
	}
	s.verifier = verifier
	return s
}

func TestPanicsAreRefusals(t *testing.T) {
	s := withFake(t, func(in attest.Input) (attest.Claims, error) {
		return attest.Claims{Handle: in.Body[:1<<30]}, nil
	})
	r, err := s.appraise()
	refused(t, r, err, attest.ReasonMalformed)
	handle, err := s.verifier.Locate(s.evidence, "")
	refused(t, attest.Result{}, err, attest.ReasonMalformed)
	if handle != nil {
		t.Errorf("handle %x", handle)
	}
}

func TestEmptyHandlesAreNotEqual(t *testing.T) {
	s := withFake(t, func(attest.Input) (attest.Claims, error) { return attest.Claims{}, nil })
	s.bound.Handle = nil
	r, err := s.appraise()
	refused(t, r, err, attest.ReasonIdentity)
}

// "Could not tell" must not become "refused": the caller answers them differently.
func TestOtherErrorsStayThemselves(t *testing.T) {
	want := errors.New("cannot tell")
	s := withFake(t, func(attest.Input) (attest.Claims, error) { return attest.Claims{}, want })
	r, err := s.appraise()
	if !errors.Is(err, want) || r.Valid() {
		t.Errorf("%v, %v", r, err)
	}
}

func TestVerifierNeedsFormatsOfDifferentMethods(t *testing.T) {
	if _, err := attest.NewVerifier(); err == nil {
		t.Error("verifier without a format")
	}
	if _, err := attest.NewVerifier(fake{method: "a"}, fake{method: "a"}); err == nil {
		t.Error("verifier with one method twice")
	}
	v, err := attest.NewVerifier(fake{method: "b"}, fake{method: "a"})
	if err != nil || !slices.Equal(v.Methods(), []attest.Method{"b", "a"}) {
		t.Errorf("methods %v, %v", v.Methods(), err)
	}
}
