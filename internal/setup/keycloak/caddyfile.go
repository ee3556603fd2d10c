package keycloak

import (
	"fmt"

	"github.com/regrant/regrant/internal/setup"
)

// Caddyfile is the configuration of a gateway that fits the realm, see [setup.Site.Caddyfile].
func (o Options) Caddyfile() string {
	mode := "assist"
	if o.Strict {
		mode = "strict"
	}
	options := []string{
		"realm " + o.Realm,
		fmt.Sprintf("client %s {file.%s}", ClientID, o.ClientSecretFile),
		fmt.Sprintf("broker_client %s {file.%s}", o.BrokerID(), o.BrokerSecretFile),
	}
	if o.UpstreamGrant {
		options = append(options, fmt.Sprintf("upstream_grant %s {file.%s}", GrantID, o.GrantSecretFile))
	}
	options = append(options, "alias "+o.Alias, "mode "+mode, fmt.Sprintf("acr %s aal2", gold))
	// A Keycloak that looks certificates up in the headers of a proxy would believe those of anybody.
	headers := []string{"request_header -Client-Cert*"}
	return setup.Site{Origin: o.Origin, Path: o.Path, Kind: "keycloak", URL: o.URL, Options: options, Headers: headers}.Caddyfile()
}
