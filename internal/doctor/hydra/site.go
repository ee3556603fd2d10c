package hydra

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/regrant/regrant/internal/doctor"
)

// siteChecks ask the site as people reach it.
var siteChecks = []doctor.Check[*doctor.Server]{
	{
		ID: "hydra-recovery-ui", Asks: "Does the login app's page for forgotten passwords lead to the gateway?",
		Remedy: "Put the directive regrant before the login app, and name its page as recovery_ui.",
		Look:   func(ctx context.Context, s *doctor.Server) doctor.Verdict { return s.RecoveryPage(ctx) },
	},
	{
		ID: "idp-cookies", Asks: "Are the identity provider's cookies Secure at the site?",
		Remedy: "Run Hydra without --dev, leave serve.cookies.secure on, and let nothing rewrite Set-Cookie.",
		Look: func(ctx context.Context, s *doctor.Server) doctor.Verdict {
			a, err := begin(ctx, s, func(ctx context.Context, path string, headers ...string) (doctor.Answer, error) {
				return s.Get(ctx, s.Provider.BasePath+path, headers...)
			})
			switch {
			case err != nil:
				return doctor.Unknown("%v", err)
			case len(a.Cookies) == 0:
				return doctor.Unknown("a sign-in sets no cookie: status %d", a.Status)
			}
			for _, c := range a.Cookies {
				c.SameSite = http.SameSiteDefaultMode // Hydra's have None where TLS is: logins go on from other sites
			}
			return doctor.Fault(doctor.Weak(a.Cookies), fmt.Sprintf("%d cookies, all Secure", len(a.Cookies)))
		},
	},
	{
		ID: "idp-forwarded-host", Asks: "Do the addresses that the identity provider publishes stay the same whatever a client says of the host?",
		Remedy: "Set urls.self.public to the https address of the site, and webfinger.oidc_discovery.jwks_url where the issuer is elsewhere; let Caddy write X-Forwarded-Host: do not trust proxies that pass on what they were sent.",
		Look:   published,
	},
	{
		ID: "idp-admin-paths", Asks: "Is nothing of the identity provider's administration reachable through the site?",
		Remedy: "Put the directive regrant before every proxy to Hydra, and route nothing to its admin API.",
		Look: func(ctx context.Context, s *doctor.Server) doctor.Verdict {
			var lines []string
			for _, path := range admin {
				a, err := s.Get(ctx, s.Provider.BasePath+path)
				if err != nil {
					return doctor.Unknown("%v", err)
				}
				if listed(a) {
					lines = append(lines, path+" is answered")
				}
			}
			return doctor.Fault(lines, "none of its paths answers")
		},
	},
	{
		ID: "path-variants", Asks: "Does no spelling of a path that administers reach an admin API through the site?",
		Remedy: "Put the directive regrant before every proxy to Hydra, and route nothing to its admin API.",
		Look: func(ctx context.Context, s *doctor.Server) doctor.Verdict {
			var paths []string
			for _, path := range admin {
				paths = append(paths, s.Provider.BasePath+path)
			}
			return s.Through(ctx, paths, listed)
		},
	},
}

// admin are paths of the admin API that list something and tell no secret.
var admin = []string{clientsPath, trustsPath, "/admin/oauth2/auth/sessions/consent?subject=nobody"}

// listed tells whether an answer is a list of the admin API.
func listed(a doctor.Answer) bool {
	return a.Status == http.StatusOK && strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") && strings.HasPrefix(strings.TrimSpace(a.Body), "[")
}

func published(ctx context.Context, s *doctor.Server) doctor.Verdict {
	base := s.Provider.BasePath
	a, err := s.GetForwarded(ctx, base+discovery)
	var m metadata
	switch {
	case err != nil:
		return doctor.Unknown("%v", err)
	case a.Status != http.StatusOK || json.Unmarshal([]byte(a.Body), &m) != nil:
		return doctor.Unknown("it answers %d", a.Status)
	}
	var lines []string
	for _, address := range []string{m.Auth, m.Token, m.Keys} {
		switch {
		case strings.Contains(address, doctor.Elsewhere):
			return doctor.Fail("an address leads to the host that a client wrote into X-Forwarded-Host")
		case !strings.HasPrefix(address, s.Origin+base+"/"):
			lines = append(lines, address+" is not at the site")
		}
	}
	return doctor.Fault(lines, "they lead to the site")
}
