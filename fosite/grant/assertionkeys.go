package grant

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/regrant/regrant/internal/strictjson"
)

// AssertionKeys authenticate a client that signs assertions (private_key_jwt, RFC 7523 §2.2, OIDC Core §9).
type AssertionKeys struct{ keys []assertionKey }

// assertionKey is a public key for one algorithm.
type assertionKey struct {
	id         string
	algorithm  jose.SignatureAlgorithm
	public     any
	thumbprint string
}

// minRSA is the shortest RSA key, in bits (NIST SP 800-131A).
const minRSA = 2048

// ParseAssertionKeys reads a client's JWK Set (RFC 7517 §5). Each key must serve: a public key on P-256, for ES256, or an
// RSA key of at least 2048 bits, for PS256 (FAPI 2.0 §5.4). Several keys need identifiers.
func ParseAssertionKeys(jwks []byte) (*AssertionKeys, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := strictjson.Decode(jwks, &set); err != nil {
		return nil, fmt.Errorf("JWK Set: %w", err)
	}
	if len(set.Keys) == 0 {
		return nil, errors.New("JWK Set: there is no key in it")
	}
	c := &AssertionKeys{}
	for i, jwk := range set.Keys {
		key, err := newAssertionKey(jwk)
		if err != nil {
			return nil, fmt.Errorf("JWK Set: key %d: %w", i, err)
		}
		if _, twice := c.find(key.id); twice || key.id == "" && len(set.Keys) > 1 {
			return nil, fmt.Errorf("JWK Set: key %d has no kid, or that of another key", i)
		}
		c.keys = append(c.keys, key)
	}
	return c, nil
}

func newAssertionKey(member []byte) (assertionKey, error) {
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(member); err != nil || !jwk.IsPublic() || !jwk.Valid() {
		return assertionKey{}, errors.New("is not a public key")
	}
	algorithm, err := algorithmOf(jwk.Key)
	if err != nil {
		return assertionKey{}, err
	}
	if jwk.Algorithm != "" && jwk.Algorithm != string(algorithm) || jwk.Use != "" && jwk.Use != "sig" {
		return assertionKey{}, fmt.Errorf("is for another use than %s signatures", algorithm)
	}
	sum, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return assertionKey{}, errors.New("has no thumbprint")
	}
	return assertionKey{jwk.KeyID, algorithm, jwk.Key, base64.RawURLEncoding.EncodeToString(sum)}, nil
}

// algorithmOf pins the one algorithm of a key: what an assertion's header asks for changes nothing (RFC 8725 §3.1).
func algorithmOf(key any) (jose.SignatureAlgorithm, error) {
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return jose.ES256, nil
		}
	case *rsa.PublicKey:
		if key.N.BitLen() >= minRSA {
			return jose.PS256, nil
		}
	}
	return "", errors.New("is neither on P-256 (ES256) nor an RSA key of 2048 bits or more (PS256)")
}

// Thumbprints are the RFC 7638 thumbprints of the keys.
func (c *AssertionKeys) Thumbprints() []string {
	out := make([]string, len(c.keys))
	for i, key := range c.keys {
		out[i] = key.thumbprint
	}
	return out
}

// find returns the key with an identifier. An assertion without one is of the only key, if there is only one.
func (c *AssertionKeys) find(id string) (assertionKey, bool) {
	for _, key := range c.keys {
		if key.id == id || id == "" && len(c.keys) == 1 {
			return key, true
		}
	}
	return assertionKey{}, false
}

func (*AssertionKeys) method() string { return "private_key_jwt" }
func (*AssertionKeys) shows() shown   { return showsAssertion }

func (c *AssertionKeys) accepts(s *Server, id string, p presented) error {
	a := p.assertion
	if a.header.Type != nil && *a.header.Type != clientAssertionTyp {
		return errors.New("typ is another")
	}
	key, ok := c.find(a.header.KeyID)
	if !ok {
		return errors.New("kid is unknown")
	}
	if a.header.Algorithm != string(key.algorithm) {
		return errors.New("alg is not the one of the key")
	}
	if err := a.jws.Verify(key.algorithm, key.public); err != nil {
		return err
	}
	return a.claims.check(id, s.issuer, s.clock().Unix())
}
