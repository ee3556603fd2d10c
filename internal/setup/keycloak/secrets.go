package keycloak

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// readSecrets finds the secrets of the two directions: in their files, or in the realm, or new ones. The client's is Keycloak's
// to say, because whoever else has it would be locked out by another one.
func (r *Realm) readSecrets(ctx context.Context) (err error) {
	if r.clientSecret, err = readSecret(r.o.ClientSecretFile); err != nil {
		return err
	}
	if r.brokerSecret, err = readSecret(r.o.BrokerSecretFile); err != nil {
		return err
	}
	path, err := r.clientPath(ctx, ClientID)
	if err != nil {
		return fmt.Errorf("reading client %s: %w", ClientID, err)
	}
	var client struct {
		Secret string `json:"secret"`
	}
	if path != "" {
		if err := r.api.get(ctx, path, &client); err != nil {
			return fmt.Errorf("reading client %s: %w", ClientID, err)
		}
	}
	switch {
	case r.clientSecret == "":
		r.clientSecret = client.Secret
	case client.Secret != "" && client.Secret != r.clientSecret:
		return fmt.Errorf("%s holds another secret than client %s has in the realm: remove the file to take the realm's, or give the client the file's", r.o.ClientSecretFile, ClientID)
	}
	for _, secret := range []*string{&r.clientSecret, &r.brokerSecret} {
		if *secret == "" {
			*secret = rand.Text() + rand.Text()
		}
	}
	return nil
}

// readSecret reads a file of a secret. One that is not there is "".
func readSecret(path string) (string, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading a secret: %v", err)
	}
	secret := strings.TrimRight(string(text), "\n")
	if len(secret) < 32 {
		return "", fmt.Errorf("%s holds fewer than 32 characters, which is no secret: remove it, and a new one is made", path)
	}
	return secret, nil
}
