package sshsig

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"math/big"

	xssh "golang.org/x/crypto/ssh"

	"github.com/regrant/regrant/attest"
)

// hashes are those that PROTOCOL.sshsig has for the message.
var hashes = map[string]crypto.Hash{"sha256": crypto.SHA256, "sha512": crypto.SHA512}

// digests says what each format of signature hashes with. Ed25519 takes what it signs as it is.
var digests = map[string]crypto.Hash{
	xssh.KeyAlgoECDSA256:   crypto.SHA256,
	xssh.KeyAlgoECDSA384:   crypto.SHA384,
	xssh.KeyAlgoECDSA521:   crypto.SHA512,
	xssh.KeyAlgoSKECDSA256: crypto.SHA256,
	xssh.KeyAlgoRSASHA256:  crypto.SHA256,
	xssh.KeyAlgoRSASHA512:  crypto.SHA512,
}

// The flags that a security key signs.
const (
	flagPresence     = 0x01
	flagVerification = 0x04
)

// Expected is what a signature must be.
type Expected struct {
	Key          *Key   // the enrolled one
	Namespace    string // what signatures of this purpose are made for
	NoPresence   bool   // a security key need not have been touched
	Verification bool   // a security key must have asked for PIN or fingerprint
	Counter      uint32 // the highest one seen; 0: none
}

// Verified is what a signature says that holds.
type Verified struct {
	Algorithm    string
	Hardware     bool   // a security key signed, and the next two are its word
	Counter      uint32 // of its signatures
	UserVerified bool
}

// Verify makes the checks in the order in which they are numbered. Key and what it may sign with are the enrolled ones.
func (s *Signature) Verify(message []byte, want Expected) (Verified, error) {
	// 1. It was made for this purpose. An empty namespace is none (PROTOCOL.sshsig).
	if want.Namespace == "" || s.namespace != want.Namespace {
		return Verified{}, attest.Refuse(attest.ReasonPurpose, "signature was made for another namespace")
	}
	// 2. There is something to sign.
	if len(message) == 0 {
		return Verified{}, attest.Refuse(attest.ReasonChallenge, "no challenge")
	}
	// 3. The enrolled key signed exactly this message. Which key claims to have signed is told after the work is done, so
	// that a key that is not enrolled takes as long.
	touch, holds := s.signed(message, want.Key)
	if !bytes.Equal(s.key, want.Key.wire) {
		return Verified{}, attest.Refuse(attest.ReasonIdentity, "another key")
	}
	if !holds {
		return Verified{}, attest.Refuse(attest.ReasonSignature, "signature does not verify")
	}
	// 4. The security key was used as demanded.
	if err := touch.check(want); err != nil {
		return Verified{}, attest.Signed(err)
	}
	return Verified{s.format, touch.hardware, touch.Counter, touch.verified()}, nil
}

// signed tells whether key signed message, and what its security key signed along.
func (s *Signature) signed(message []byte, key *Key) (touch, bool) {
	if !key.signs(s.format) {
		return touch{}, false
	}
	h := hashes[s.hash].New()
	h.Write(message)
	data := append([]byte(preamble), xssh.Marshal(struct {
		Namespace, Reserved, Algorithm string
		Hash                           []byte
	}{s.namespace, "", s.hash, h.Sum(nil)})...)
	if !key.hardware() {
		return touch{}, len(s.rest) == 0 && key.verify(s.format, data, s.blob)
	}
	t := touch{hardware: true}
	if err := xssh.Unmarshal(s.rest, &t.touched); err != nil {
		return touch{}, false
	}
	return t, key.verify(s.format, t.data(key.application, data), s.blob)
}

// verify checks a signature over data. Each value has one encoding: none shorter, none with zeros in front.
func (k *Key) verify(format string, data, blob []byte) bool {
	var digest []byte
	if hash := digests[format]; hash != 0 {
		h := hash.New()
		h.Write(data)
		digest = h.Sum(nil)
	}
	switch public := k.public.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(public, data, blob)
	case *ecdsa.PublicKey:
		var point struct{ R, S *big.Int } // RFC 5656 section 3.1.2
		if err := xssh.Unmarshal(blob, &point); err != nil || !bytes.Equal(xssh.Marshal(point), blob) {
			return false
		}
		return ecdsa.Verify(public, digest, point.R, point.S)
	case *rsa.PublicKey: // RFC 8332 section 3; a value that is too short does not verify
		return rsa.VerifyPKCS1v15(public, digests[format], digest, blob) == nil
	}
	return false
}

// touch is how a security key was used.
type touch struct {
	touched
	hardware bool
}

type touched struct {
	Flags   byte
	Counter uint32
}

// data is what a security key signs in place of data (PROTOCOL.u2f).
func (t touch) data(application string, data []byte) []byte {
	app, sum := sha256.Sum256([]byte(application)), sha256.Sum256(data)
	return bytes.Join([][]byte{app[:], xssh.Marshal(t.touched), sum[:]}, nil)
}

func (t touch) verified() bool { return t.Flags&flagVerification != 0 }

func (t touch) check(want Expected) error {
	switch {
	case t.hardware && !want.NoPresence && t.Flags&flagPresence == 0:
		return attest.Refuse(attest.ReasonPresence, "nobody touched the security key")
	case want.Verification && !t.verified():
		return attest.Refuse(attest.ReasonPresence, "no PIN or fingerprint unlocked the key")
	case t.hardware && want.Counter != 0 && t.Counter <= want.Counter: // a copy, or an old signature
		return attest.Refuse(attest.ReasonCounter, "counter %d after %d", t.Counter, want.Counter)
	}
	return nil
}
