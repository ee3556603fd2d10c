package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/regrant/regrant/internal/strictjson"
	"github.com/regrant/regrant/internal/tpmclient"
)

// chipFile takes the place of key.pem where a device's keys are in a TPM. It is no secret: only that TPM can use what is in it.
const chipFile = "tpm.json"

// chip is a device's pair of keys in the TPM of this machine. The TPM is open only while it works, since others want it too.
type chip struct {
	Device    string          `json:"device,omitempty"` // path of the TPM; "": the machine's own
	Log       string          `json:"log,omitempty"`    // file of what the firmware measured; "": the machine's own
	Keys      json.RawMessage `json:"keys"`
	PublicKey []byte          `json:"public_key"` // SubjectPublicKeyInfo of the application key

	public *ecdsa.PublicKey
}

// newChip makes keys.
func newChip(path, log string) (*chip, error) {
	t, err := openTPM(path, log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = t.Close() }()
	keys, err := t.NewDevice()
	if err != nil {
		return nil, unusable("", "%v", err)
	}
	defer func() { _ = keys.Close() }()
	c := &chip{Device: path, Log: log}
	if c.Keys, err = keys.Marshal(); err != nil {
		return nil, unusable("", "writing down the TPM's keys: %v", err)
	}
	signer, err := keys.Signer()
	if err == nil {
		c.PublicKey, err = x509.MarshalPKIXPublicKey(signer.Public())
	}
	if err == nil {
		err = c.readPublic()
	}
	if err != nil {
		return nil, unusable("", "reading the TPM's new key: %v", err)
	}
	return c, nil
}

// loadChip reads what save wrote. The error is [fs.ErrNotExist] if the device's key is not in a TPM.
func loadChip(file string) (*chip, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	c := new(chip)
	if err := strictjson.Decode(data, c); err != nil {
		return nil, err
	}
	return c, c.readPublic()
}

func (c *chip) readPublic() error {
	parsed, err := x509.ParsePKIXPublicKey(c.PublicKey)
	public, ok := parsed.(*ecdsa.PublicKey)
	if err != nil || !ok || public.Curve != elliptic.P256() {
		return errors.New(chipFile + " names no P-256 key")
	}
	c.public = public
	return nil
}

// create writes the keys down, once, as createKey does.
func (c *chip) create(dir string) error {
	data, err := json.Marshal(c)
	if err != nil {
		return unusable("", "writing down the TPM's keys: %v", err)
	}
	return createOnce(dir, chipFile, append(data, '\n'))
}

// with loads the keys into the TPM for as long as do takes.
func (c *chip) with(do func(*tpmclient.Device) error) error {
	t, err := openTPM(c.Device, c.Log)
	if err != nil {
		return err
	}
	defer func() { _ = t.Close() }()
	keys, err := t.LoadDevice(c.Keys)
	if err != nil {
		return unusable("Keys serve the one TPM in which they were made, and no longer once it was cleared. Enrol this machine anew.",
			"the TPM of this machine does not take the keys of this device: %v", err)
	}
	defer func() { _ = keys.Close() }()
	return do(keys)
}

// Public is that of the application key, which holds recoveries.
func (c *chip) Public() crypto.PublicKey { return c.public }

// Sign implements [crypto.Signer] with the application key.
func (c *chip) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) (signature []byte, err error) {
	err = c.with(func(keys *tpmclient.Device) error {
		signer, err := keys.Signer()
		if err == nil {
			signature, err = signer.Sign(random, digest, opts)
		}
		return saidByTPM("signing with the TPM", err)
	})
	return signature, err
}

// offer begins an enrolment, answer ends it, and evidence is the proof of a recovery.
func (c *chip) offer() (body []byte, err error) {
	err = c.with(func(keys *tpmclient.Device) error {
		body, err = keys.Offer()
		return saidByTPM("asking the TPM who made it", err)
	})
	return body, err
}

func (c *chip) answer(options []byte, issuer, account string) (body []byte, err error) {
	err = c.with(func(keys *tpmclient.Device) error {
		body, err = keys.Answer(options, issuer, account)
		return saidByTPM("answering for the TPM", err)
	})
	return body, err
}

func (c *chip) evidence(statement string, options []byte) (body []byte, err error) {
	err = c.with(func(keys *tpmclient.Device) error {
		body, err = keys.Evidence(statement, options)
		return saidByTPM("quoting with the TPM", err)
	})
	return body, err
}

func openTPM(path, log string) (*tpmclient.TPM, error) {
	t, err := tpmclient.Open(path, log)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, unusable("Without a TPM, leave --tpm out: then the key is in a file. A TPM may have to be switched on in the firmware's settings.",
			"this machine shows no TPM: %v", err)
	case errors.Is(err, fs.ErrPermission):
		return nil, unusable("Whoever runs this machine can allow it: on most systems, members of the group tss may use the TPM.", "you may not use the TPM: %v", err)
	case err != nil:
		return nil, unusable("", "%v", err)
	}
	return t, nil
}

// saidByTPM puts an error of the TPM, or of what the gateway wants of it, into words.
func saidByTPM(doing string, err error) error {
	if errors.Is(err, tpmclient.ErrOtherText) {
		return mismatch("%v", err)
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		return unusable("Whoever runs this machine can give you a copy of the log. Name it with --tpm-log when you enrol.", "%s: %v", doing, err)
	}
	if err != nil {
		return unusable("", "%s: %v", doing, err)
	}
	return nil
}

// inTPM tells whether the keys of the device in dir are in a TPM.
func inTPM(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, chipFile))
	return err == nil
}
