package attest_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"testing"

	"golang.org/x/crypto/argon2"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/attesttest/wallet"
)

// text is as long as a statement.
var text = []byte("regrant recovery v1\n" + string(make([]byte, 380)))

// site judges what a wallet holds.
type site struct {
	maker     *attesttest.CA
	verifier  *attest.Verifier
	enrolling attest.Enrolling
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{maker: attesttest.NewCA(t), enrolling: attest.Enrolling{
		Issuer: wallet.Issuer, AccountID: "1", Name: "alice@example.com", UserHandle: make([]byte, 32), Random: rand.Reader, Now: now,
	}}
	var err error
	s.verifier, err = attest.NewVerifier(wallet.Formats(t, s.maker, keyed("a key"), func(work func()) error { work(); return nil })...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// proves enrols a, and judges the same evidence of it again and again.
func (s *site) proves(t testing.TB, a wallet.Authenticator) func() error {
	t.Helper()
	format := s.verifier.Format(a.Method()).(attest.Enroller)
	prompt, err := format.Begin(s.enrolling, a.Begin())
	if err != nil {
		t.Fatal(err)
	}
	made, err := format.Finish(s.enrolling, prompt.Keep, a.Finish(prompt.Options, attest.EnrolmentText(s.enrolling, a.Method())))
	if err != nil {
		t.Fatal(err)
	}
	a.Keep(made.Shown)
	h := made.Handles[0]
	in := attest.Input{Body: a.Evidence(string(text)), Challenge: text, Now: now, Bound: attest.Binding{Authenticator: "a", Handle: h.Value, Reference: h.Reference}}
	return func() error {
		_, err := format.Verify(in)
		return err
	}
}

func races(t testing.TB) []race {
	t.Helper()
	s := newSite(t)
	return slices.Concat(certificateRaces(t), s.passkeyRaces(t), s.keyRaces(t), s.chipRaces(t), phoneRaces(t), s.secretRaces(t))
}

// keys are those of the kinds that people have.
func keys(t testing.TB, bits int) map[string]crypto.Signer {
	t.Helper()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	long, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]crypto.Signer{"P-256": attesttest.NewKey(t), "Ed25519": ed, "RSA": long}
}

var kinds = []string{"P-256", "Ed25519", "RSA"}

func (s *site) passkeyRaces(t testing.TB) (all []race) {
	t.Helper()
	owned := keys(t, 2048)
	for _, kind := range kinds {
		p := wallet.NewPasskey(t)
		p.Passkey = attesttest.NewPasskeyWith(owned[kind], wallet.RPID)
		prove := s.proves(t, p)
		all = append(all, race{"webauthn-assertion " + kind, prove, verifying(assertion(t, p))})
	}
	return append(all, registrationRaces(t)...)
}

// assertion is the signature of one.
func assertion(t testing.TB, p *wallet.Passkey) signature {
	t.Helper()
	var m struct {
		Credential struct {
			Response struct {
				Data      string `json:"authenticatorData"`
				Client    string `json:"clientDataJSON"`
				Signature string `json:"signature"`
			} `json:"response"`
		} `json:"credential"`
	}
	if err := json.Unmarshal(p.Evidence(string(text)), &m); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(unbase64(t, m.Credential.Response.Client))
	sig := signature{
		key: p.Key.Public(), hash: crypto.SHA256, message: append(unbase64(t, m.Credential.Response.Data), sum[:]...),
		value: unbase64(t, m.Credential.Response.Signature),
	}
	if _, ok := p.Key.(ed25519.PrivateKey); ok {
		sig.hash = 0
	}
	return sig
}

func unbase64(t testing.TB, text string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// keyRaces: what an SSH key signs is some 110 bytes, whatever the message.
func (s *site) keyRaces(t testing.TB) (all []race) {
	t.Helper()
	owned := keys(t, 3072)
	for _, kind := range kinds {
		all = append(all, race{"sshsig " + kind, s.proves(t, wallet.NewSSHKey(t, owned[kind])), verifying(signed(t, owned[kind], text[:110]))})
	}
	for _, kind := range kinds {
		sig := signed(t, owned[kind], text)
		if key, ok := owned[kind].(*rsa.PrivateKey); ok {
			sig = signedPSS(t, key, text)
		}
		all = append(all, race{"recovery-key " + kind, s.proves(t, wallet.NewRecoveryKey(t, owned[kind])), verifying(sig)})
	}
	return all
}

func signedPSS(t testing.TB, key *rsa.PrivateKey, message []byte) signature {
	t.Helper()
	sum := sha256.Sum256(message)
	value, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	if err != nil {
		t.Fatal(err)
	}
	return signature{key: key.Public(), hash: crypto.SHA256, message: message, value: value, pss: true}
}

// secretRaces: of a code, selector and verifier are hashed; of a passphrase, what Argon2id made.
func (s *site) secretRaces(t testing.TB) []race {
	t.Helper()
	part, hash := make([]byte, 26), keyed("a key")
	hmacs := func() bool { return len(hash(part, part[:9])) == len(hash(part, part[:16], part[:9], part)) }
	argon := func() bool {
		return len(argon2.IDKey(part, part[:16], 3, 64<<10, 4, 32)) == 32 && len(hash(part, text[:32], part[:16], text[:32])) == 32
	}
	return []race{
		{"recovery-code", s.proves(t, new(wallet.Codes)), hmacs},
		{"passphrase", s.proves(t, &wallet.Passphrase{Text: "plinth ocelot varnish quorum 41"}), argon},
	}
}
