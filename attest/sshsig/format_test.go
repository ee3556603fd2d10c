package sshsig_test

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"encoding/json"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/sshsig"
)

const issuer = "https://id.example.com/recovery"

var format = sshsig.New(sshsig.Config{Issuer: issuer})

// enrol binds a key as the gateway does.
func enrol(t testing.TB, s *scene) attest.Binding {
	t.Helper()
	h := mustFinish(t, s, s.public()).Handles[0]
	return attest.Binding{Authenticator: "a", Handle: h.Value, Reference: h.Reference, Counter: h.Counter}
}

func mustFinish(t testing.TB, s *scene, public string) attest.Enrolled {
	t.Helper()
	e := enrolling()
	got, err := format.Finish(e, nil, object(t, "public_key", public, "signature", s.over(attest.EnrolmentText(e, format.Method()))))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func enrolling() attest.Enrolling {
	return attest.Enrolling{Issuer: issuer, AccountID: "1", Name: "alice@example.com", Challenge: [32]byte{1}}
}

func evidence(t testing.TB, s *scene) []byte {
	t.Helper()
	return object(t, "method", "ssh-key", "signature", s.armoured())
}

func object(t testing.TB, members ...string) []byte {
	t.Helper()
	m := map[string]string{}
	for i := 0; i < len(members); i += 2 {
		m[members[i]] = members[i+1]
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// the modulus tells.
func TestKeyThatLeaksItsPrimesIsNotEnrolled(t *testing.T) {
	enrol(t, newScene(t, rsaKey(t, 3072)))
	s, e := newScene(t, attesttest.NewROCAKey(t, 3072)), enrolling()
	_, err := format.Finish(e, nil, object(t, "public_key", s.public(), "signature", s.over(attest.EnrolmentText(e, format.Method()))))
	refused(t, err, attest.ReasonKey)
}

func TestEnrolledKeyProves(t *testing.T) {
	s := newScene(t, ed25519Key(t))
	bound := enrol(t, s)
	at, err := format.Locate(evidence(t, s), "")
	if err != nil || !bytes.Equal(at, bound.Handle) {
		t.Fatalf("located at %x, %v", at, err)
	}
	got, err := format.Verify(attest.Input{Body: evidence(t, s), Challenge: []byte(challenge), Bound: bound})
	if err != nil || !bytes.Equal(got.Handle, bound.Handle) || got.HolderKey || got.Counter != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestWhatIsStoredNamesItsAlgorithm(t *testing.T) {
	s := newScene(t, ecdsaKey(t, elliptic.P384()))
	e := mustFinish(t, s, s.public())
	var stored map[string]string
	if err := json.Unmarshal(e.Handles[0].Reference, &stored); err != nil || stored["algorithm"] != "ecdsa-sha2-nistp384" || len(stored) != 2 {
		t.Errorf("%v, %v", stored, err)
	}
	if e.NonExportable || e.Attested || len(e.Shown) != 0 || len(e.Handles) != 1 || !strings.HasPrefix(e.Detail["key_fingerprint"], "SHA256:") {
		t.Errorf("%+v", e)
	}
}

// The key and its type are those of the account's record, whatever the evidence names.
func TestEvidenceIsJudgedByTheBoundKey(t *testing.T) {
	alice, mallory := newScene(t, ed25519Key(t)), newScene(t, ed25519Key(t))
	bound := enrol(t, alice)
	_, err := format.Verify(attest.Input{Body: evidence(t, mallory), Challenge: []byte(challenge), Bound: bound})
	refused(t, err, attest.ReasonIdentity)
	mallory.key = alice.key // says that it is Alice's
	_, err = format.Verify(attest.Input{Body: evidence(t, mallory), Challenge: []byte(challenge), Bound: bound})
	refused(t, err, attest.ReasonSignature)
}

func TestKeyThatNobodyBoundIsRefusedAfterTheWork(t *testing.T) {
	for name, key := range map[string]crypto.Signer{
		"Ed25519": ed25519Key(t), "P-256": ecdsaKey(t, elliptic.P256()), "P-384": ecdsaKey(t, elliptic.P384()),
		"P-521": ecdsaKey(t, elliptic.P521()), "RSA": rsaKey(t, 3072),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := format.Verify(attest.Input{Body: evidence(t, newScene(t, key)), Challenge: []byte(challenge)})
			refused(t, err, attest.ReasonIdentity)
		})
	}
}

func TestRecordThatCannotBeReadTellsNothing(t *testing.T) {
	s := newScene(t, ed25519Key(t))
	bound := enrol(t, s)
	bound.Reference = []byte("{")
	_, err := format.Verify(attest.Input{Body: evidence(t, s), Challenge: []byte(challenge), Bound: bound})
	if _, refusal := err.(*attest.Error); err == nil || refusal { //nolint:errorlint // of just this type
		t.Errorf("%v", err)
	}
}

func TestEvidenceMembersAreExact(t *testing.T) {
	s := newScene(t, ed25519Key(t))
	for name, body := range map[string][]byte{
		"unknown member": object(t, "method", "ssh-key", "signature", s.armoured(), "public_key", s.public()),
		"other method":   object(t, "method", "recovery-key", "signature", s.armoured()),
		"no method":      object(t, "signature", s.armoured()),
		"no signature":   object(t, "method", "ssh-key"),
		"member twice":   bytes.Replace(evidence(t, s), []byte("{"), []byte(`{"method":"ssh-key",`), 1),
		"no object":      []byte("[]"),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := format.Locate(body, "")
			refused(t, err, attest.ReasonMalformed)
			_, err = format.Verify(attest.Input{Body: body, Challenge: []byte(challenge)})
			refused(t, err, attest.ReasonMalformed)
		})
	}
}

