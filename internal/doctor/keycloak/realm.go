package keycloak

import (
	"context"
	"fmt"
	"strings"

	"github.com/regrant/regrant/internal/doctor"
)

// RealmChecks judge the realm's configuration.
var RealmChecks = []doctor.Check[*Realm]{
	{
		ID: "keycloak-reset-flow", Asks: "Does the flow for lost passwords do nothing but lead to the gateway, or refuse?",
		Remedy: "Bind a flow with one required identity-provider-redirector, or deny-access-authenticator, as reset credentials flow.",
		Look: func(_ context.Context, r *Realm) doctor.Verdict {
			return r.LeftToMode(only(r.settings.ResetFlow, r.reset, "identity-provider-redirector", denied))
		},
	},
	{
		ID: "keycloak-first-login", Asks: "Does nobody but the gateway make links to it?",
		Remedy: "Give the identity provider a first login flow with one required deny-access-authenticator. " +
			"Otherwise a first login makes accounts or links, with the holes of that flow (CVE-2026-9087, CVE-2026-82968, CVE-2026-92358).",
		Look: func(_ context.Context, r *Realm) doctor.Verdict { return only(r.provider.FirstLogin, r.first, denied) },
	},
	{
		ID: "keycloak-idp-link", Asks: "Can nobody link the gateway to an account by an action of an application?",
		Remedy: "Switch the required action idp_link off.",
		Look: func(_ context.Context, r *Realm) doctor.Verdict {
			for _, a := range r.required {
				if a.Alias == "idp_link" && a.Enabled {
					return doctor.Fail("the required action idp_link is on")
				}
			}
			return doctor.Pass("the required action idp_link is off")
		},
	},
	{
		ID: "keycloak-idp-entry", Asks: "Is the gateway entered as identity provider as it has to be?",
		Remedy: "Enter what 'caddy regrant broker' shows, with validated signatures, the keys document, PKCE S256, and without trusting e-mail addresses.",
		Look:   entry,
	},
	{
		ID: "keycloak-idp-hidden", Asks: "Is the gateway no way to sign in, and takes part in no grant but that of upstream_grant?",
		Remedy: "Switch 'Hide on login page' on, and 'Link only' and, without upstream_grant, the JWT authorization grant off, at the identity provider.",
		Look: func(_ context.Context, r *Realm) doctor.Verdict {
			var lines []string
			if !r.provider.Hidden {
				lines = append(lines, "it is on the sign-in page")
			}
			if r.provider.LinkOnly {
				lines = append(lines, "it is for linking only, so no recovery ends there")
			}
			if on := r.provider.Config["jwtAuthorizationGrantEnabled"] == "true"; on && !r.Provider.Grant {
				lines = append(lines, "its JWT authorization grant is on, which nothing here uses")
			}
			return doctor.Doubt(lines, "it is hidden, and for brokered logins only")
		},
	},
	{
		ID: "keycloak-grant-entry", Asks: "Does the realm take an assertion of the gateway's for a program once, and in time?",
		Remedy: "Run 'caddy regrant init keycloak --upstream-grant', which shows what the identity provider's config should be, and with --apply makes it that.",
		Look:   grantEntry,
	},
	{
		ID: "keycloak-brute-force", Asks: "Are wrong passwords counted?",
		Remedy: "Switch brute force detection on in the realm.",
		Look: func(_ context.Context, r *Realm) doctor.Verdict {
			if r.settings.BruteForce == nil || !*r.settings.BruteForce {
				return doctor.Fail("brute force detection is off")
			}
			return doctor.Pass("brute force detection is on")
		},
	},
	{
		ID: "keycloak-tls", Asks: "Does the realm demand TLS?",
		Remedy: "Set 'Require SSL' of the realm to external requests or all requests.",
		Look: func(_ context.Context, r *Realm) doctor.Verdict {
			if strings.EqualFold(r.settings.SSL, "none") {
				return doctor.Fail("it takes plain http from everywhere")
			}
			return doctor.Pass("it demands TLS for %s requests", strings.ToLower(r.settings.SSL))
		},
	},
	{
		ID: "keycloak-identifiers", Asks: "Does an identifier name one account, and the same one tomorrow?",
		Remedy: "Switch 'Duplicate emails' and 'Edit username' off: a recovery for an ambiguous identifier is refused, and a name that changes hands leads to somebody else.",
		Look: func(_ context.Context, r *Realm) doctor.Verdict {
			var lines []string
			if r.settings.Duplicates {
				lines = append(lines, "several accounts may have one e-mail address")
			}
			if r.settings.EditNames {
				lines = append(lines, "people may change their user names")
			}
			return doctor.Doubt(lines, "names and addresses are unique, and names stay")
		},
	},
	{
		ID: "keycloak-events", Asks: "Does the realm keep what happens in it?",
		Remedy: "Switch user events and admin events on: only they show links and passwords that somebody else set.",
		Look: func(_ context.Context, r *Realm) doctor.Verdict {
			var lines []string
			if !r.settings.Events {
				lines = append(lines, "user events are off")
			}
			if !r.settings.AdminEvents {
				lines = append(lines, "admin events are off")
			}
			return doctor.Doubt(lines, "user events and admin events are kept")
		},
	},
	{
		ID: "keycloak-federated", Asks: "Whose accounts are kept elsewhere, and what can a recovery do for them?",
		Remedy: "Write 'federated_passwords' into the upstream if every storage takes new passwords, and take it out if one does not: these people then get a new password where theirs is kept, and recover everything else.",
		Look:   federated,
	},
}

