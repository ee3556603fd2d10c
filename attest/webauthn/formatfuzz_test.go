package webauthn_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
)

// FuzzFormat gives all that is read the same text: evidence and what ends an enrolment; and what is stored of a passkey.
func FuzzFormat(f *testing.F) {
	format := newFormat(f, nil)
	statement := []byte("statement")
	sum := sha256.Sum256(statement)
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	user := []byte("user")
	for _, p := range []*attesttest.Passkey{attesttest.NewPasskey(f, rpID), attesttest.NewPasskeyWith(edwards, rpID)} {
		p.UserHandle = user
		e := enrolling(p)
		created := finish(p.Create(f, e.Challenge[:], origin, attesttest.Attester{Format: "self"}, nil))
		done, err := format.Finish(e, nil, created)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(created, done.Handles[0].Reference)
		f.Add(slices.Concat([]byte(`{"method":"passkey","credential":`), p.Get(sum[:], origin, nil), []byte("}")), done.Handles[0].Reference)
	}
	f.Add([]byte("{}"), []byte("null"))
	f.Fuzz(func(t *testing.T, body, reference []byte) {
		in := attest.Input{Body: body, Challenge: statement, Now: now}
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
		done, err := format.Finish(enrolling(&attesttest.Passkey{UserHandle: user}), nil, body)
		mustBeRefusal(t, err)
		if err == nil { // what is stored can be read
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
