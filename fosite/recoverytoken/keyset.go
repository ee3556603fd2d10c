package recoverytoken

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/regrant/regrant/internal/strictjson"
)

// maxKeys bounds a document of keys. An issuer publishes two or three.
const maxKeys = 64

// A KeySet is the keys of an issuer by their identifier ("kid"). Each is on P-256 and serves ES256 alone.
type KeySet map[string]*ecdsa.PublicKey

// ParseJWKS reads the document in which an issuer publishes its keys (RFC 7517 §5). Keys that cannot have signed a
// recovery token are left out: of another type, curve, algorithm or use, or without identifier. The document is refused
// as a whole if it is not a JWK Set, or if two keys share an identifier, or if a key is not a public one: a symmetric or
// private key that stands in such a document is in the hands of everybody.
func ParseJWKS(document []byte) (KeySet, error) {
	var set map[string]jsontext.Value // further members are ignored (§5)
	if err := strictjson.Decode(document, &set); err != nil {
		return nil, fmt.Errorf("JWK Set: %w", err)
	}
	var members []jsontext.Value
	if err := json.Unmarshal(set["keys"], &members); err != nil || members == nil {
		return nil, errors.New("JWK Set: keys is not a list")
	}
	if len(members) > maxKeys {
		return nil, fmt.Errorf("JWK Set: %d keys, more than %d", len(members), maxKeys)
	}
	keys := make(KeySet, len(members))
	for i, member := range members {
		if err := keys.add(member); err != nil {
			return nil, fmt.Errorf("JWK Set: key %d: %w", i, err)
		}
	}
	return keys, nil
}

// description is what a JWK says about its use (RFC 7517 §4), and the members that only a secret has (RFC 7518 §6).
type description struct {
	Operations []string       `json:"key_ops"`
	Algorithm  *string        `json:"alg"`
	Use        *string        `json:"use"`
	Private    jsontext.Value `json:"d"`
	Symmetric  jsontext.Value `json:"k"`
}

// add takes one key into the set if it can have signed a recovery token.
func (k KeySet) add(member jsontext.Value) error {
	var d description
	if err := json.Unmarshal(member, &d); err != nil {
		return errors.New("is not an object, or describes its use in another form")
	}
	if d.Private != nil || d.Symmetric != nil {
		return errors.New("is not a public key")
	}
	var key jose.JSONWebKey // go-jose demands coordinates of full length, on the curve
	if key.UnmarshalJSON(member) != nil || key.KeyID == "" || !d.serves() {
		return nil
	}
	public, ok := key.Key.(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() {
		return nil
	}
	if k[key.KeyID] != nil {
		return errors.New("has the identifier of another key")
	}
	k[key.KeyID] = public
	return nil
}

// serves reports whether the key may verify ES256. A key that names another algorithm or use is for that alone
// (RFC 8725 §3.1).
func (d description) serves() bool {
	return (d.Algorithm == nil || *d.Algorithm == string(jose.ES256)) &&
		(d.Use == nil || *d.Use == "sig") &&
		(d.Operations == nil || slices.Contains(d.Operations, "verify"))
}
