package keycloak

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/regrant/regrant/internal/setup"
)

// readSecrets finds the secrets of the two directions, and that of programs: in their files, or in the realm, or new ones.
func (r *Realm) readSecrets(ctx context.Context) (err error) {
	if r.brokerSecret, err = setup.ReadSecret(r.o.BrokerSecretFile); err != nil {
		return err
	}
	if r.clientSecret, err = r.secretFor(ctx, ClientID, r.o.ClientSecretFile); err != nil {
		return err
	}
	if r.o.UpstreamGrant {
		if r.grantSecret, err = r.secretFor(ctx, GrantID, r.o.GrantSecretFile); err != nil {
			return err
		}
	}
	for _, secret := range []*string{&r.clientSecret, &r.brokerSecret, &r.grantSecret} {
		if *secret == "" {
			*secret = rand.Text() + rand.Text()
		}
	}
	return nil
}

// secretFor finds that of a client, "" if nobody has it. It is Keycloak's to say, because whoever else has it would be locked out
// by another one.
func (r *Realm) secretFor(ctx context.Context, id, file string) (string, error) {
	secret, err := setup.ReadSecret(file)
	if err != nil {
		return "", err
	}
	path, err := r.clientPath(ctx, id)
	if err != nil {
		return "", fmt.Errorf("reading client %s: %w", id, err)
	}
	var client struct {
		Secret string `json:"secret"`
	}
	if path != "" {
		if err := r.api.get(ctx, path, &client); err != nil {
			return "", fmt.Errorf("reading client %s: %w", id, err)
		}
	}
	switch {
	case secret == "":
		return client.Secret, nil
	case client.Secret != "" && client.Secret != secret:
		return "", fmt.Errorf("%s holds another secret than client %s has in the realm: remove the file to take the realm's, or give the client the file's", file, id)
	}
	return secret, nil
}
