package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// createKey writes a new key.
func createKey(dir string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return unusable("", "encoding the key: %v", err)
	}
	return createOnce(dir, keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// createOnce writes the file of a device's keys. It fails if the folder has keys already, also if somebody makes them at the
// same moment: a key that was enrolled is never lost to a second enrolment.
func createOnce(dir, name string, data []byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return unusable("", "making the folder for the key: %v", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return keyThere(dir)
	}
	if err == nil {
		_, err = f.Write(data)
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err != nil {
		return unusable("", "writing the key: %v", err)
	}
	return nil
}

// checkEmpty fails if the folder has keys already, of whichever kind.
func checkEmpty(dir string) error {
	for _, name := range []string{keyFile, chipFile} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return keyThere(dir)
		}
	}
	return nil
}

func keyThere(dir string) error {
	return unusable("To keep it, enrol into another folder with --dir. To give it up, remove the folder first, and have the old device revoked.",
		"there is a device key in %s already", dir)
}

// save writes certificate and description, the description last: a folder that has it is complete.
func (d *device) save() error {
	var chain bytes.Buffer
	for _, c := range d.chain {
		chain.Write(encodeCertificate(c))
	}
	info, err := json.MarshalIndent(d.deviceInfo, "", "  ")
	if err == nil && d.chip == nil {
		err = writeAtomically(filepath.Join(d.dir, certificateFile), chain.Bytes())
	}
	if err == nil {
		err = writeAtomically(filepath.Join(d.dir, infoFile), append(info, '\n'))
	}
	if err != nil {
		return unusable("", "saving the device: %v", err)
	}
	return nil
}

func writeAtomically(file string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
