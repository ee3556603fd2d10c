package grant

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/regrant/regrant/fosite/recoverytoken"
	"github.com/regrant/regrant/internal/compact"
	"github.com/regrant/regrant/internal/strictjson"
)

const (
	clientAssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	// clientAssertionTyp keeps other JWTs of the client from passing for an assertion (RFC 8725 §3.11). Clients of
	// today often set no type at all, which is taken.
	clientAssertionTyp = "client-authentication+jwt"

	maxAssertionAge = 300 // seconds from iat to exp, and from iat to now
	minAssertionJTI = 16  // characters
	maxAssertionJTI = 256
	assertionSkew   = int64(recoverytoken.Skew / time.Second)
)

// clientAssertion is a JWT with which a client authenticates (RFC 7523 §2.2), read and not yet believed.
type clientAssertion struct {
	jws    compact.JWS
	header assertionHeader
	claims assertionClaims
}

// assertionHeader and assertionClaims have these members and no others, so no key comes with the assertion, and nothing
// is said that we would not check.
type assertionHeader struct {
	Algorithm string  `json:"alg"`
	Type      *string `json:"typ"`
	KeyID     string  `json:"kid"`
}

type assertionClaims struct {
	Issuer    string `json:"iss"`
	Subject   string `json:"sub"`
	Audience  string `json:"aud"` // a list is refused, also one of one
	JTI       string `json:"jti"`
	IssuedAt  int64  `json:"iat"`
	NotBefore int64  `json:"nbf"`
	ExpiresAt int64  `json:"exp"`
}

// A UsedAssertion is a client assertion that must not be taken again.
type UsedAssertion struct {
	ID      string    // names issuer and jti; reveals neither
	Expires time.Time // when no node takes the assertion any more
}

func parseClientAssertion(token string) (a clientAssertion, err error) {
	if a.jws, err = compact.Split(token); err != nil {
		return a, fmt.Errorf("client assertion: %v", err)
	}
	if err := strictjson.Decode(a.jws.Header, &a.header); err != nil {
		return a, fmt.Errorf("header of the client assertion: %v", err)
	}
	if err := strictjson.Decode(a.jws.Payload, &a.claims); err != nil {
		return a, fmt.Errorf("claims of the client assertion: %v", err)
	}
	return a, nil
}

// used names the assertion for good: a jti is unique for its issuer only.
func (a clientAssertion) used() *UsedAssertion {
	sum := sha256.Sum256([]byte(a.claims.Issuer + "\x00" + a.claims.JTI))
	return &UsedAssertion{
		ID:      base64.RawURLEncoding.EncodeToString(sum[:]),
		Expires: time.Unix(a.claims.ExpiresAt+assertionSkew, 0),
	}
}

// check is the list of what the claims must say (RFC 7523 §3). The audience is the issuer identifier alone: an assertion
// made for another server's token endpoint cannot be sent here, nor ours there.
func (c assertionClaims) check(id, issuer string, now int64) error {
	switch {
	case c.Issuer != id || c.Subject != id:
		return errors.New("iss and sub are not the client")
	case c.Audience != issuer:
		return errors.New("aud is not the issuer alone")
	case c.ExpiresAt <= now:
		return errors.New("exp is missing or past")
	case c.IssuedAt > now+assertionSkew:
		return errors.New("iat is in the future")
	case c.IssuedAt < now-maxAssertionAge-assertionSkew:
		return errors.New("iat is missing or too old")
	case c.ExpiresAt-c.IssuedAt > maxAssertionAge:
		return errors.New("exp is too long after iat")
	case c.NotBefore > now+assertionSkew:
		return errors.New("nbf is in the future")
	case len(c.JTI) < minAssertionJTI || len(c.JTI) > maxAssertionJTI:
		return errors.New("jti is too short or too long")
	}
	return nil
}