const denied = "deny-access-authenticator"

// only judges that a flow has one required execution, of one of the providers.
func only(flow string, executions []execution, providers ...string) doctor.Verdict {
	if len(executions) == 1 && executions[0].Requirement == "REQUIRED" {
		for _, p := range providers {
			if executions[0].Provider == p {
				return doctor.Pass("the flow %q is one required %s", flow, p)
			}
		}
	}
	var does []string
	for _, e := range executions {
		if e.Requirement != "DISABLED" && e.Provider != "" {
			does = append(does, e.Provider)
		}
	}
	return doctor.Fail("the flow %q does %s", flow, strings.Join(does, ", "))
}

func entry(_ context.Context, r *Realm) doctor.Verdict {
	issuer := r.Issuer() + "/oidc"
	p := r.provider
	var lines []string
	wrong := func(is bool, format string, args ...any) {
		if is {
			lines = append(lines, fmt.Sprintf(format, args...))
		}
	}
	wrong(!p.Enabled, "it is disabled")
	wrong(p.TrustEmail, "it is trusted for e-mail addresses")
	wrong(p.StoreToken, "its tokens are stored")
	wrong(p.Config["issuer"] != issuer, "issuer is %q", p.Config["issuer"])
	wrong(p.Config["authorizationUrl"] != issuer+"/authorize", "authorizationUrl is %q", p.Config["authorizationUrl"])
	wrong(!strings.HasSuffix(p.Config["tokenUrl"], r.Path+"/oidc/token"), "tokenUrl is %q", p.Config["tokenUrl"])
	wrong(!strings.HasSuffix(p.Config["jwksUrl"], r.Path+"/oidc/jwks"), "jwksUrl is %q", p.Config["jwksUrl"])
	wrong(p.Config["clientId"] != r.Provider.BrokerID, "clientId is %q", p.Config["clientId"])
	wrong(p.Config["validateSignature"] != "true", "signatures are not validated")
	wrong(p.Config["useJwksUrl"] != "true", "keys are entered and not fetched, so a rotation ends every recovery")
	wrong(p.Config["pkceEnabled"] != "true" || p.Config["pkceMethod"] != "S256", "PKCE S256 is off")
	wrong(p.Config["allowClientIdAsAudience"] == "true", "allowClientIdAsAudience is on")
	wrong(p.Config["disableNonce"] == "true", "nonce is off")
	return doctor.Fault(lines, "issuer, addresses, keys, PKCE and trust are right")
}
