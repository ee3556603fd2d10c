package main

import (
	"context"
	"errors"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// maxWork is the most that a key file may cost to open, as age counts: 2^20, a few seconds and 1 GiB.
const maxWork = 20

// protect encrypts the private key, in the format of age, so that other programs can open it too.
func (k *recoveryKey) protect(passphrase string) error {
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return err
	}
	var sealed strings.Builder
	armoured := armor.NewWriter(&sealed)
	w, err := age.Encrypt(armoured, recipient)
	if err == nil {
		_, err = io.WriteString(w, k.block)
	}
	if err == nil {
		err = errors.Join(w.Close(), armoured.Close())
	}
	if err != nil {
		return err
	}
	k.block = sealed.String()
	return nil
}

func (k *recoveryKey) protected() bool { return strings.HasPrefix(k.block, armor.Header) }

// open decrypts the private key.
func (k *recoveryKey) open(passphrase string) (string, error) {
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return "", err
	}
	identity.SetMaxWorkFactor(maxWork)
	r, err := age.Decrypt(armor.NewReader(strings.NewReader(k.block)), identity)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(r)
	return string(text), err
}

// unlock returns the PEM text of the private key, and asks for the passphrase if there is one.
func (e *env) unlock(ctx context.Context, k *recoveryKey) (string, error) {
	if !k.protected() {
		return k.block, nil
	}
	passphrase, err := e.askSecret(ctx, "Passphrase of the recovery key: ")
	if err != nil {
		return "", err
	}
	text, err := k.open(passphrase)
	if err != nil {
		return "", &failure{exitRefused, "the passphrase does not open the key file", ""}
	}
	return text, nil
}

// choosePassphrase asks twice: nobody sees what they type.
func (e *env) choosePassphrase(ctx context.Context) (string, error) {
	first, err := e.askSecret(ctx, "Passphrase for the recovery key: ")
	if err != nil {
		return "", err
	}
	if first == "" {
		return "", unusable("Leave --passphrase out for a key without one.", "the passphrase is empty")
	}
	again, err := e.askSecret(ctx, "The same passphrase again: ")
	if err != nil {
		return "", err
	}
	if first != again {
		return "", unusable("Nothing was written. Start again.", "the two passphrases differ")
	}
	return first, nil
}
