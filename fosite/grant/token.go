package grant

import (
	"fmt"
	"time"
)

// A Recovery is what a recovery token says. Every field is needed except the two that say otherwise. Times have the
// precision of a second.
type Recovery struct {
	Subject  string // stable identifier of the account at the upstream; never an address
	ClientID string // the client that may redeem
	Txn      string // the recovery
	JTI      string // this token: at least 128 random bits, in at least 22 characters of base64url's alphabet
	Scope    string // ScopeComplete
	ACR      string
	AMR      []string

	AuthTime  time.Time // when the evidence was verified
	IssuedAt  time.Time
	ExpiresAt time.Time // at most 300 s after IssuedAt

	// Thumbprint is the RFC 7638 thumbprint of the holder's DPoP key (cnf.jkt). A browser, which holds a cookie instead,
	// has none; such a token cannot be exchanged at the token endpoint.
	Thumbprint string
	// CertificateSHA256 is the base64url SHA-256 of the device certificate that was used (cnf.x5t#S256), if one was.
	// At least one of the two is there.
	CertificateSHA256 string
}

const (
	tokenType  = "recovery+jwt"
	maxAge     = 300 // seconds from iat to exp, and from iat to now
	skew       = 30  // seconds that the clocks of two nodes may differ
	minJTI     = 22  // characters of six bits each: at least 128 bits
	maxName    = 256 // characters of an identifier
	thumbprint = 43  // characters of a SHA-256 in base64url
)

// claims is the payload of a recovery token: exactly these members, none left out.
type claims struct {
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

// Mint returns the signed recovery token that says r. What [Server.Verify] would refuse is not minted: [ErrInvalid].
func (s *Server) Mint(r Recovery) (string, error) {
	c := claims{
		Issuer: s.issuer, Subject: r.Subject, Audience: s.tokenURL,
		// fosite allows no skew on nbf, so a token of a node whose clock is ahead starts earlier.
		IssuedAt: r.IssuedAt.Unix(), NotBefore: r.IssuedAt.Unix() - skew, ExpiresAt: r.ExpiresAt.Unix(),
		JTI: r.JTI, Scope: r.Scope, ClientID: r.ClientID, ACR: r.ACR, AMR: r.AMR, AuthTime: r.AuthTime.Unix(), Txn: r.Txn,
		Confirm: confirmation{r.Thumbprint, r.CertificateSHA256},
	}
	if err := s.check(c, s.clock()); err != nil {
		return "", fmt.Errorf("minting a recovery token: %w", err)
	}
	return s.keys.Sign(tokenType, c)
}

func (c claims) recovery() Recovery {
	return Recovery{
		Subject: c.Subject, ClientID: c.ClientID, Txn: c.Txn, JTI: c.JTI, Scope: c.Scope, ACR: c.ACR, AMR: c.AMR,
		AuthTime: time.Unix(c.AuthTime, 0), IssuedAt: time.Unix(c.IssuedAt, 0), ExpiresAt: time.Unix(c.ExpiresAt, 0),
		Thumbprint: c.Confirm.Thumbprint, CertificateSHA256: c.Confirm.CertificateSHA256,
	}
}
