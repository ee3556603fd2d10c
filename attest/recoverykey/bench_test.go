package recoverykey_test

import (
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
)

// Beside each whole verification, as the gateway makes it, stands what it cannot do without: the one operation with the key.
func BenchmarkVerify(b *testing.B) {
	for _, algorithm := range algorithms {
		p := newPair(b, algorithm)
		in := attest.Input{Body: body(b, p, challenge), Challenge: []byte(challenge), Bound: enrol(b, p)}
		b.Run(algorithm+"/whole", func(b *testing.B) {
			for b.Loop() {
				if _, err := format.Verify(in); err != nil {
					b.Fatal(err)
				}
			}
		})
		bare := attesttest.BareVerification(b, p.private, challenge)
		b.Run(algorithm+"/bare", func(b *testing.B) {
			for b.Loop() {
				if !bare() {
					b.Fatal("does not verify")
				}
			}
		})
	}
}
