package badger

import (
	"errors"
	"fmt"

	dgbadger "github.com/dgraph-io/badger/v4"
)

// KeySize is the length of an encryption key, in bytes: AES-256.
const KeySize = 32

var (
	// ErrKey means that the store is encrypted under another key than the one given.
	ErrKey = errors.New("encrypted under another key")
	// ErrPlain means that a key is given for a store that was made without one.
	ErrPlain = errors.New("made without encryption")
	// ErrEncrypted means that no key is given for a store that is encrypted.
	ErrEncrypted = errors.New("encrypted")
)

// Badger keeps keys of its own, which it changes every ten days, in a registry
// file encrypted under ours. It refuses a wrong key itself, but only after it has
// begun to open, and with one error for three causes.

// unlock checks that the store in c.Dir, if there is one, opens with c.Key. One
// that opens with c.PreviousKey is put under c.Key. Nothing else is changed.
func unlock(c Config) error {
	for _, key := range [][]byte{c.Key, c.PreviousKey} {
		if len(key) != 0 && len(key) != KeySize {
			return fmt.Errorf("encryption key has %d bytes, not %d", len(key), KeySize)
		}
	}
	_, err := registry(c.Dir, c.Key)
	if !errors.Is(err, dgbadger.ErrEncryptionKeyMismatch) {
		return err
	}
	if len(c.Key) == 0 {
		return ErrEncrypted
	}
	if _, err := registry(c.Dir, nil); err == nil {
		return ErrPlain
	}
	if len(c.PreviousKey) == 0 {
		return ErrKey
	}
	return rekey(c)
}

// rekey puts Badger's keys under c.Key. It holds the directory meanwhile: a
// process that has the store open would go on writing into the old file.
func rekey(c Config) error {
	release, err := holdDir(c.Dir)
	if err != nil {
		return err
	}
	defer release()
	keys, err := registry(c.Dir, c.PreviousKey)
	if errors.Is(err, dgbadger.ErrEncryptionKeyMismatch) {
		return ErrKey
	}
	if err != nil {
		return err
	}
	// Written beside the old one, synced, and renamed.
	if err := dgbadger.WriteKeyRegistry(keys, dgbadger.KeyRegistryOptions{Dir: c.Dir, EncryptionKey: c.Key}); err != nil {
		return fmt.Errorf("writing the key registry: %w", err)
	}
	c.Logger.Info("storage: the store is under the new secret", "dir", c.Dir)
	return nil
}

// registry reads Badger's keys. There are none in a new directory.
func registry(dir string, key []byte) (*dgbadger.KeyRegistry, error) {
	keys, err := dgbadger.OpenKeyRegistry(dgbadger.KeyRegistryOptions{Dir: dir, ReadOnly: true, EncryptionKey: key})
	if err != nil && !errors.Is(err, dgbadger.ErrEncryptionKeyMismatch) {
		return nil, fmt.Errorf("reading the key registry: %w", err)
	}
	return keys, err
}
