// Package recoverytoken says what a recovery token is: a short-lived JWT (RFC 7519) that names account, client, recovery
// and the holder's key, and that the token endpoint takes as the assertion of RFC 7523.
//
// Judging is pure. A [Verifier] takes a token and a time and remembers nothing, so that the token endpoint and an auditor
// with yesterday's token get the same answer. Whether a token was already used is not its business.
package recoverytoken

import (
	"time"

	"github.com/go-json-experiment/json"
)

const (
	// Type is the member "typ" of the header. An explicit type keeps other JWTs of the issuer from passing for a
	// recovery token (RFC 8725 §3.11).
	Type = "recovery+jwt"
	// Scope is the one scope: to complete the recovery that the token names.
	Scope = "recovery:complete"
	// Skew is how far the clocks of two nodes may be apart.
	Skew = skew * time.Second
	// MaxAge is the longest life of a token.
	MaxAge = maxAge * time.Second
)

const (
	maxAge     = 300 // seconds from iat to exp, and from iat to now
	skew       = 30  // seconds
	minJTI     = 22  // characters of six bits each: at least 128 bits
	maxName    = 256 // characters of an identifier
	thumbprint = 43  // characters of a SHA-256 in base64url
)

// Claims is what a recovery token says. Every field is needed except the two that say otherwise. Times have the
// precision of a second.
type Claims struct {
	Subject  string // stable identifier of the account at the upstream; never an address
	ClientID string // the client that may redeem
	Txn      string // the recovery
	JTI      string // this token: at least 128 random bits, in at least 22 characters of base64url's alphabet
	Scope    string // Scope
	ACR      string
	AMR      []string

	AuthTime  time.Time // when the evidence was verified
	IssuedAt  time.Time
	ExpiresAt time.Time // at most MaxAge after IssuedAt

	// Thumbprint is the RFC 7638 thumbprint of the holder's DPoP key (cnf.jkt). Of a browser, which holds a cookie instead, it is
	// the hash of that, and no key's.
	Thumbprint string
	// CertificateSHA256 is the base64url SHA-256 of the device certificate that was used (cnf.x5t#S256), if one was.
	// At least one of the two is there.
	CertificateSHA256 string
}

// payload is what is signed: exactly these members, none left out (RFC 7519 §4, RFC 7800, RFC 8417 §2.2 for txn).
type payload struct {
	Issuer    string       `json:"iss"`
	Subject   string       `json:"sub"`
	Audience  string       `json:"aud"`
	IssuedAt  int64        `json:"iat"`
	NotBefore int64        `json:"nbf"`
	ExpiresAt int64        `json:"exp"`
	JTI       string       `json:"jti"`
	Scope     string       `json:"scope"`
	ClientID  string       `json:"client_id"`
	ACR       string       `json:"acr"`
	AMR       []string     `json:"amr"`
	AuthTime  int64        `json:"auth_time"`
	Txn       string       `json:"txn"`
	Confirm   confirmation `json:"cnf"`
}

// confirmation names keys (RFC 7800): a DPoP key (RFC 9449 §6.1) and a certificate (RFC 8705 §3.1).
type confirmation struct {
	Thumbprint        string `json:"jkt,omitempty"`
	CertificateSHA256 string `json:"x5t#S256,omitempty"`
}

func (p payload) claims() Claims {
	return Claims{
		Subject: p.Subject, ClientID: p.ClientID, Txn: p.Txn, JTI: p.JTI, Scope: p.Scope, ACR: p.ACR, AMR: p.AMR,
		AuthTime: time.Unix(p.AuthTime, 0), IssuedAt: time.Unix(p.IssuedAt, 0), ExpiresAt: time.Unix(p.ExpiresAt, 0),
		Thumbprint: p.Confirm.Thumbprint, CertificateSHA256: p.Confirm.CertificateSHA256,
	}
}

// Payload returns the claims of a token as JSON, to be signed under the type [Type]. What [Verifier.Verify] would refuse
// at now is an error, so that no such token is ever made.
func (v Verifier) Payload(c Claims, now time.Time) ([]byte, error) {
	p := payload{
		Issuer: v.Issuer, Subject: c.Subject, Audience: v.Audience,
		// fosite allows no skew on nbf, so a token of a node whose clock is ahead starts earlier.
		IssuedAt: c.IssuedAt.Unix(), NotBefore: c.IssuedAt.Unix() - skew, ExpiresAt: c.ExpiresAt.Unix(),
		JTI: c.JTI, Scope: c.Scope, ClientID: c.ClientID, ACR: c.ACR, AMR: c.AMR, AuthTime: c.AuthTime.Unix(), Txn: c.Txn,
		Confirm: confirmation{c.Thumbprint, c.CertificateSHA256},
	}
	if err := v.check(p, now.Unix()); err != nil {
		return nil, err
	}
	return json.Marshal(p)
}
