package grant

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
)

// MinSecret is the shortest secret of a client, in characters: a random one of that length has at least 128 bits.
const MinSecret = 32

// A Secret authenticates a client with HTTP Basic (client_secret_basic, RFC 6749 §2.3.1). Only its hash is kept: it is
// made by a machine, so nobody can guess it, and a slow password hash would only slow the endpoint down.
type Secret struct{ sum [sha256.Size]byte }

// NewSecret returns the credential for a secret of at least [MinSecret] characters.
func NewSecret(secret string) (Secret, error) {
	if len(secret) < MinSecret {
		return Secret{}, fmt.Errorf("a client secret has at least %d random characters", MinSecret)
	}
	return Secret{sha256.Sum256([]byte(secret))}, nil
}

func (Secret) method() string { return "client_secret_basic" }
func (Secret) shows() shown   { return showsSecret }

func (c Secret) accepts(_ *Server, _ string, p presented) error {
	sum := sha256.Sum256([]byte(p.secret))
	if c == (Secret{}) || subtle.ConstantTimeCompare(sum[:], c.sum[:]) != 1 {
		return errors.New("another secret")
	}
	return nil
}
