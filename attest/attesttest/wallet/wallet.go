// Package wallet is what people hold, in software, for tests: an authenticator of each method that they bind by themselves, and the formats that
// judge them.
package wallet

import (
	"crypto/x509"
	"encoding/json"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/recoverykey"
	"github.com/regrant/regrant/attest/secret"
	"github.com/regrant/regrant/attest/sshsig"
	"github.com/regrant/regrant/attest/tpm"
	"github.com/regrant/regrant/attest/webauthn"
)

// The site at which everything here is bound.
const (
	Origin = "https://id.example.com"
	Issuer = Origin + "/recovery"
	RPID   = "id.example.com"
)

// Authenticator is one thing that a person holds.
type Authenticator interface {
	Method() attest.Method

	// Begin is the body with which its enrolment begins.
	Begin() []byte

	// Finish is the body with which its enrolment ends. It answers the options; text is [attest.EnrolmentText].
	Finish(options []byte, text string) []byte

	// Keep takes what the enrolment showed once.
	Keep(shown []string)

	// Evidence is the element of the evidence list over a statement.
	Evidence(statement string) []byte

	// Secrets are what nobody else may ever see, by name.
	Secrets() map[string][]byte
}

// New makes one of each, all fresh. Their TPM is of that maker.
func New(t testing.TB, maker *attesttest.CA) []Authenticator {
	t.Helper()
	return []Authenticator{
		NewPasskey(t), NewChip(t, maker), NewSSHKey(t, attesttest.NewKey(t)), NewRecoveryKey(t, attesttest.NewKey(t)), &Codes{},
		&Passphrase{"plinth ocelot varnish quorum 41"},
	}
}

// Formats judges what [New] makes. hash is keyed, as [attest.Host] lends it; slots bounds passphrases.
func Formats(t testing.TB, maker *attesttest.CA, hash func(parts ...[]byte) []byte, slots func(work func()) error) []attest.Format {
	t.Helper()
	passkeys, err := webauthn.New(webauthn.Config{RPIDs: []string{RPID}, Origins: []string{Origin}, Attestation: webauthn.Attestation{Demand: webauthn.Any}})
	if err != nil {
		t.Fatal(err)
	}
	chips, err := tpm.New(tpm.Config{Makers: []*x509.Certificate{maker.Certificate}})
	if err != nil {
		t.Fatal(err)
	}
	return []attest.Format{
		passkeys, chips, sshsig.New(sshsig.Config{Issuer: Issuer}), recoverykey.New(), secret.NewCodes(hash),
		secret.NewPassphrase(secret.PassphraseConfig{Hash: hash, Slots: slots}),
	}
}

// empty is what most authenticators have to say first, and keep.
type empty struct{}

func (empty) Begin() []byte { return []byte("{}") }

func (empty) Keep([]string) {}

type object = map[string]any

func encode(o object) []byte {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err) // what is made here always encodes
	}
	return text
}

func decode(text []byte, into any) {
	if err := json.Unmarshal(text, into); err != nil {
		panic(err) // options that cannot be read end the test
	}
}
