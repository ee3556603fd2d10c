package wallet

import (
	"crypto"
	"crypto/rand"
	"crypto/sha512"
	"encoding/pem"
	"testing"

	xssh "golang.org/x/crypto/ssh"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/sshsig"
)

// SSHKey is a key in a file.
type SSHKey struct {
	empty
	key    crypto.Signer
	signer xssh.AlgorithmSigner
}

// NewSSHKey makes an SSH key of a key.
func NewSSHKey(t testing.TB, key crypto.Signer) *SSHKey {
	t.Helper()
	signer, err := xssh.NewSignerFromSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return &SSHKey{key: key, signer: signer.(xssh.AlgorithmSigner)}
}

// Method is [attest.MethodSSHKey].
func (k *SSHKey) Method() attest.Method { return attest.MethodSSHKey }

// Finish tells the public key, and signs the text.
func (k *SSHKey) Finish(_ []byte, text string) []byte {
	return encode(object{"public_key": string(xssh.MarshalAuthorizedKey(k.signer.PublicKey())), "signature": k.sign(text)})
}

// Evidence is a signature as ssh-keygen -Y sign makes it.
func (k *SSHKey) Evidence(statement string) []byte {
	return encode(object{"method": k.Method(), "signature": k.sign(statement)})
}

func (k *SSHKey) sign(text string) string {
	const magic, hash = "SSHSIG", "sha512"
	namespace, digest, algorithm := sshsig.Namespace(Issuer), sha512.Sum512([]byte(text)), k.signer.PublicKey().Type()
	if algorithm == xssh.KeyAlgoRSA {
		algorithm = xssh.KeyAlgoRSASHA512
	}
	signed := xssh.Marshal(struct {
		Namespace, Reserved, Hash string
		Digest                    []byte
	}{namespace, "", hash, digest[:]})
	made, err := k.signer.SignWithAlgorithm(rand.Reader, append([]byte(magic), signed...), algorithm)
	if err != nil {
		panic(err) // a key made for a test signs
	}
	whole := xssh.Marshal(struct {
		Version                   uint32
		Key                       []byte
		Namespace, Reserved, Hash string
		Signature                 []byte
	}{1, k.signer.PublicKey().Marshal(), namespace, "", hash, xssh.Marshal(made)})
	return string(pem.EncodeToMemory(&pem.Block{Type: "SSH SIGNATURE", Bytes: append([]byte(magic), whole...)}))
}

// Secrets are the private key.
func (k *SSHKey) Secrets() map[string][]byte { return map[string][]byte{"SSH key": private(k.key)} }
