package keycloak

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/regrant/regrant/fosite/broker"
	"github.com/regrant/regrant/internal/doctor"
	"github.com/regrant/regrant/upstream/keycloak"
)

// programChecks judge the client to which access tokens of programs are issued (upstream_grant).
var programChecks = []doctor.Check[Inside]{
	{
		ID: "keycloak-grant-client", Asks: "Does the client of upstream_grant take the gateway's assertions, and can it do nothing else?",
		Remedy: "Run 'caddy regrant init keycloak --upstream-grant', which shows what it should be, and with --apply makes it that.",
		Look: ofPrograms(func(c keycloak.Application, alias string) doctor.Verdict {
			faults, doubts := programs(c, alias)
			if len(faults) > 0 {
				return doctor.Fault(append(faults, doubts...), "")
			}
			return doctor.Doubt(doubts, "it takes them, and does nothing else")
		}),
	},
	{
		ID: "keycloak-grant-life", Asks: "Do the access tokens of programs end soon? A veto does not end them everywhere.",
		Remedy: "Set 'Access token lifespan' of the client of upstream_grant to a few minutes: an API that only verifies signatures takes a token until then.",
		Look: ofPrograms(func(c keycloak.Application, _ string) doctor.Verdict {
			seconds, err := strconv.Atoi(c.Settings["access.token.lifespan"])
			switch life := time.Duration(seconds) * time.Second; {
			case err != nil || seconds <= 0:
				return doctor.Warn("its client does not say, so they live as long as all others of the realm")
			case life > maxLife:
				return doctor.Warn("they live for %s", life)
			default:
				return doctor.Pass("they live for %s", life)
			}
		}),
	},
	{
		ID: "keycloak-grant-secret", Asks: "Does Keycloak take the secret of the client of upstream_grant?",
		Remedy: "Enter the secret of the client into the file that upstream_grant names, or run 'caddy regrant init keycloak --upstream-grant --apply', which gives the client that of the file.",
		Look: func(ctx context.Context, r Inside) doctor.Verdict {
			if id, _ := r.Programs(); id == "" {
				return none
			}
			takes, err := r.TakesGrantSecret(ctx)
			switch {
			case err != nil:
				return doctor.Unknown("%v", err)
			case !takes:
				return doctor.Fail("it refuses it, so no program gets a token")
			}
			return doctor.Pass("it takes it")
		},
	},
}

// maxLife is how long a token may live that a veto does not end everywhere.
const maxLife = 15 * time.Minute

var none = doctor.Pass("programs get no tokens")

// ofPrograms makes a check of the client of programs, where there is one.
func ofPrograms(judge func(c keycloak.Application, alias string) doctor.Verdict) func(context.Context, Inside) doctor.Verdict {
	return func(ctx context.Context, r Inside) doctor.Verdict {
		id, alias := r.Programs()
		if id == "" {
			return none
		}
		apps, err := r.Applications(ctx)
		if err != nil {
			return doctor.Unknown("%v", err)
		}
		for _, a := range apps {
			if a.Granted {
				return judge(a, alias)
			}
		}
		return doctor.Fail("the realm has no client %s", id)
	}
}

// programs tells what keeps tokens from the client, what it may do beyond them, and what is worth a look.
func programs(c keycloak.Application, alias string) (faults, doubts []string) {
	const grant = "oauth2.jwt.authorization.grant."
	wrong := func(is bool, format string, args ...any) {
		if is {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	wrong(!c.Enabled, "it is disabled")
	wrong(c.Public || c.Bearer, "it is not confidential")
	wrong(cmp.Or(c.Proves, "client-secret") != "client-secret", "it proves itself by %s, not by its secret", c.Proves)
	wrong(c.Settings[grant+"enabled"] != "true", "the JWT authorization grant is off")
	wrong(c.Settings[grant+"idp"] != alias, "it takes assertions of %q, and should of %q alone", c.Settings[grant+"idp"], alias)
	wrong(c.Settings[grant+"audience"] != "", "it takes assertions for another audience than the realm only")
	wrong(c.Consent, "it wants a consent that nobody gives")
	if c.Own {
		return faults, []string{"it is the gateway's own, whose tokens have the same azp"}
	}
	wrong(c.Standard, "it signs people in")
	wrong(c.Implicit, "it has the implicit flow")
	wrong(c.Direct, "it has direct access grants")
	wrong(c.Service, "it has a service account")
	wrong(c.Settings["oauth2.device.authorization.grant.enabled"] == "true", "it has the device flow")
	wrong(c.Settings["oidc.ciba.grant.enabled"] == "true", "it has the CIBA flow")
	wrong(c.Settings["standard.token.exchange.enabled"] == "true", "it exchanges tokens")
	if c.AllRoles {
		doubts = append(doubts, "its tokens have every role of the person (full scope)")
	}
	return faults, doubts
}

// grantEntry judges how the realm takes the gateway's assertions.
func grantEntry(_ context.Context, r *Realm) doctor.Verdict {
	if !r.Provider.Grant {
		return none
	}
	config := r.provider.Config
	var lines []string
	wrong := func(is bool, format string, args ...any) {
		if is {
			lines = append(lines, fmt.Sprintf(format, args...))
		}
	}
	alg := config["jwtAuthorizationGrantAssertionSignatureAlg"]
	wrong(config["jwtAuthorizationGrantEnabled"] != "true", "the grant is off, so no program gets a token")
	wrong(config["jwtAuthorizationGrantAssertionReuseAllowed"] == "true", "an assertion may be used again")
	wrong(alg == "", "any algorithm is taken")
	wrong(alg != "" && alg != "ES256", "the algorithm is %s, and the gateway's is ES256", alg)
	longest, err := strconv.Atoi(cmp.Or(config["jwtAuthorizationGrantMaxAllowedAssertionExpiration"], "300"))
	skew, bad := strconv.Atoi(cmp.Or(config["jwtAuthorizationGrantAllowedClockSkew"], "0"))
	wrong(err != nil || bad != nil, "maximum expiration and clock skew are no numbers")
	life := int(broker.AssertionLifetime.Seconds())
	// Keycloak forgets an assertion after the maximum, and one of a clock that is ahead lives for the skew longer.
	wrong(err == nil && bad == nil && longest < life+skew, "the maximum expiration is %d s with a skew of %d s, so an assertion could be used twice", longest, skew)
	return doctor.Fault(lines, "one assertion is taken once")
}
