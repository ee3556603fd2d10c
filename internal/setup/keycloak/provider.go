package keycloak

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/url"

	"github.com/regrant/regrant/internal/setup"
)

// secretDigest is a member of the identity provider's configuration that Keycloak does not know and keeps: which secret it
// was given. It never tells the secret itself.
const secretDigest = "regrantSecretSHA256"

// digest tells secrets apart. They are random and long, so that nobody finds one by what it digests to.
func digest(secret string) string {
	sum := sha256.Sum256([]byte("regrant broker secret\n" + secret))
	return hex.EncodeToString(sum[:8])
}

// provider is the gateway as identity provider of the realm. The secret goes with the digest: where an earlier state is put
// back, whose secret nobody knows, the one in place stays.
func (r *Realm) provider(alias string) setup.Object {
	return document{
		api: r.api, kind: "identity provider", name: alias, nested: "config",
		find: at(providerPath(alias)), collection: at("/identity-provider/instances"),
		identity: map[string]any{"alias": alias, "providerId": "oidc"},
		adjust: func(_ context.Context, whole map[string]any, to setup.State) error {
			if to["config."+secretDigest] == digest(r.brokerSecret) {
				whole["config"].(map[string]any)["clientSecret"] = r.brokerSecret
			}
			return nil
		},
	}.object()
}

func providerPath(alias string) string {
	return "/identity-provider/instances/" + url.PathEscape(alias)
}

// unseen is the name of a provider that the login page does not show.
const unseen = "Account recovery"

func (o Options) displayName() string {
	if o.Button {
		return "Recover with a device"
	}
	return unseen
}
