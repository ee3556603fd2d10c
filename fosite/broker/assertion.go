package broker

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// AssertionLifetime is how long an assertion is good. Keycloak remembers the jti of one for no longer than its realm's
// limit, which must be more than this: then none is taken twice.
const AssertionLifetime = 30 * time.Second

// assertionClaims are the claims of an assertion (RFC 7523 §3). There is no nonce, without which it is no ID token, and no
// ID token has a jti, without which it is no assertion.
type assertionClaims struct {
	Issuer    string `json:"iss"`
	Subject   string `json:"sub"`
	Audience  string `json:"aud"`
	IssuedAt  int64  `json:"iat"`
	ExpiresAt int64  `json:"exp"`
	ID        string `json:"jti"`
}

// Assertion makes an authorization grant about subject for the configured audience, and for nobody else (RFC 7523 §2.1). It
// is good once and for [AssertionLifetime]; what refuses one may have used it up, so each try needs another.
func (s *Server) Assertion(subject string) (string, error) {
	if s.audience == "" || subject == "" {
		return "", errors.New("an assertion needs an audience and a subject")
	}
	now := s.clock()
	return s.keys.Now().Sign("JWT", assertionClaims{
		Issuer: s.issuer, Subject: subject, Audience: s.audience,
		IssuedAt: now.Unix(), ExpiresAt: now.Add(AssertionLifetime).Unix(), ID: rand.Text(),
	})
}

// checkAudience refuses an audience that other tokens of this server could have.
func (c Config) checkAudience() error {
	if c.Audience == "" {
		return nil
	}
	u, err := url.Parse(c.Audience)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("audience %q is no address of a server", c.Audience)
	}
	if c.Audience == c.Client.ID || c.Audience == c.Issuer {
		return fmt.Errorf("audience %q has another use here", c.Audience)
	}
	return nil
}
