package recoverytoken

import (
	"crypto/ecdsa"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/regrant/regrant/internal/compact"
	"github.com/regrant/regrant/internal/strictjson"
)

// A Verifier judges the tokens of one issuer. It is safe for concurrent use.
type Verifier struct {
	Issuer   string // {issuer}
	Audience string // the token endpoint; compared as a string (RFC 7523 §3, item 3)
	ClientID string // the one client that may redeem; empty: any
	Keys     KeySet // the issuer's keys
}

// Verify checks a token completely: form, header, signature and claims, in this order. Every error is an [*Error], and
// nothing is returned beside it. A token that is not refused would be passed on by the token endpoint at now, were it not
// yet used.
func (v Verifier) Verify(token string, now time.Time) (Claims, error) {
	p, err := v.open(token)
	if err != nil {
		return Claims{}, err
	}
	if err := v.check(p, now.Unix()); err != nil {
		return Claims{}, err
	}
	return p.claims(), nil
}

// header is the protected header: exactly these members. So crit, jku, jwk, x5u, x5c, b64 and zip are refused, and with
// them every key that the token brings along itself (RFC 8725 §3.10, RFC 7515 §4.1.11).
type header struct {
	Algorithm string `json:"alg"`
	Type      string `json:"typ"`
	KeyID     string `json:"kid"`
}

// open returns the payload of a token whose form, header and signature hold.
func (v Verifier) open(token string) (payload, error) {
	jws, err := compact.Split(token)
	if err != nil {
		return payload{}, refuse(Malformed, "%v", err)
	}
	key, err := v.key(jws.Header)
	if err != nil {
		return payload{}, err
	}
	if err := jws.Verify(jose.ES256, key); err != nil {
		return payload{}, refuse(Signature, "%v", err)
	}
	var p payload
	if err := strictjson.Decode(jws.Payload, &p); err != nil {
		return payload{}, refuse(Malformed, "claims: %v", err)
	}
	return p, nil
}

// key finds the key that the header names. The set holds ES256 keys alone and the header must say ES256, so that no token
// chooses how a key is used (RFC 8725 §3.1).
func (v Verifier) key(encoded []byte) (*ecdsa.PublicKey, error) {
	var h header
	if err := strictjson.Decode(encoded, &h); err != nil {
		return nil, refuse(Malformed, "header: %v", err)
	}
	if h.Algorithm != string(jose.ES256) {
		return nil, refuse(Unsupported, "alg is not ES256")
	}
	if h.Type != Type && h.Type != "application/"+Type {
		return nil, refuse(Purpose, "typ is not %s", Type)
	}
	key, ok := v.Keys[h.KeyID]
	if !ok || h.KeyID == "" {
		return nil, refuse(Untrusted, "kid is unknown")
	}
	return key, nil
}
