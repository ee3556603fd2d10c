// Package sshsig verifies a statement signed with an SSH key: the output of
//
//	ssh-keygen -Y sign -n recovery@HOST -f KEY statement.txt
//
// The signature (PROTOCOL.sshsig of OpenSSH) names the purpose that it was made for, so that one made for git, for a file or at a
// login is worth nothing here. Keys are Ed25519, ECDSA, RSA from 3072 bits with SHA-2, and those two first on a security key, which has to
// be touched. A certificate is no key: whom its CA meant, and until when, is not for this format to judge.
//
// Keys on security keys are hardware, but nothing attests that; so they count like the others.
package sshsig

import (
	"net/url"

	"github.com/go-json-experiment/json"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/strictjson"
)

// Config says what signatures must be.
type Config struct {
	Issuer string // {issuer}, an https URL

	// UserVerification demands that a security key asks for PIN or fingerprint. Keys in files are then refused.
	UserVerification bool
}

// Format is [attest.MethodSSHKey].
type Format struct {
	namespace    string
	verification bool
}

var (
	_ attest.Enroller = (*Format)(nil)
	_ attest.Prompter = (*Format)(nil)
)

// New makes the format.
func New(c Config) *Format { return &Format{Namespace(c.Issuer), c.UserVerification} }

// Namespace is what signatures for an issuer are made for: recovery@ and its host, with the port if there is one. It is empty, and
// all Evidence refused, for an issuer without a host.
func Namespace(issuer string) string {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" {
		return ""
	}
	return "recovery@" + u.Host
}

// Method is [attest.MethodSSHKey].
func (f *Format) Method() attest.Method { return attest.MethodSSHKey }

// Prompt tells the client which namespace to sign for.
func (f *Format) Prompt(attest.Statement) ([]byte, error) { return f.options("") }

// Locate returns the [Key.Handle] of the key that is said to have signed. Nothing is verified.
func (f *Format) Locate(body []byte, _ string) ([]byte, error) {
	s, err := parseEvidence(body)
	if err != nil {
		return nil, err
	}
	return handle(s.key), nil
}

// Verify checks the signature with the key that is bound. Where none is, a decoy takes its place, and the proof is refused.
func (f *Format) Verify(in attest.Input) (attest.Claims, error) {
	s, err := parseEvidence(in.Body)
	if err != nil {
		return attest.Claims{}, err
	}
	key, err := enrolled(in.Bound, s)
	if err != nil {
		return attest.Claims{}, err
	}
	got, err := s.Verify(in.Challenge, Expected{
		Key: key, Namespace: f.namespace, Verification: f.verification, Counter: in.Bound.Counter,
	})
	if err != nil {
		return attest.Claims{}, err
	}
	if in.Bound.Reference == nil {
		return attest.Claims{}, attest.Refuse(attest.ReasonIdentity, "no such key is bound")
	}
	return attest.Claims{Handle: key.Handle(), Counter: got.Counter, UserVerified: got.UserVerified}, nil
}

func parseEvidence(body []byte) (*Signature, error) {
	var m struct {
		Method    string `json:"method"`
		Signature string `json:"signature"`
	}
	if err := strictjson.Decode(body, &m); err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "%v", err)
	}
	if m.Method != string(attest.MethodSSHKey) {
		return nil, attest.Refuse(attest.ReasonMalformed, "method is not %s", attest.MethodSSHKey)
	}
	return Parse(m.Signature)
}

// reference is what is stored of a key.
type reference struct {
	Algorithm string `json:"algorithm"` // type of the key
	PublicKey string `json:"public_key"`
}

func (k *Key) reference() ([]byte, error) {
	return json.Marshal(reference{k.kind, k.Line()})
}

// enrolled reads the bound key, or makes a decoy for s.
func enrolled(bound attest.Binding, s *Signature) (*Key, error) {
	if bound.Reference == nil {
		return decoy(s)
	}
	var stored reference
	if err := strictjson.Decode(bound.Reference, &stored); err != nil {
		return nil, err // our own record: nothing can be told
	}
	return ParseKey(stored.PublicKey)
}
