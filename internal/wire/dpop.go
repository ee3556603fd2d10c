package wire

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
	"github.com/go-json-experiment/json"

	"github.com/regrant/regrant/internal/compact"
	"github.com/regrant/regrant/internal/strictjson"
)

const (
	proofType   = "dpop+jwt"
	maxProof    = 4 << 10 // bytes
	proofWindow = 60 * time.Second
	minJTI      = 16 // characters
	maxJTI      = 128
)

// ErrProof is wrapped by every error of [ParseProof]: there was no proof, or a wrong one.
var ErrProof = errors.New("DPoP proof refused")

// ErrNonce is wrapped beside [ErrProof] where nothing is wrong but the nonce: the client makes the proof anew with the one
// that the answer brings (RFC 9449 section 8).
var ErrNonce = errors.New("DPoP nonce is missing, wrong or too old")

// Proof is a verified DPoP proof.
type Proof struct {
	Thumbprint string // RFC 7638, of the key that signed
	JTI        string // unique for key and endpoint
	ID         string // names key, endpoint and jti in one; whoever accepts a proof only once remembers it
	IssuedAt   time.Time
}

// Demand is what a proof must have been made for.
type Demand struct {
	Method string // the request's
	URI    string // of the endpoint, as configured, never as the request has it
	ATH    string // [AccessTokenHash] of the access token that goes with the proof; "" for none
	// Nonce reports whether a nonce is one of the server's own that still lives; nil where none is demanded.
	Nonce func(string) bool
}

type proofHeader struct {
	Type      string   `json:"typ"`
	Algorithm string   `json:"alg"`
	Key       proofKey `json:"jwk"`
}

// proofKey has the public members alone: a private one is an unknown member, and refused.
type proofKey struct {
	Type  string `json:"kty"`
	Curve string `json:"crv"`
	X     string `json:"x"`
	Y     string `json:"y"`
}

type proofClaims struct {
	JTI    string `json:"jti"`
	Method string `json:"htm"`
	URI    string `json:"htu"`
	Issued int64  `json:"iat"`
	ATH    string `json:"ath,omitzero"`
	Nonce  string `json:"nonce,omitzero"`
}

// AccessTokenHash is the ath of a proof that goes with an access token (RFC 9449 section 4.2).
func AccessTokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Thumbprint is the RFC 7638 thumbprint of a public key, or "" for a key that has no JWK.
func Thumbprint(pub crypto.PublicKey) string {
	sum, err := (&jose.JSONWebKey{Key: pub}).Thumbprint(crypto.SHA256)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// NewProof makes a proof of possession of key, a P-256 key, for one request (RFC 9449 section 4.2). With an access token
// ath is its [AccessTokenHash], else "".
func NewProof(key crypto.Signer, method, uri string, now time.Time, ath string) (string, error) {
	return NewProofWithNonce(key, method, uri, now, ath, "")
}

// NewProofWithNonce is [NewProof] with the nonce that the server last sent in a DPoP-Nonce header; "" for none.
func NewProofWithNonce(key crypto.Signer, method, uri string, now time.Time, ath, nonce string) (string, error) {
	claims, err := json.Marshal(proofClaims{JTI: rand.Text(), Method: method, URI: uri, Issued: now.Unix(), ATH: ath, Nonce: nonce})
	if err != nil {
		return "", fmt.Errorf("making DPoP proof: %w", err)
	}
	opts := (&jose.SignerOptions{EmbedJWK: true}).WithType(proofType)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: cryptosigner.Opaque(key)}, opts)
	if err != nil {
		return "", fmt.Errorf("making DPoP proof: %w", err)
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", fmt.Errorf("signing DPoP proof: %w", err)
	}
	return signed.CompactSerialize()
}

// ParseProof verifies the proof of one request by the list of RFC 9449 section 4.3. header is every value of the DPoP
// header. That a proof comes only once is for the caller to see to.
func ParseProof(header []string, want Demand, now time.Time) (Proof, error) {
	// 1. There is exactly one, of a size worth reading.
	if len(header) != 1 {
		return Proof{}, refuse("not exactly one DPoP header")
	}
	if len(header[0]) > maxProof {
		return Proof{}, refuse("too large")
	}
	// 2. It is a compact JWS whose header and claims have each of their members once and no others.
	jws, err := compact.Split(header[0])
	if err != nil {
		return Proof{}, refuse(err.Error())
	}
	var h proofHeader
	if err := strictjson.Decode(jws.Header, &h); err != nil {
		return Proof{}, refuse("header: " + err.Error())
	}
	var c proofClaims
	if err := strictjson.Decode(jws.Payload, &c); err != nil {
		return Proof{}, refuse("claims: " + err.Error())
	}
	// 3. It is a DPoP proof and no other kind of JWT.
	if h.Type != proofType {
		return Proof{}, refuse("typ is not " + proofType)
	}
	// 4. The algorithm is ES256: asymmetric, and the only one of the only kind of key.
	if h.Algorithm != string(jose.ES256) {
		return Proof{}, refuse("alg is not ES256")
	}
	// 5. The key is a public P-256 key, and it signed this.
	key, err := h.Key.public()
	if err != nil {
		return Proof{}, err
	}
	if err := jws.Verify(jose.ES256, key); err != nil {
		return Proof{}, refuse(err.Error())
	}
	// 6. It was made for this request, now.
	if err := c.check(want, now); err != nil {
		return Proof{}, err
	}
	thumbprint := Thumbprint(key)
	return Proof{Thumbprint: thumbprint, JTI: c.JTI, ID: proofID(thumbprint, c), IssuedAt: time.Unix(c.Issued, 0)}, nil
}

// proofID is one name for what makes a proof unique. Neither thumbprint nor URI has a space in it.
func proofID(thumbprint string, c proofClaims) string {
	sum := sha256.Sum256([]byte(thumbprint + " " + c.URI + " " + c.JTI))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// public returns the key if it is a point of P-256 with coordinates of full length (RFC 7518 section 6.2.1).
func (k proofKey) public() (*ecdsa.PublicKey, error) {
	if k.Type != "EC" || k.Curve != "P-256" {
		return nil, refuse("jwk is not a P-256 key")
	}
	x, errX := compact.Decode(k.X)
	y, errY := compact.Decode(k.Y)
	if errX != nil || errY != nil || len(x) != 32 || len(y) != 32 {
		return nil, refuse("jwk has no coordinates of 32 bytes")
	}
	point := append(append([]byte{4}, x...), y...) // SEC 1 section 2.3.3, uncompressed
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, refuse("jwk is not a point of P-256")
	}
	return key, nil
}

func (c proofClaims) check(want Demand, now time.Time) error {
	issued := time.Unix(c.Issued, 0)
	switch {
	case c.Method != want.Method:
		return refuse("htm is another method")
	case c.URI != want.URI:
		return refuse("htu is another URI")
	case issued.Before(now.Add(-proofWindow)) || issued.After(now.Add(proofWindow)):
		return refuse("iat is not now")
	case len(c.JTI) < minJTI || len(c.JTI) > maxJTI:
		return refuse("jti is too short or too long")
	case c.ATH != want.ATH:
		return refuse("ath is not of this access token")
	case want.Nonce != nil && !want.Nonce(c.Nonce):
		return fmt.Errorf("%w: %w", ErrProof, ErrNonce)
	}
	return nil
}

func refuse(problem string) error { return fmt.Errorf("%w: %s", ErrProof, problem) }
