package keys

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const maxSecretFile = 4 << 10

// LoadSecret reads the operator's secret from the file at path: standard base64 of at least [MinSecret] bytes. If
// there is no such file, it makes one of 32 random bytes that only its owner can read. It refuses a file that others
// can read.
func LoadSecret(path string) ([]byte, error) {
	secret, err := readSecret(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	if err := makeSecret(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("making the secret file: %w", err)
	}
	return readSecret(path) // ours, or that of whoever made it first
}

// StorageKey derives the key that encrypts the files of a store, 32 bytes, and is used for nothing else.
func StorageKey(secret []byte) []byte { return derive(secret, "regrant storage key") }

func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("opening the secret file: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat() // of what was opened, so nobody can exchange it in between
	if err != nil {
		return nil, fmt.Errorf("opening the secret file: %w", err)
	}
	if mode := info.Mode(); !mode.IsRegular() {
		return nil, fmt.Errorf("secret file %s is not a regular file", path)
	} else if mode.Perm()&0o077 != 0 {
		return nil, fmt.Errorf("secret file %s is open to others (mode %04o): run chmod 600 %s, "+
			"and replace the secret if somebody may have read it", path, mode.Perm(), path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading the secret file: %w", err)
	}
	if len(text) > maxSecretFile { // half a file would be another secret
		return nil, fmt.Errorf("secret file %s is larger than %d bytes", path, maxSecretFile)
	}
	secret, err := DecodeSecret(string(bytes.TrimRight(text, "\r\n")))
	if err != nil {
		return nil, fmt.Errorf("secret file %s: %w", path, err)
	}
	return secret, nil
}

// DecodeSecret reads an operator's secret as its file holds it: standard base64 of at least [MinSecret] bytes. Its errors do not quote it.
func DecodeSecret(text string) ([]byte, error) {
	secret, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, errors.New("it does not hold base64") // the cause could quote the secret
	}
	if len(secret) < MinSecret {
		return nil, fmt.Errorf("%w: it has %d bytes, at least %d are needed", ErrShortSecret, len(secret), MinSecret)
	}
	return secret, nil
}

// makeSecret puts a complete, durable file at path, or returns [fs.ErrExist]. It is written under another name and
// then linked, because a crash or a second starter must never find half a secret under the real one.
func makeSecret(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".secret-*") // O_EXCL, mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	if err := writeSecret(f); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func writeSecret(f *os.File) error {
	secret := make([]byte, MinSecret)
	rand.Read(secret)
	_, err := f.WriteString(base64.StdEncoding.EncodeToString(secret) + "\n")
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes the new name itself durable: keys wrapped under a secret that a power cut takes away are lost.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the operator names it
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return d.Sync()
}
