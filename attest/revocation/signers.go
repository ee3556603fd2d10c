package revocation

import (
	"crypto/sha256"
	"crypto/x509"
	"sync"

	"github.com/regrant/regrant/attest/certpath"
)

// signers remembers by which keys a statement is signed, since hashing a long list for every certificate judged would be dear. Only what
// was found true is kept, so nobody can fill it: it takes a key that signed.
type signers struct {
	mu   sync.Mutex
	keys map[[sha256.Size]byte]bool
}

func (s *signers) signed(c *certpath.Certificate, a x509.SignatureAlgorithm, message, signature []byte) bool {
	s.mu.Lock()
	known := s.keys[c.SPKI()]
	s.mu.Unlock()
	if known {
		return true
	}
	if !c.Signed(a, message, signature) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == nil {
		s.keys = make(map[[sha256.Size]byte]bool)
	}
	s.keys[c.SPKI()] = true
	return true
}
