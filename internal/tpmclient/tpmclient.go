// Package tpmclient makes keys in the TPM of this machine, and has it speak for them: the claimant's side of attest/tpm.
package tpmclient

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"fmt"

	goattest "github.com/google/go-attestation/attest"
)

// firmwareLog is where Linux shows what firmware and loaders measured.
const firmwareLog = "/sys/kernel/security/tpm0/binary_bios_measurements"

// TPM is an open one. Others wait meanwhile: close it soon.
type TPM struct {
	tpm *goattest.TPM
	log string // file
}

// Open opens a TPM by the path of its device, or of the socket of one in software; log is the file that tells what firmware and loaders
// measured. Where either is "", it is the machine's own.
func Open(path, log string) (*TPM, error) {
	if path == "" {
		path = "/dev/tpmrm0"
	}
	if log == "" {
		log = firmwareLog
	}
	channel, err := dial(path)
	if err != nil {
		return nil, fmt.Errorf("opening the TPM: %w", err)
	}
	t, err := goattest.OpenTPM(&goattest.OpenConfig{CommandChannel: channel})
	if err != nil {
		return nil, fmt.Errorf("opening the TPM: %w", err)
	}
	return &TPM{t, log}, nil
}

// Close ends the connection.
func (t *TPM) Close() error { return t.tpm.Close() }

// Device is a pair of keys in the TPM: one that attests, and one that signs and that the first one certified.
type Device struct {
	tpm    *TPM
	ak     *goattest.AK
	key    *goattest.Key
	public *ecdsa.PublicKey
}

// blobs are the keys as only this TPM can load them.
type blobs struct {
	AK  json.RawMessage `json:"ak"`
	Key json.RawMessage `json:"key"`
}

// NewDevice makes both keys, on P-256. Close the device before the TPM.
func (t *TPM) NewDevice() (*Device, error) {
	ak, err := t.tpm.NewAK(&goattest.AKConfig{Algorithm: goattest.ECDSA})
	if err != nil {
		return nil, fmt.Errorf("making the attestation key: %w", err)
	}
	key, err := t.tpm.NewKey(ak, &goattest.KeyConfig{Algorithm: goattest.ECDSA, Size: 256})
	if err != nil {
		_ = ak.Close(t.tpm)
		return nil, fmt.Errorf("making the application key: %w", err)
	}
	return t.device(ak, key)
}

// LoadDevice loads what [Device.Marshal] wrote on the same machine.
func (t *TPM) LoadDevice(data []byte) (*Device, error) {
	var b blobs
	if err := json.Unmarshal(data, &b); err != nil {
		return nil, errors.New("not the keys of a TPM")
	}
	ak, err := t.tpm.LoadAK(b.AK)
	if err != nil {
		return nil, fmt.Errorf("loading the attestation key: %w", err)
	}
	key, err := t.tpm.LoadKey(b.Key)
	if err != nil {
		_ = ak.Close(t.tpm)
		return nil, fmt.Errorf("loading the application key: %w", err)
	}
	return t.device(ak, key)
}

func (t *TPM) device(ak *goattest.AK, key *goattest.Key) (*Device, error) {
	d := &Device{tpm: t, ak: ak, key: key}
	public, ok := key.Public().(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() {
		return nil, errors.Join(errors.New("the application key is not on P-256"), d.Close())
	}
	d.public = public
	return d, nil
}

// Marshal writes the keys for [TPM.LoadDevice]. It is not a secret: no other TPM can read it, and who has this machine needs no more.
func (d *Device) Marshal() ([]byte, error) {
	ak, err := d.ak.Marshal()
	if err != nil {
		return nil, err
	}
	key, err := d.key.Marshal()
	if err != nil {
		return nil, err
	}
	return json.Marshal(blobs{ak, key})
}

// Signer signs with the application key, which is on P-256.
func (d *Device) Signer() (crypto.Signer, error) {
	private, err := d.key.Private(d.public)
	if err != nil {
		return nil, err
	}
	return private.(crypto.Signer), nil
}

// Close takes both keys out of the TPM, which has room for three.
func (d *Device) Close() error {
	return errors.Join(d.key.Close(), d.ak.Close(d.tpm.tpm))
}
