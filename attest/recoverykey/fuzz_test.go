package recoverykey_test

import (
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
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
		attesttest.Reads(t, format, attest.Input{Body: body, Challenge: []byte(challenge), Bound: attest.Binding{Reference: reference}}, enrolling())
	})
}
