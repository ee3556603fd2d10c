// Package keycloak judges a realm of Keycloak that stands behind the gateway, from three places: with the gateway's own
// service account ([InsideChecks]), at the server's own address as somebody who goes around the proxy, and at the site
// ([ServerChecks]), and with a client that may only read the realm's configuration ([RealmChecks]).
package keycloak

import (
	"context"
	goerrors "errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/regrant/regrant/internal/doctor"
	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/keycloak"
)

// Inside is the realm as the gateway's service account sees it.
type Inside interface {
	Ahead(ctx context.Context) (time.Duration, error)
	Roles(ctx context.Context) ([]string, error)
	Reach(ctx context.Context) (keycloak.Reach, error)
	Applications(ctx context.Context) ([]keycloak.Application, error)
	Programs() (clientID, alias string)
	TakesGrantSecret(ctx context.Context) (bool, error)
}

// holes are those that versions below [keycloak.MinVersion] are open to, and that reach a recovery: with the version that closes
// each.
var holes = []string{
	"CVE-2026-18963 (account takeover through reset-credentials, 26.7.2)", "CVE-2026-11800 (forged JWT grants, 26.7.0)",
	"CVE-2026-1609 (disabled users get tokens, 26.5.3)", "CVE-2026-1486 (disabled providers are believed, 26.5.3)",
	"CVE-2026-79652 (JWT grant without consent, 26.7.3)", "CVE-2026-16093 (client policies bypassed, 26.7.3)",
	"CVE-2026-16089 (codes redeemed at another session, 26.7.3)", "CVE-2026-15571 (predictable link hash, 26.7.2)",
	"CVE-2026-37982 (action token replayed, 26.7.0)", "CVE-2026-16100 (metrics without bound, 26.7.1)",
}

// InsideChecks judge what the service account can see.
var InsideChecks = slices.Concat(accountChecks, programChecks)

// accountChecks judge the server, the service account itself, and all clients.
var accountChecks = []doctor.Check[Inside]{
	{
		ID: "keycloak-version", Asks: "Is Keycloak at least the oldest version without known holes in the routes of a recovery?",
		Remedy: "Upgrade Keycloak to " + keycloak.MinVersion + " or newer. Older ones are open to " + strings.Join(holes, ", ") + ".",
		Look: func(ctx context.Context, r Inside) doctor.Verdict {
			_, err := r.Roles(ctx)
			switch {
			case goerrors.Is(err, upstream.ErrTooOld):
				return doctor.Fail("it is older than %s", keycloak.MinVersion)
			case goerrors.Is(err, keycloak.ErrRolesUnseen): // it has answered, and is asked no more here
			case err != nil:
				return doctor.Unknown("%v", err)
			}
			return doctor.Pass("%s or newer", keycloak.MinVersion)
		},
	},
	{
		ID: "clock-skew", Asks: "Do the clocks of gateway and identity provider agree?", Remedy: doctor.SkewRemedy,
		Look: func(ctx context.Context, r Inside) doctor.Verdict {
			ahead, err := r.Ahead(ctx)
			if err != nil {
				return doctor.Unknown("%v", err)
			}
			return doctor.Skew(ahead)
		},
	},
	{
		ID: "keycloak-rights", Asks: "Has the gateway's service account the rights that it needs, and no more?",
		Remedy: "Give it manage-users, view-clients and query-clients of realm-management, and take everything else from it and from its groups; " +
			"where init has narrowed it with --recoverable-group, query-users in place of manage-users.",
		Look: rights,
	},
	{
		ID: "keycloak-direct-grants", Asks: "Does no application take passwords itself?",
		Remedy: "Switch 'Direct access grants' off at these clients: a password is then enough, whatever the browser flow asks for.",
		Look: judge(func(a keycloak.Application) string {
			if a.Direct && a.ClientID != "admin-cli" { // Keycloak's own, in every realm
				return a.ClientID + " has direct access grants"
			}
			return ""
		}, doctor.StatusFail, "none, besides Keycloak's own admin-cli"),
	},
	{
		ID: "keycloak-redirects", Asks: "Do codes go to the applications' own pages only?",
		Remedy: "Write whole redirect URIs at these clients.",
		Look: judge(func(a keycloak.Application) string {
			for _, u := range a.Redirects {
				if u == "*" || strings.HasPrefix(u, "http://*") || strings.HasPrefix(u, "https://*") {
					return a.ClientID + " has the redirect URI " + u
				}
			}
			return ""
		}, doctor.StatusFail, "every redirect URI names a host"),
	},
	{
		ID: "keycloak-implicit", Asks: "Does no application get tokens in addresses?",
		Remedy: "Switch 'Implicit flow' off at these clients.",
		Look: judge(func(a keycloak.Application) string {
			if a.Implicit {
				return a.ClientID + " has the implicit flow"
			}
			return ""
		}, doctor.StatusWarn, "none has the implicit flow"),
	},
	{
		ID: "keycloak-jwt-grant", Asks: "Does no application take assertions of an identity provider for its users, but the one of upstream_grant?",
		Remedy: "Take oauth2.jwt.authorization.grant.enabled from these clients, unless it is meant and the provider named is not the gateway.",
		Look: judge(func(a keycloak.Application) string {
			if !a.Granted && a.Settings["oauth2.jwt.authorization.grant.enabled"] == "true" {
				return a.ClientID + " has the JWT authorization grant"
			}
			return ""
		}, doctor.StatusWarn, "none has the JWT authorization grant without a need"),
	},
}

