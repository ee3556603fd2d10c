package grant

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v3"

	"github.com/regrant/regrant/internal/strictjson"
)

// maxToken bounds the work that an assertion can cause before its signature is known to be good.
const maxToken = 8 << 10

// Verify checks a recovery token completely: form, header, signature and claims. It is the wrapper around fosite's
// RFC 7523 handler, which takes any algorithm that fits the key, any type, further audiences, issue times in the
// future, and duplicate members. Every error is [ErrInvalid] with a reason for the log; nothing is returned beside it.
// Whether the token was already used is for [Recoveries] to say.
func (s *Server) Verify(token string) (Recovery, error) {
	c, err := s.open(token)
	if err != nil {
		return Recovery{}, err
	}
	if err := s.check(c, s.clock()); err != nil {
		return Recovery{}, err
	}
	return c.recovery(), nil
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// header is the protected header: exactly these members. So crit, jku, jwk, x5u, x5c, b64 and zip are refused, and with
// them every key that the token brings along itself (RFC 8725 §3.10, RFC 7515 §4.1.11).
type header struct {
	Algorithm string `json:"alg"`
	Type      string `json:"typ"`
	KeyID     string `json:"kid"`
}

// open returns the claims of a token whose form, header and signature hold.
func (s *Server) open(token string) (claims, error) {
	if len(token) > maxToken {
		return claims{}, invalid("%d bytes", len(token))
	}
	parts, err := split(token)
	if err != nil {
		return claims{}, err
	}
	var h header
	if err := strictjson.Decode(parts[0], &h); err != nil {
		return claims{}, invalid("header: %v", err)
	}
	if h.Algorithm != string(jose.ES256) {
		return claims{}, invalid("alg is not ES256")
	}
	// An explicit type keeps other JWTs of this key from passing for a recovery token (RFC 8725 §3.11).
	if h.Type != tokenType && h.Type != "application/"+tokenType {
		return claims{}, invalid("typ is not %s", tokenType)
	}
	key, ok := s.keys.Public(h.KeyID)
	if !ok {
		return claims{}, invalid("kid is unknown")
	}
	if err := verifySignature(token, key); err != nil {
		return claims{}, err
	}
	var c claims
	if err := strictjson.Decode(parts[1], &c); err != nil {
		return claims{}, invalid("claims: %v", err)
	}
	return c, nil
}

// split takes a compact JWS apart (RFC 7515 §7.1): three parts in base64url, each in its one spelling. go-jose would also
// read the JSON serialization and skip white space.
func split(token string) ([][]byte, error) {
	encoded := strings.Split(token, ".")
	if len(encoded) != 3 {
		return nil, invalid("not a compact JWS")
	}
	parts := make([][]byte, len(encoded))
	for i, part := range encoded {
		raw, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || len(raw) == 0 || base64.RawURLEncoding.EncodeToString(raw) != part {
			return nil, invalid("part %d is not base64url", i)
		}
		parts[i] = raw
	}
	return parts, nil
}

func verifySignature(token string, key *jose.JSONWebKey) error {
	signed, err := jose.ParseSigned(token)
	if err != nil {
		return invalid("parsing: %v", err)
	}
	if _, err := signed.Verify(key); err != nil {
		return invalid("signature: %v", err)
	}
	return nil
}

// check is the list of what a recovery token must say at a time, in the order of the claims.
func (s *Server) check(c claims, at time.Time) error {
	now := at.Unix()
	switch {
	case c.Issuer != s.issuer:
		return invalid("iss is not this issuer")
	case !isName(c.Subject):
		return invalid("sub is missing or too long")
	case c.Audience != s.tokenURL:
		return invalid("aud is not this token endpoint")
	case c.IssuedAt < now-maxAge-skew:
		return invalid("iat is too old")
	case c.IssuedAt > now+skew:
		// fosite accepts a token issued in ten years, which then lives that long.
		return invalid("iat is in the future")
	case c.NotBefore <= 0 || c.NotBefore > now:
		return invalid("nbf is missing or in the future")
	case c.ExpiresAt <= now:
		return invalid("exp is missing or past")
	case c.ExpiresAt-c.IssuedAt > maxAge:
		return invalid("exp is more than %d s after iat", maxAge)
	case len(c.JTI) < minJTI || !isName(c.JTI) || !isBase64URL(c.JTI):
		return invalid("jti has less than 128 bits or another alphabet")
	case c.Scope != ScopeComplete:
		return invalid("scope is not %s", ScopeComplete)
	case !isName(c.ClientID):
		return invalid("client_id is missing or too long")
	case !isName(c.ACR) || len(c.AMR) == 0:
		return invalid("acr or amr is missing")
	case c.AuthTime <= 0 || c.AuthTime > c.IssuedAt:
		return invalid("auth_time is missing or after iat")
	case !isName(c.Txn):
		return invalid("txn is missing or too long")
	}
	return c.Confirm.check()
}

func (c confirmation) check() error {
	if c == (confirmation{}) {
		return invalid("cnf names no key")
	}
	for _, hash := range []string{c.Thumbprint, c.CertificateSHA256} {
		if hash != "" && (len(hash) != thumbprint || !isBase64URL(hash)) {
			return invalid("cnf is not a SHA-256 in base64url")
		}
	}
	return nil
}

func isName(s string) bool { return s != "" && len(s) <= maxName }

func isBase64URL(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool {
		return !('A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-' || r == '_')
	}) < 0
}
