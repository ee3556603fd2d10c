package main

import (
	"errors"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/appraise"
	"github.com/regrant/regrant/fosite/recoverytoken"
)

// tokenClaims is what an accepted recovery token says.
type tokenClaims struct {
	Subject   string   `json:"sub"`
	ClientID  string   `json:"client_id"`
	Txn       string   `json:"txn"`
	ACR       string   `json:"acr"`
	AMR       []string `json:"amr"`
	ExpiresAt string   `json:"exp"` // RFC 3339
	Holder    string   `json:"jkt,omitempty"`
	Device    string   `json:"x5t#S256,omitempty"`
}

// appraiseToken is the format recovery-token: what the token endpoint does with an assertion before it asks whether it was used.
func appraiseToken(r *appraise.Request) (any, error) {
	verifier, err := tokenVerifier(r)
	if err != nil {
		return nil, err
	}
	var evidence struct {
		Token *string `json:"token"`
	}
	if err := r.Evidence(&evidence); err != nil {
		return nil, err
	}
	if evidence.Token == nil {
		return nil, errors.New("evidence.token is missing")
	}
	c, err := verifier.Verify(*evidence.Token, r.Now)
	if refused, ok := errors.AsType[*recoverytoken.Error](err); ok {
		return nil, attest.Refuse(attest.Reason(refused.Reason), "%s", refused.Detail)
	}
	return tokenClaims{
		Subject: c.Subject, ClientID: c.ClientID, Txn: c.Txn, ACR: c.ACR, AMR: c.AMR,
		ExpiresAt: c.ExpiresAt.UTC().Format(time.RFC3339), Holder: c.Thumbprint, Device: c.CertificateSHA256,
	}, err
}

func tokenVerifier(r *appraise.Request) (v recoverytoken.Verifier, err error) {
	var expect struct {
		Issuer   string  `json:"issuer"`
		Audience string  `json:"audience"`
		ClientID *string `json:"client_id"`
	}
	if err := r.Expect(&expect); err != nil {
		return v, err
	}
	if expect.Issuer == "" || expect.Audience == "" {
		return v, errors.New("expect.issuer and expect.audience are needed")
	}
	if len(r.Trust.JWKS) == 0 {
		return v, errors.New("trust.jwks is missing")
	}
	v.Issuer, v.Audience = expect.Issuer, expect.Audience
	if expect.ClientID != nil {
		if v.ClientID = *expect.ClientID; v.ClientID == "" { // to the verifier that is any client
			return v, errors.New("expect.client_id names none")
		}
	}
	v.Keys, err = recoverytoken.ParseJWKS(r.Trust.JWKS)
	return v, err
}
