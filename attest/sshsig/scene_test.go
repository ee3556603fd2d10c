package sshsig_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"testing"

	xssh "golang.org/x/crypto/ssh"

	"github.com/regrant/regrant/attest"
)

// scene is a signature in which everything is as it should be, taken apart so that a test can change one thing.
type scene struct {
	signer xssh.Signer
	format string // asked of the signer

	magic     string
	version   uint32
	key       []byte
	namespace string
	reserved  string
	hash      string
	inner     func(*xssh.Signature) []byte
	behind    []byte
}

func newScene(t testing.TB, key crypto.Signer) *scene {
	t.Helper()
	signer, err := xssh.NewSignerFromSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{
		signer: signer, format: signer.PublicKey().Type(),
		magic: "SSHSIG", version: 1, key: signer.PublicKey().Marshal(), namespace: namespace, hash: "sha512",
		inner: func(s *xssh.Signature) []byte { return xssh.Marshal(s) },
	}
	if s.format == xssh.KeyAlgoRSA {
		s.format = xssh.KeyAlgoRSASHA512
	}
	return s
}

func (s *scene) public() string { return string(xssh.MarshalAuthorizedKey(s.signer.PublicKey())) }

// blob signs a message as the scene says.
func (s *scene) blob(message string) []byte {
	sum := sha512.Sum512([]byte(message))
	digest := sum[:]
	if s.hash == "sha256" {
		short := sha256.Sum256([]byte(message))
		digest = short[:]
	}
	signed := append([]byte(s.magic), xssh.Marshal(struct {
		Namespace, Reserved, Hash string
		Digest                    []byte
	}{s.namespace, s.reserved, s.hash, digest})...)
	sig, err := s.signer.(xssh.AlgorithmSigner).SignWithAlgorithm(rand.Reader, signed, s.format)
	if err != nil {
		panic(err) // a key made here signs in the format chosen here
	}
	return append(append([]byte(s.magic), xssh.Marshal(struct {
		Version                   uint32
		Key                       []byte
		Namespace, Reserved, Hash string
		Signature                 []byte
	}{s.version, s.key, s.namespace, s.reserved, s.hash, s.inner(sig)})...), s.behind...)
}

func (s *scene) armoured() string { return s.over(challenge) }

func (s *scene) over(message string) string { return armour(s.blob(message)) }

func armour(blob []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "SSH SIGNATURE", Bytes: blob}))
}

func ed25519Key(t testing.TB) crypto.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func ecdsaKey(t testing.TB, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rsaKey(t testing.TB, bits int) crypto.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// line is an authorized_keys line of a key that is made up of parts.
func line(kind string, parts ...any) string {
	wire := xssh.Marshal(struct{ Kind string }{kind})
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			wire = append(wire, xssh.Marshal(struct{ S string }{p})...)
		case []byte: // as it is
			wire = append(wire, p...)
		}
	}
	return kind + " " + base64.StdEncoding.EncodeToString(wire)
}

func refused(t *testing.T, err error, reason attest.Reason) {
	t.Helper()
	if e, ok := errors.AsType[*attest.Error](err); !ok || e.Reason != reason {
		t.Errorf("error is %v, not a refusal for reason %s", err, reason)
	}
}