func TestNoChallengeIsRefused(t *testing.T) {
	s := newScene(t, ed25519Key(t))
	_, err := format.Verify(attest.Input{Body: evidence(t, s), Bound: enrol(t, s)})
	refused(t, err, attest.ReasonChallenge)
}

func TestVerificationMayBeDemanded(t *testing.T) {
	s := newScene(t, ed25519Key(t))
	strict := sshsig.New(sshsig.Config{Issuer: issuer, UserVerification: true})
	_, err := strict.Verify(attest.Input{Body: evidence(t, s), Challenge: []byte(challenge), Bound: enrol(t, s)})
	refused(t, err, attest.ReasonPresence)
}

func TestEnrolmentNeedsASignatureOverItsOwnText(t *testing.T) {
	s := newScene(t, ed25519Key(t))
	e := enrolling()
	text := attest.EnrolmentText(e, format.Method())
	other := e
	other.Challenge[0]++
	for name, tt := range map[string]struct {
		e      attest.Enrolling
		body   []byte
		reason attest.Reason
	}{
		"another enrolment": {other, object(t, "public_key", s.public(), "signature", s.over(text)), attest.ReasonSignature},
		"a statement":       {e, object(t, "public_key", s.public(), "signature", s.armoured()), attest.ReasonSignature},
		"another key":       {e, object(t, "public_key", newScene(t, ed25519Key(t)).public(), "signature", s.over(text)), attest.ReasonIdentity},
		"no key":            {e, object(t, "signature", s.over(text)), attest.ReasonMalformed},
		"no signature":      {e, object(t, "public_key", s.public()), attest.ReasonMalformed},
		"unknown member":    {e, object(t, "public_key", s.public(), "signature", s.over(text), "method", "ssh-key"), attest.ReasonMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := format.Finish(tt.e, nil, tt.body)
			refused(t, err, tt.reason)
			if got.Handles != nil {
				t.Error("something was bound")
			}
		})
	}
}

func TestClientIsToldWhatToSign(t *testing.T) {
	prompt, err := format.Begin(enrolling(), []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	var options map[string]string
	if err := json.Unmarshal(prompt.Options, &options); err != nil || options["namespace"] != namespace ||
		options["text"] != attest.EnrolmentText(enrolling(), attest.MethodSSHKey) {
		t.Errorf("%s, %v", prompt.Options, err)
	}
	if _, err := format.Begin(enrolling(), []byte(`{"x":1}`)); err == nil {
		t.Error("unknown member accepted")
	}
	if got, err := format.Prompt(attest.Statement{}); err != nil || string(got) != `{"namespace":"`+namespace+`"}` {
		t.Errorf("%s, %v", got, err)
	}
}

func TestNamespaceIsTheIssuersHost(t *testing.T) {
	for issuer, want := range map[string]string{
		"https://id.example.com/recovery": "recovery@id.example.com", "https://localhost:8443/recovery": "recovery@localhost:8443",
		"": "", "nonsense": "", "://": "",
	} {
		if got := sshsig.Namespace(issuer); got != want {
			t.Errorf("%q: %q", issuer, got)
		}
	}
}
