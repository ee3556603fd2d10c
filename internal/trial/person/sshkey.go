package person

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"slices"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/sshsig"
)

// sshKey is an Ed25519 key in a file.
type sshKey struct {
	namespace string
	blob      []byte // the public key as SSH has it on the wire
	key       ed25519.PrivateKey
}

const sshEd25519 = "ssh-ed25519"

func newSSHKey(issuer string) (*sshKey, error) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	return &sshKey{sshsig.Namespace(issuer), slices.Concat(sshString(sshEd25519), sshString(string(public))), key}, err
}

func (*sshKey) method() attest.Method { return attest.MethodSSHKey }

func (*sshKey) keep([]string) {}

func (k *sshKey) answer(_ json.RawMessage, text string) (members, error) {
	return members{"public_key": sshEd25519 + " " + base64.StdEncoding.EncodeToString(k.blob), "signature": k.sign(text)}, nil
}

func (k *sshKey) evidence(statement string) (members, error) {
	return members{"method": k.method(), "signature": k.sign(statement)}, nil
}

// sign does what ssh-keygen -Y sign does (PROTOCOL.sshsig of OpenSSH).
func (k *sshKey) sign(text string) string {
	const magic, hash = "SSHSIG", "sha512"
	digest := sha512.Sum512([]byte(text))
	purpose := slices.Concat(sshString(k.namespace), sshString(""), sshString(hash))
	signature := ed25519.Sign(k.key, slices.Concat([]byte(magic), purpose, sshString(string(digest[:]))))
	whole := slices.Concat([]byte(magic), []byte{0, 0, 0, 1}, sshString(string(k.blob)), purpose,
		sshString(string(slices.Concat(sshString(sshEd25519), sshString(string(signature))))))
	return string(pem.EncodeToMemory(&pem.Block{Type: "SSH SIGNATURE", Bytes: whole}))
}

// sshString is a string as RFC 4251 section 5 writes it.
func sshString(s string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(s))), s...) //nolint:gosec // some hundred bytes
}
