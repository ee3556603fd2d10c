package keycloak

import (
	"fmt"
	"strings"
)

// Caddyfile is the configuration of a gateway that fits the realm. Where owners are told of recoveries is for people to say.
func (o Options) Caddyfile() string {
	mode := "assist"
	if o.Strict {
		mode = "strict"
	}
	path := ""
	if o.Path != "/recovery" {
		path = " " + o.Path
	}
	grant := ""
	if o.UpstreamGrant {
		grant = fmt.Sprintf("\t\t\tupstream_grant %s {file.%s}\n", GrantID, o.GrantSecretFile)
	}
	return fmt.Sprintf(`{
	regrant {
		issuer %s%s
		upstream keycloak %s {
			realm %s
			client %s {file.%s}
			broker_client %s {file.%s}
%s			alias %s
			mode %s
			acr %s aal2
		}
		method passkey
		method recovery_code
		notify webhook https://hooks.example.com/recovery {
			secret {env.REGRANT_HOOK_SECRET}
		}
	}
}

%s {
	regrant
	reverse_proxy %s
}
`, o.Origin, path, o.URL, o.Realm, ClientID, o.ClientSecretFile, o.BrokerID(), o.BrokerSecretFile, grant, o.Alias, mode, gold,
		strings.TrimPrefix(o.Origin, "https://"), o.URL)
}
