package oauth

import (
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/go-jose/go-jose/v3"
)

// A KeySource is where a server asks for its keys, for each request anew: keys rotate while the server runs.
type KeySource struct {
	ask     func() []Key
	current atomic.Pointer[KeySet]
}

// A KeySet is the keys of one moment, and what was made of them.
type KeySet struct {
	Keys
	public map[string]*ecdsa.PublicKey
	jwks   []byte
}

// NewKeySource checks what ask returns now and makes a source of it. ask must be safe for concurrent use and cheap.
func NewKeySource(ask func() []Key) (*KeySource, error) {
	if ask == nil {
		return nil, errors.New("no signing keys")
	}
	s := &KeySource{ask: ask}
	if err := Keys(ask()).Check(); err != nil {
		return nil, err
	}
	s.Now()
	return s, nil
}

// Now returns the keys of this moment. They are made ready once for each set. Keys that break the rules of [Keys.Check]
// are an empty set, which signs and verifies nothing.
func (s *KeySource) Now() *KeySet {
	keys := Keys(s.ask())
	if current := s.current.Load(); current != nil && current.same(keys) {
		return current
	}
	set := newKeySet(keys)
	s.current.Store(set)
	return set
}

func newKeySet(keys Keys) *KeySet {
	if keys.Check() != nil {
		keys = nil
	}
	set := &KeySet{Keys: slices.Clone(keys), public: make(map[string]*ecdsa.PublicKey, len(keys))}
	document := jose.JSONWebKeySet{Keys: make([]jose.JSONWebKey, 0, len(keys))}
	for _, key := range keys {
		set.public[key.ID] = &key.Private.PublicKey
		document.Keys = append(document.Keys, *key.public())
	}
	set.jwks, _ = json.Marshal(document) // of P-256 keys alone, which always encode
	return set
}

// same compares identifiers and keys: two sets with one identifier for different keys are not the same.
func (s *KeySet) same(keys Keys) bool {
	return slices.EqualFunc(s.Keys, keys, func(a, b Key) bool { return a.ID == b.ID && a.Private == b.Private })
}

// Public returns the public keys by their identifiers. The caller must not change the map.
func (s *KeySet) Public() map[string]*ecdsa.PublicKey { return s.public }

// JWKS returns the public keys as a document (RFC 7517 §5). The caller must not change it.
func (s *KeySet) JWKS() []byte { return s.jwks }
