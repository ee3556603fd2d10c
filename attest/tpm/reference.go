package tpm

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"errors"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/strictjson"
)

// binding is what the store keeps of an enrolled device: nothing secret.
type binding struct {
	ak       *key
	key      *ecdsa.PublicKey // the application key, nil if it is no P-256 key
	spki     []byte           // of the application key
	model    string
	resets   uint32 // as the AK told them at the enrolment, like all below
	restarts uint32
	firmware uint64
}

// stored is a binding as it is written.
type stored struct {
	Algorithm string `json:"algorithm"` // of the AK
	AK        []byte `json:"ak_public"`
	Key       []byte `json:"key_spki"`
	Model     string `json:"model"`
	Resets    uint32 `json:"reset_count"`
	Restarts  uint32 `json:"restart_count"`
	Firmware  uint64 `json:"firmware_version"`
}

func (b *binding) encode() ([]byte, error) {
	return json.Marshal(stored{algorithms[b.ak.scheme], b.ak.area, b.spki, b.model, b.resets, b.restarts, b.firmware})
}

// reference returns what bound holds. If nothing is bound, the key that was sent does the same work as if it were; the verifier
// refuses afterwards.
func reference(bound attest.Binding, sent *key) (*binding, error) {
	if bound.Authenticator == "" {
		return &binding{ak: sent}, nil
	}
	b, err := decodeBinding(bound.Reference, sent)
	if err != nil {
		return nil, err
	}
	if !b.ak.is(sent) {
		return nil, attest.Refuse(attest.ReasonIdentity, "another attestation key is bound")
	}
	return b, nil
}

var errStored = errors.New("what is stored of a TPM cannot be read")

// decodeBinding reads what [binding.encode] wrote. An AK that is the same as sent, byte for byte, is not read again. Its errors say that
// nothing can be told, and refuse nobody.
func decodeBinding(data []byte, sent *key) (*binding, error) {
	var s stored
	if err := strictjson.Decode(data, &s); err != nil {
		return nil, errStored
	}
	ak, err := sent, error(nil)
	if !bytes.Equal(s.AK, sent.area) {
		ak, err = parseAK(s.AK)
	}
	if err != nil || algorithms[ak.scheme] != s.Algorithm {
		return nil, errStored
	}
	public, err := x509.ParsePKIXPublicKey(s.Key)
	if err != nil {
		return nil, errStored
	}
	p256, _ := public.(*ecdsa.PublicKey) // whether it is, the holder's name tells
	return &binding{ak, p256, s.Key, s.Model, s.Resets, s.Restarts, s.Firmware}, nil
}

// isHolder tells whether the application key is the holder's DPoP key.
func (b *binding) isHolder(holder string) bool {
	thumbprint, err := attest.HolderOfKey(b.key)
	return err == nil && thumbprint == holder
}

// compare tells how often the machine was started since its enrolment, and what stands out. Numbers of a TPM are shifted by a
// constant of the key (TPM 2.0 Part 1 section 36.7) and may pass the highest, so only their distances mean anything. seen is the
// greatest distance that was seen.
func (b *binding) compare(s State, seen uint32) (starts uint32, signals []attest.Signal) {
	starts = s.ResetCount - b.resets
	switch {
	case isBack(starts): // an older state of the chip was brought back, or it is not the chip
		starts = 0
		signals = append(signals, attest.SignalReset)
	case starts < seen || starts == 0 && isBack(s.RestartCount-b.restarts):
		signals = append(signals, attest.SignalReset)
	}
	if s.Firmware != b.firmware {
		signals = append(signals, attest.SignalFirmware)
	}
	return starts, signals
}

// isBack tells whether a distance that was counted past zero is one backwards.
func isBack(distance uint32) bool { return distance >= 1<<31 }
