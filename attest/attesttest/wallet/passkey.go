package wallet

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
)

// Passkey is a platform authenticator that verifies its user and attests nothing.
type Passkey struct {
	empty
	*attesttest.Passkey
	t testing.TB
}

// NewPasskey makes a passkey for [RPID].
func NewPasskey(t testing.TB) *Passkey {
	t.Helper()
	return &Passkey{Passkey: attesttest.NewPasskey(t, RPID), t: t}
}

// Method is [attest.MethodPasskey].
func (p *Passkey) Method() attest.Method { return attest.MethodPasskey }

// Finish makes the credential known.
func (p *Passkey) Finish(options []byte, _ string) []byte {
	var o struct {
		Challenge string `json:"challenge"`
		User      struct {
			ID string `json:"id"`
		} `json:"user"`
	}
	decode(options, &o)
	p.UserHandle = unbase64(o.User.ID)
	return encode(object{"credential": json.RawMessage(p.Create(p.t, unbase64(o.Challenge), Origin, attesttest.Attester{}, nil))})
}

// Evidence is an assertion.
func (p *Passkey) Evidence(statement string) []byte {
	sum := sha256.Sum256([]byte(statement))
	return encode(object{"method": p.Method(), "credential": json.RawMessage(p.Get(sum[:], Origin, nil))})
}

// Secrets are the private key.
func (p *Passkey) Secrets() map[string][]byte {
	return map[string][]byte{"key of the passkey": private(p.Key)}
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func unbase64(text string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		panic(err) // options that cannot be read end the test
	}
	return b
}
