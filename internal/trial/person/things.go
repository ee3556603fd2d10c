package person

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/regrant/regrant/attest"
)

// thing is an authenticator in software.
type thing interface {
	method() attest.Method

	// answer ends an enrolment; text is what a key signs. shown are the secrets that the gateway then shows.
	answer(options json.RawMessage, text string) (members, error)
	keep(shown []string)

	// evidence proves over a statement.
	evidence(statement string) (members, error)
}

type members map[string]any

// Makeable are the methods of which a thing can be made in software, the one that asks least of a person first.
func Makeable() []attest.Method {
	return []attest.Method{
		attest.MethodPasskey, attest.MethodDeviceCertificate, attest.MethodRecoveryCode, attest.MethodRecoveryKey, attest.MethodSSHKey, attest.MethodPassphrase,
	}
}

func newThing(m attest.Method, issuer string) (thing, error) {
	switch m {
	case attest.MethodPasskey:
		return newPasskey(issuer)
	case attest.MethodDeviceCertificate:
		return newDevice()
	case attest.MethodRecoveryCode:
		return &codes{}, nil
	case attest.MethodRecoveryKey:
		public, key, err := ed25519.GenerateKey(rand.Reader)
		return &recoveryKey{public, key}, err
	case attest.MethodSSHKey:
		return newSSHKey(issuer)
	case attest.MethodPassphrase:
		return &passphrase{rand.Text()}, nil
	}
	return nil, fmt.Errorf("there is no %s in software", m)
}

// codes are recovery codes on a sheet.
type codes struct{ left []string }

func (*codes) method() attest.Method { return attest.MethodRecoveryCode }

func (*codes) answer(json.RawMessage, string) (members, error) { return members{}, nil }

func (c *codes) keep(shown []string) { c.left = shown }

func (c *codes) evidence(string) (members, error) {
	if len(c.left) == 0 {
		return nil, failed("", "the gateway showed no recovery codes")
	}
	code := c.left[0]
	c.left = c.left[1:] // each is good once
	return members{"method": c.method(), "code": code}, nil
}

// passphrase is one that nobody remembers.
type passphrase struct{ text string }

func (*passphrase) method() attest.Method { return attest.MethodPassphrase }

func (p *passphrase) answer(json.RawMessage, string) (members, error) {
	return members{"passphrase": p.text}, nil
}

func (*passphrase) keep([]string) {}

func (p *passphrase) evidence(string) (members, error) {
	return members{"method": p.method(), "passphrase": p.text}, nil
}

// recoveryKey is a key that would be kept on paper.
type recoveryKey struct {
	public ed25519.PublicKey
	key    ed25519.PrivateKey
}

func (*recoveryKey) method() attest.Method { return attest.MethodRecoveryKey }

func (k *recoveryKey) answer(_ json.RawMessage, text string) (members, error) {
	return k.evidence(text)
}

func (*recoveryKey) keep([]string) {}

func (k *recoveryKey) evidence(statement string) (members, error) {
	return members{
		"method": k.method(), "public_key": members{"kty": "OKP", "crv": "Ed25519", "x": b64(k.public)}, "algorithm": "Ed25519",
		"signature": b64(ed25519.Sign(k.key, []byte(statement))),
	}, nil
}

// device is a device with its certificate. It is bound by an activation code, and its key is the holder of its recoveries.
type device struct {
	key   *ecdsa.PrivateKey
	chain []string // PEM, its own first
}

func newDevice() (*device, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return &device{key: key}, err
}

func (*device) method() attest.Method { return attest.MethodDeviceCertificate }

func (*device) answer(json.RawMessage, string) (members, error) {
	return nil, fmt.Errorf("a device is bound by a code")
}

func (*device) keep([]string) {}

func (d *device) evidence(statement string) (members, error) {
	digest := sha256.Sum256([]byte(statement))
	signature, err := d.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	return members{"method": d.method(), "certificate_chain": d.chain, "algorithm": "ES256", "signature": b64(signature)}, err
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
