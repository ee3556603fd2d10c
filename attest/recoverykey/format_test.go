package recoverykey_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/recoverykey"
)

var format = recoverykey.New()

func enrolling() attest.Enrolling {
	return attest.Enrolling{Issuer: "https://id.example.com/recovery", AccountID: "1", Name: "alice@example.com", Challenge: [32]byte{1}}
}

// enrol binds a key as the gateway does.
func enrol(t testing.TB, p *pair) attest.Binding {
	t.Helper()
	got, err := format.Finish(enrolling(), nil, body(t, p, attest.EnrolmentText(enrolling(), format.Method())))
	if err != nil {
		t.Fatal(err)
	}
	if got.NonExportable || got.Attested || len(got.Shown) != 0 || len(got.Handles) != 1 || got.Detail["key_fingerprint"] == "" {
		t.Fatalf("%+v", got)
	}
	return attest.Binding{Authenticator: "a", Handle: got.Handles[0].Value, Reference: got.Handles[0].Reference}
}

// body is evidence over a text.
func body(t testing.TB, p *pair, text string) []byte {
	t.Helper()
	b, err := p.public.Evidence(p.algorithm, p.sign(text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// change takes evidence apart, lets f alter its members, and puts it together again.
func change(t testing.TB, body []byte, f func(map[string]any)) []byte {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	f(m)
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestEnrolledKeyProves(t *testing.T) {
	for _, algorithm := range algorithms {
		p := newPair(t, algorithm)
		bound, proof := enrol(t, p), body(t, p, challenge)
		named := change(t, proof, func(m map[string]any) { delete(m, "public_key"); m["did"] = p.public.DID() })
		for _, b := range [][]byte{proof, named} {
			at, err := format.Locate(b, "")
			if err != nil || !bytes.Equal(at, bound.Handle) {
				t.Fatalf("%s: located at %x, %v", algorithm, at, err)
			}
			got, err := format.Verify(attest.Input{Body: b, Challenge: []byte(challenge), Bound: bound})
			if err != nil || !bytes.Equal(got.Handle, bound.Handle) || got.HolderKey {
				t.Errorf("%s: %+v, %v", algorithm, got, err)
			}
		}
	}
}

func TestWhatIsStoredNamesItsAlgorithmAndNothingSecret(t *testing.T) {
	p := newPair(t, "RS256")
	if got := string(enrol(t, p).Reference); got != `{"algorithm":"RS256","public_key":`+string(p.public.JWK())+`}` {
		t.Error(got)
	}
}

func TestKeyIsUsedWithTheAlgorithmOfItsEnrolment(t *testing.T) {
	p := newPair(t, "RS256")
	bound := enrol(t, p)
	p.algorithm = "PS256"
	_, err := format.Verify(attest.Input{Body: body(t, p, challenge), Challenge: []byte(challenge), Bound: bound})
	refused(t, err, attest.ReasonKey)
}

func TestEvidenceIsJudgedByTheBoundKey(t *testing.T) {
	bound := enrol(t, newPair(t, "Ed25519"))
	_, err := format.Verify(attest.Input{Body: body(t, newPair(t, "Ed25519"), challenge), Challenge: []byte(challenge), Bound: bound})
	refused(t, err, attest.ReasonSignature)
}

func TestKeyThatNobodyBoundIsRefused(t *testing.T) {
	for _, algorithm := range algorithms {
		_, err := format.Verify(attest.Input{Body: body(t, newPair(t, algorithm), challenge), Challenge: []byte(challenge)})
		refused(t, err, attest.ReasonIdentity)
	}
}

func TestRecordThatCannotBeReadTellsNothing(t *testing.T) {
	p := newPair(t, "Ed25519")
	bound := enrol(t, p)
	bound.Reference = []byte("{")
	_, err := format.Verify(attest.Input{Body: body(t, p, challenge), Challenge: []byte(challenge), Bound: bound})
	if _, refusal := err.(*attest.Error); err == nil || refusal { //nolint:errorlint // of just this type
		t.Errorf("%v", err)
	}
}

func TestEvidenceMembersAreExact(t *testing.T) {
	p := newPair(t, "Ed25519")
	good := body(t, p, challenge)
	bad := map[string][]byte{
		"member twice": bytes.Replace(good, []byte("{"), []byte(`{"did":"x","did":"x",`), 1),
		"no object":    []byte("[]"),
		"deep":         bytes.Replace(good, []byte(`"Ed25519"`), []byte(strings.Repeat("[", 100)+strings.Repeat("]", 100)), 1),
	}
	for name, f := range map[string]func(map[string]any){
		"unknown member":         func(m map[string]any) { m["note"] = "" },
		"other method":           func(m map[string]any) { m["method"] = "ssh-key" },
		"no method":              func(m map[string]any) { delete(m, "method") },
		"no key":                 func(m map[string]any) { delete(m, "public_key") },
		"key and DID":            func(m map[string]any) { m["did"] = p.public.DID() },
		"key that is a string":   func(m map[string]any) { m["public_key"] = "x" },
		"key that is null":       func(m map[string]any) { m["public_key"] = nil },
		"no signature":           func(m map[string]any) { delete(m, "signature") },
		"empty signature":        func(m map[string]any) { m["signature"] = "" },
		"signature with padding": func(m map[string]any) { m["signature"] = m["signature"].(string) + "==" },
		"signature too large":    func(m map[string]any) { m["signature"] = strings.Repeat("A", 4096) },
	} {
		bad[name] = change(t, good, f)
	}
	for name, b := range bad {
		t.Run(name, func(t *testing.T) {
			_, err := format.Locate(b, "")
			refused(t, err, attest.ReasonMalformed)
			_, err = format.Verify(attest.Input{Body: b, Challenge: []byte(challenge), Bound: enrol(t, p)})
			refused(t, err, attest.ReasonMalformed)
		})
	}
	_, err := format.Verify(attest.Input{
		Body: change(t, good, func(m map[string]any) { delete(m, "algorithm") }), Challenge: []byte(challenge),
	})
	refused(t, err, attest.ReasonUnsupported)
}

func TestEnrolmentNeedsASignatureOverItsOwnText(t *testing.T) {
	p := newPair(t, "Ed25519")
	good := body(t, p, attest.EnrolmentText(enrolling(), format.Method()))
	for name, tt := range map[string]struct {
		body   []byte
		reason attest.Reason
	}{
		"over another text":  {body(t, p, attest.EnrolmentText(attest.Enrolling{}, format.Method())), attest.ReasonSignature},
		"for another method": {body(t, p, attest.EnrolmentText(enrolling(), attest.MethodSSHKey)), attest.ReasonSignature},
		"over a statement":   {body(t, p, challenge), attest.ReasonSignature},
		"of another method":  {change(t, good, func(m map[string]any) { m["method"] = "ssh-key" }), attest.ReasonMalformed},
		"by another key":     {change(t, good, func(m map[string]any) { m["public_key"] = json.RawMessage(rfc8037) }), attest.ReasonSignature},
		"unknown member":     {change(t, good, func(m map[string]any) { m["label"] = "x" }), attest.ReasonMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := format.Finish(enrolling(), nil, tt.body)
			refused(t, err, tt.reason)
			if got.Handles != nil {
				t.Error("something was bound")
			}
		})
	}
	if _, err := format.Finish(enrolling(), nil, change(t, good, func(m map[string]any) { delete(m, "method") })); err != nil {
		t.Errorf("without method: %v", err)
	}
}

// the modulus tells.
func TestKeyThatLeaksItsPrimesIsNotEnrolled(t *testing.T) {
	p := newPair(t, "PS256")
	enrol(t, p)
	var err error
	p.private = attesttest.NewROCAKey(t, 2048)
	if p.public, err = recoverykey.NewKey(p.private.Public()); err != nil {
		t.Fatal(err)
	}
	_, err = format.Finish(enrolling(), nil, body(t, p, attest.EnrolmentText(enrolling(), format.Method())))
	refused(t, err, attest.ReasonKey)
}

func TestClientIsToldWhatToSign(t *testing.T) {
	prompt, err := format.Begin(enrolling(), []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	var options map[string]string
	if err := json.Unmarshal(prompt.Options, &options); err != nil || len(options) != 1 || options["text"] != attest.EnrolmentText(enrolling(), format.Method()) {
		t.Errorf("%s, %v", prompt.Options, err)
	}
	if _, err := format.Begin(enrolling(), []byte(`{"x":1}`)); err == nil {
		t.Error("unknown member accepted")
	}
}
