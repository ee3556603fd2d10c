package appraise_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"io"
	"testing"

	"github.com/regrant/regrant/attest"
)

func TestSignatureIsJudged(t *testing.T) {
	s := newScene(t)
	mustAccept(t, s.signature())
	with := func(changes object) object { return in(s.signature(), "evidence", changes) }
	mustRefuse(t, with(object{"signature": encode(s.device.Sign("another"))}), attest.ReasonSignature)
	mustRefuse(t, with(object{"signature": ""}), attest.ReasonSignature)
	mustRefuse(t, with(object{"signature": "!"}), attest.ReasonMalformed)
	mustRefuse(t, with(object{"algorithm": "ES384"}), attest.ReasonKey)
	mustRefuse(t, with(object{"algorithm": "none"}), attest.ReasonUnsupported)
	other := s.signature()
	other["challenge"] = encode([]byte("another"))
	mustRefuse(t, other, attest.ReasonSignature)
	other["challenge"] = ""
	mustRefuse(t, other, attest.ReasonChallenge)
	delete(other, "challenge")
	mustFail(t, other)
	mustFail(t, with(object{"signature": nil}))
	mustFail(t, with(object{"algorithm": nil}))
	padded := s.signature()
	padded["challenge"] = base64.StdEncoding.EncodeToString([]byte(challenge))
	mustAccept(t, padded)
}

// anybodys is an Ed25519 key of order 1: its one signature is good for every message, and whoever knows the key can make it.
type anybodys struct{}

var orderOne = append([]byte{1}, make([]byte, ed25519.PublicKeySize-1)...)

func (anybodys) Public() crypto.PublicKey { return ed25519.PublicKey(orderOne) }

func (anybodys) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return append(orderOne[:ed25519.PublicKeySize:ed25519.PublicKeySize], make([]byte, 32)...), nil
}

// A CA may certify whatever key it is shown.
func TestCertifiedKeyWithWhichAnybodySignsIsRefused(t *testing.T) {
	s := newScene(t)
	_, good, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s.device = s.issuing.DeviceWithKey(t, good, nil)
	mustAccept(t, s.signature())
	s.device = s.issuing.DeviceWithKey(t, anybodys{}, nil)
	mustRefuse(t, s.signature(), attest.ReasonKey)
	mustRefuse(t, s.chain(), attest.ReasonKey)
	s.device = s.root.IntermediateWithKey(t, anybodys{}, nil).Device(t, nil)
	mustRefuse(t, s.chain(), attest.ReasonKey)
}
