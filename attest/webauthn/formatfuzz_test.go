package webauthn_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
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
		attesttest.Reads(t, format, attest.Input{Body: body, Challenge: statement, Now: now, Bound: attest.Binding{Reference: reference}}, enrolling(&attesttest.Passkey{UserHandle: user}))
	})
}
