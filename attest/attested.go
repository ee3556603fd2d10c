package attest

import (
	"crypto/sha256"
	"time"
)

// Attested is what the maker of a device vouches for about a key in that device's hardware, which the key cannot leave.
type Attested struct {
	SPKI   [sha256.Size]byte // of the key (SubjectPublicKeyInfo)
	Model  string
	Detail map[string]string // for people and the journal; nothing in it names the device or its owner
}

// Attestor judges certificates, DER with the key's own first, in which the maker of a device attests a key for this challenge. It is pure, bounds its
// work, and refuses with an *[Error].
type Attestor func(certificates [][]byte, challenge []byte, now time.Time) (Attested, error)

// DeviceChallenge is what a device has its key attested for before it is enrolled with an activation code: 32 bytes. The code is written in
// its 32 symbols, in upper case and without what stands between them. Nobody can compute the challenge, or have a key attested for
// it, who does not have the code; from the challenge, nobody learns the code.
func DeviceChallenge(issuer, code string) []byte {
	sum := sha256.Sum256([]byte("regrant device attestation v1\nissuer: " + issuer + "\nactivation: " + code + "\n"))
	return sum[:]
}
