package sshsig_test

import (
	"crypto/elliptic"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
)

// FuzzFormat gives all that is read the same text: evidence, what begins an enrolment and what ends it; and what is stored of a key.
func FuzzFormat(f *testing.F) {
	for _, s := range []*scene{newScene(f, ed25519Key(f)), newScene(f, ecdsaKey(f, elliptic.P384()))} {
		reference := enrol(f, s).Reference
		f.Add(evidence(f, s), reference)
		f.Add(object(f, "public_key", s.public(), "signature", s.over(attest.EnrolmentText(enrolling(), format.Method()))), reference)
	}
	f.Add([]byte("{}"), []byte("null"))
	f.Fuzz(func(t *testing.T, body, reference []byte) {
		attesttest.Reads(t, format, attest.Input{Body: body, Challenge: []byte(challenge), Bound: attest.Binding{Reference: reference}}, enrolling())
	})
}
