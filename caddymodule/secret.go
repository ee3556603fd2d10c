package caddymodule

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"

	"github.com/regrant/regrant/internal/keys"
)

// readSecret replaces the placeholders of a configured secret. It is called when
// a configuration starts and not when it is validated: the machine that validates
// need not have the secret. Errors name the placeholder, never the value.
func readSecret(name, configured string) (string, error) {
	text, err := caddy.NewReplacer().ReplaceOrErr(configured, true, true)
	if err != nil {
		return "", fmt.Errorf("reading %s: %v", name, err)
	}
	return text, nil
}

// readStrongSecret is readSecret for a text that others could try to guess, such
// as one that signs.
func readStrongSecret(name, configured string) (string, error) {
	text, err := readSecret(name, configured)
	if err == nil {
		err = checkSecret(name, text)
	}
	return text, err
}

// readSecrets reads the secret that protects the store, and the one before it.
func (a *App) readSecrets(p *parts) error {
	if a.Secret == "" {
		return nil
	}
	text, err := readSecret("secret", a.Secret)
	if err == nil {
		p.secret, err = decodeSecret("secret", text)
	}
	if err != nil {
		return err
	}
	p.storageKey = keys.StorageKey(p.secret)
	if a.PreviousSecret == "" {
		return nil
	}
	if text, err = readSecret("the previous secret", a.PreviousSecret); err == nil {
		p.previous, err = decodeSecret("the previous secret", text)
	}
	if err == nil {
		p.previousStorageKey = keys.StorageKey(p.previous)
	}
	return err
}

// decodeSecret reads the secret that protects the store, written as in the file
// that is made when none is configured.
func decodeSecret(name, text string) ([]byte, error) {
	secret, err := keys.DecodeSecret(text)
	if err != nil {
		return nil, fmt.Errorf("%s is not the base64 of at least %d random bytes: make one with 'openssl rand -base64 %d'", name, keys.MinSecret, keys.MinSecret)
	}
	return secret, nil
}