func rights(ctx context.Context, r Inside) doctor.Verdict {
	roles, err := r.Roles(ctx)
	if goerrors.Is(err, keycloak.ErrRolesUnseen) {
		return narrowed(ctx, r)
	}
	if err != nil {
		return doctor.Unknown("%v", err)
	}
	var lines []string
	for _, have := range roles {
		name, administrative := strings.CutPrefix(have, "realm-management/")
		if !administrative || !slices.Contains(keycloak.Rights(), name) {
			lines = append(lines, "it has "+have)
		}
	}
	for _, want := range keycloak.Rights() {
		if !slices.Contains(roles, "realm-management/"+want) {
			lines = append(lines, "it lacks "+want)
		}
	}
	return doctor.Fault(lines, fmt.Sprintf("it has %s", strings.Join(keycloak.Rights(), ", ")))
}

// narrowed judges an account that does not see itself, and so has no right over all accounts: what it has over some of them are
// permissions, which it may not read either.
func narrowed(ctx context.Context, r Inside) doctor.Verdict {
	reach, err := r.Reach(ctx)
	switch {
	case err != nil:
		return doctor.Unknown("%v", err)
	case !reach.Looks:
		return doctor.Fail("it lacks manage-users, or query-users where it is narrowed to a group")
	case len(reach.Beyond) > 0:
		return doctor.Fault(reach.Beyond, "")
	case !reach.Finds:
		return doctor.Warn("it is narrowed, and sees no account: the group is empty, or the permission over its members is missing")
	}
	return doctor.Pass("it is narrowed: it sees some accounts, not all, and no components, identity providers and events")
}

// judge looks at every enabled client.
func judge(wrong func(keycloak.Application) string, status doctor.Status, otherwise string) func(context.Context, Inside) doctor.Verdict {
	return func(ctx context.Context, r Inside) doctor.Verdict {
		apps, err := r.Applications(ctx)
		if err != nil {
			return doctor.Unknown("%v", err)
		}
		var lines []string
		for _, a := range apps {
			if text := wrong(a); a.Enabled && text != "" {
				lines = append(lines, text)
			}
		}
		if status == doctor.StatusWarn {
			return doctor.Doubt(lines, otherwise)
		}
		return doctor.Fault(lines, otherwise)
	}
}
