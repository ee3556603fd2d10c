package oauth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/go-jose/go-jose/v3"
)

// SecretBytes is the length of a server's HMAC secret. fosite silently uses the first 32 bytes of a longer one.
const SecretBytes = 32

// A Key signs the tokens of one server with ES256.
type Key struct {
	ID      string // the JWK member "kid": the RFC 7638 thumbprint
	Private *ecdsa.PrivateKey
}

// Keys are the keys of a server: the first signs, all verify and are published.
type Keys []Key

// Check refuses an empty set, a key on another curve than P-256 and an identifier that is empty or used twice.
func (k Keys) Check() error {
	if len(k) == 0 {
		return errors.New("no signing key")
	}
	seen := make(map[string]bool, len(k))
	for _, key := range k {
		switch {
		case key.Private == nil || key.Private.Curve != elliptic.P256():
			return fmt.Errorf("signing key %q is not on P-256", key.ID)
		case key.ID == "" || seen[key.ID]:
			return fmt.Errorf("signing key identifier %q is empty or used twice", key.ID)
		}
		seen[key.ID] = true
	}
	return nil
}

func (k Key) public() *jose.JSONWebKey {
	return &jose.JSONWebKey{Key: k.Private.Public(), KeyID: k.ID, Algorithm: string(jose.ES256), Use: "sig"}
}

// Signer returns the key that signs.
func (k Keys) Signer() (*ecdsa.PrivateKey, error) {
	if len(k) == 0 {
		return nil, errors.New("no key to sign with")
	}
	return k[0].Private, nil
}

// Sign returns claims as a compact JWS of the given type, signed with the first key.
func (k Keys) Sign(typ string, claims any) (string, error) {
	private, err := k.Signer()
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encoding claims: %v", err)
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: private, KeyID: k[0].ID}},
		(&jose.SignerOptions{}).WithType(jose.ContentType(typ)),
	)
	if err != nil {
		return "", fmt.Errorf("preparing to sign: %v", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("signing: %v", err)
	}
	return signed.CompactSerialize()
}

// CheckIssuer demands an issuer identifier as of RFC 8414 §2: https, a host, no query, no fragment. No trailing slash
// either, since endpoints are made by appending to it.
func CheckIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.ContainsAny(issuer, "?#") || strings.HasSuffix(issuer, "/") {
		return fmt.Errorf("issuer %q is not an https URL without user, query, fragment and trailing slash", issuer)
	}
	return nil
}
