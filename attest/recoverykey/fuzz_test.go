package recoverykey_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/regrant/regrant/attest"
)

// FuzzFormat gives all that is read the same text: evidence, what begins an enrolment and what ends it; and what is stored of a key.
func FuzzFormat(f *testing.F) {
	for _, algorithm := range []string{"Ed25519", "ES256", "PS256"} {
		p := newPair(f, algorithm)
		reference, proof := enrol(f, p).Reference, body(f, p, challenge)
		f.Add(proof, reference)
		f.Add(change(f, proof, func(m map[string]any) { delete(m, "public_key"); m["did"] = p.public.DID() }), reference)
		f.Add(body(f, p, attest.EnrolmentText(enrolling(), format.Method())), reference)
	}
	f.Add([]byte("{}"), []byte("null"))
	f.Fuzz(func(t *testing.T, body, reference []byte) {
		in := attest.Input{Body: body, Challenge: []byte(challenge)}
		handle, unlocated := format.Locate(body, "")
		mustBeRefusal(t, unlocated)
		_, err := format.Verify(in)
		mustBeRefusal(t, err)
		if err == nil {
			t.Error("verified where nothing is bound")
		}
		in.Bound = attest.Binding{Authenticator: "a", Reference: reference}
		if got, err := format.Verify(in); err == nil && (unlocated != nil || !bytes.Equal(got.Handle, handle)) {
			t.Errorf("located at %x, %v; verified %x", handle, unlocated, got.Handle)
		}
		_, err = format.Begin(enrolling(), body)
		mustBeRefusal(t, err)
		done, err := format.Finish(enrolling(), nil, body)
		mustBeRefusal(t, err)
		if err == nil { // what is stored can be read, even if it is not the key that signed
			in.Bound.Reference = done.Handles[0].Reference
			_, err = format.Verify(in)
			mustBeRefusal(t, err)
		}
	})
}

func mustBeRefusal(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*attest.Error](err); err != nil && !ok {
		t.Errorf("error %v is no refusal", err)
	}
}
