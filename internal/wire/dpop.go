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
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
	"github.com/go-json-experiment/json"

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

// Proof is a verified DPoP proof.
type Proof struct {
	Thumbprint string // RFC 7638, of the key that signed
	JTI        string // unique; whoever accepts a proof only once remembers it
	IssuedAt   time.Time
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
	claims, err := json.Marshal(proofClaims{JTI: rand.Text(), Method: method, URI: uri, Issued: now.Unix(), ATH: ath})
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
// header; method is the request's; uri is the endpoint's URI as configured, never as the request has it; ath is the
// [AccessTokenHash] of the access token that must go with the proof, "" for none. That a proof comes only once is for the
// caller to see to.
func ParseProof(header []string, method, uri string, now time.Time, ath string) (Proof, error) {
	// 1. There is exactly one, of a size worth reading.
	if len(header) != 1 {
		return Proof{}, refuse("not exactly one DPoP header")
	}
	compact := header[0]
	if len(compact) > maxProof {
		return Proof{}, refuse("too large")
	}
	// 2. It is a compact JWS whose header and claims have each of their members once and no others.
	var h proofHeader
	var c proofClaims
	parts := strings.Split(compact, ".")
	if len(parts) != 3 {
		return Proof{}, refuse("not a compact JWS")
	}
	if err := decodePart(parts[0], &h); err != nil {
		return Proof{}, refuse("header: " + err.Error())
	}
	if err := decodePart(parts[1], &c); err != nil {
		return Proof{}, refuse("claims: " + err.Error())
	}
	if _, err := decodeBase64(parts[2]); err != nil {
		return Proof{}, refuse("signature: " + err.Error())
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
	if err := verifyJWS(compact, key); err != nil {
		return Proof{}, err
	}
	// 6. It was made for this request, now.
	if err := c.check(method, uri, now, ath); err != nil {
		return Proof{}, err
	}
	return Proof{Thumbprint: Thumbprint(key), JTI: c.JTI, IssuedAt: time.Unix(c.Issued, 0)}, nil
}

// decodePart reads one part of a JWS. The JOSE library takes the last of two members of one name; nobody gets to depend on which.
func decodePart(part string, into any) error {
	text, err := decodeBase64(part)
	if err != nil {
		return err
	}
	return strictjson.Decode(text, into)
}

// decodeBase64 reads the one base64url form of some bytes.
func decodeBase64(s string) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || base64.RawURLEncoding.EncodeToString(b) != s {
		return nil, errors.New("not base64url without padding")
	}
	return b, nil
}

// public returns the key if it is a point of P-256 with coordinates of full length (RFC 7518 section 6.2.1).
func (k proofKey) public() (*ecdsa.PublicKey, error) {
	if k.Type != "EC" || k.Curve != "P-256" {
		return nil, refuse("jwk is not a P-256 key")
	}
	x, errX := decodeBase64(k.X)
	y, errY := decodeBase64(k.Y)
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

func verifyJWS(compact string, key *ecdsa.PublicKey) error {
	signed, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return refuse("not a JWS")
	}
	if _, err := signed.Verify(key); err != nil {
		return refuse("signature does not verify")
	}
	return nil
}

func (c proofClaims) check(method, uri string, now time.Time, ath string) error {
	issued := time.Unix(c.Issued, 0)
	switch {
	case c.Method != method:
		return refuse("htm is another method")
	case c.URI != uri:
		return refuse("htu is another URI")
	case issued.Before(now.Add(-proofWindow)) || issued.After(now.Add(proofWindow)):
		return refuse("iat is not now")
	case len(c.JTI) < minJTI || len(c.JTI) > maxJTI:
		return refuse("jti is too short or too long")
	case c.ATH != ath:
		return refuse("ath is not of this access token")
	}
	return nil
}

func refuse(problem string) error { return fmt.Errorf("%w: %s", ErrProof, problem) }
