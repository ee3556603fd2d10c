package caddymodule

import (
	"encoding/base64"
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

// decodeSecret reads the secret that protects the store, written as in the file
// that is made when none is configured.
func decodeSecret(text string) ([]byte, error) {
	secret, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(secret) < keys.MinSecret {
		// The cause could quote the secret.
		return nil, fmt.Errorf("secret is not the base64 of at least %d random bytes: make one with 'openssl rand -base64 %d'", keys.MinSecret, keys.MinSecret)
	}
	return secret, nil
}
