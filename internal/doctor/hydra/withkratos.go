package hydra

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/regrant/regrant/internal/doctor"
)

// WithKratos are the checks of a Hydra whose login app Kratos is. The gateway is no client of it and makes no trusts there.
var WithKratos = slices.Concat(kratosAdmin, kratosPublic)

// kratosAdmin ask its admin API, and look for that at the site.
var kratosAdmin = only("hydra-version", "clock-skew", "hydra-implicit", "hydra-redirects", "hydra-trusts-any", "idp-admin-paths", "path-variants")

// adminAtSite look for the admin API at a site.
var adminAtSite = only("idp-admin-paths", "path-variants")

// kratosPublic ask its public API, as people reach it.
var kratosPublic = append([]doctor.Check[*doctor.Server]{{
	ID: "hydra-issuer", Asks: "Does Hydra call itself by the address at which it is found, with TLS?",
	Remedy: "Make urls.self.issuer the https address of Hydra's public API at its site: applications refuse one that calls itself anything else.",
	Look:   foundIssuer,
}}, only("hydra-login-app", "hydra-dev-mode", "hydra-registration", "idp-cookies", "idp-forwarded-host")...)

// only are the checks with these ids. Of those that Kratos has, too, what is seen says that it is Hydra's.
func only(ids ...string) (list []doctor.Check[*doctor.Server]) {
	for _, c := range Checks {
		if !slices.Contains(ids, c.ID) {
			continue
		}
		if look := c.Look; !strings.HasPrefix(c.ID, "hydra-") {
			c.Look = func(ctx context.Context, s *doctor.Server) doctor.Verdict {
				v := look(ctx, s)
				v.Seen = "Hydra: " + v.Seen
				return v
			}
		}
		list = append(list, c)
	}
	return list
}

// ExamineWithKratos judges the Hydra whose login app a Kratos is. Public is where people reach its public API; "": at the site of Kratos.
func ExamineWithKratos(ctx context.Context, kratos *doctor.Server, public string) []doctor.Finding {
	findings := doctor.Examine(ctx, before(kratos, kratos.Origin), kratosAdmin)
	if public != "" && public != kratos.Origin {
		findings = append(findings, doctor.Examine(ctx, before(kratos, public), adminAtSite)...) // which may be another proxy's
	}
	return append(findings, examinePublic(ctx, before(kratos, cmp.Or(public, kratos.Origin)), public == "")...)
}

// examinePublic makes the checks that ask the public API, if it is there.
func examinePublic(ctx context.Context, s *doctor.Server, guessed bool) []doctor.Finding {
	m, err := said(ctx, s)
	if err != nil || !strings.HasSuffix(m.Auth, "/oauth2/auth") {
		why := "no public API of Hydra's was found at " + s.Origin + s.Provider.BasePath
		if err != nil {
			why += ": " + err.Error()
		}
		if guessed {
			why += "; say with --hydra where it is"
		}
		return doctor.CouldNotTell(why, kratosPublic)
	}
	return doctor.Examine(ctx, s, kratosPublic)
}

// before is the Hydra whose login app a Kratos is, at the address where people reach it, which may have a path.
func before(kratos *doctor.Server, address string) *doctor.Server {
	s := *kratos.Site
	s.Origin, s.Provider = address, doctor.Provider{Kind: kratos.Provider.Kind, URL: address, AdminURL: kratos.Provider.HydraURL}
	if u, err := url.Parse(address); err == nil && u.Path != "" {
		s.Origin, s.Provider.BasePath = strings.TrimSuffix(address, u.Path), u.Path
	}
	return s.Bypass()
}

func foundIssuer(ctx context.Context, s *doctor.Server) doctor.Verdict {
	m, err := said(ctx, s)
	switch {
	case err != nil:
		return doctor.Unknown("%v", err)
	case !strings.HasPrefix(m.Issuer, "https://"):
		return doctor.Fail("it calls itself %s, without TLS", m.Issuer)
	case strings.TrimSuffix(m.Issuer, "/") != s.Origin+s.Provider.BasePath:
		return doctor.Warn("it calls itself %s, and is found at %s", m.Issuer, s.Origin+s.Provider.BasePath)
	}
	return doctor.Pass("%s", m.Issuer)
}
