// Package hydra judges an Ory Hydra that stands behind the gateway: with its admin API, at its own address as somebody who goes
// around the proxy, and at the site. A sign-in that it is asked for is nobody's, and nobody goes on with it.
package hydra

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/regrant/regrant/internal/doctor"
	"github.com/regrant/regrant/upstream/hydra"
)

// closedAt is the version that closes the one known hole of the supported ones, hole.
const (
	closedAt = "v26.2.0"
	hole     = "GHSA-r9w3-57w2-gch2 (whoever reaches the admin API and knows the secret of its paging writes SQL, " + closedAt + ")"
)

// disabled is the check that never passes: Hydra keeps no accounts, and the login app, which does, is not asked.
const disabled = "hydra-disabled-accounts"

// Checks judge the server: with its admin API, what it says of itself, its clients and trusts, and the site before it.
var Checks = slices.Concat(serverChecks, clientChecks, trustChecks, siteChecks)

// serverChecks ask the server at its own addresses.
var serverChecks = []doctor.Check[*doctor.Server]{
	{
		ID: "hydra-version", Asks: "Is Hydra at least the oldest version that is supported, and without known holes?",
		Remedy: "Upgrade Hydra to " + closedAt + " or newer, and to " + hydra.MinVersion + " at least. Older ones are open to " + hole + ".",
		Look:   version,
	},
	{
		ID: "clock-skew", Asks: "Do the clocks of gateway and identity provider agree?", Remedy: doctor.SkewRemedy,
		Look: func(ctx context.Context, s *doctor.Server) doctor.Verdict { return s.AdminSkew(ctx, "/health/alive") },
	},
	{
		ID: "hydra-issuer", Asks: "Does Hydra call itself what the gateway expects, with TLS?",
		Remedy: "Make urls.self.issuer the https address of the site, or name it as hydra_issuer in the upstream; a slash at its end counts.",
		Look:   issuer,
	},
	{
		ID: "hydra-admin-apart", Asks: "Does Hydra's public API answer nothing that is the admin API's?",
		Remedy: "Name the public API as the address of the upstream, and the admin API as its option admin.",
		Look: func(ctx context.Context, s *doctor.Server) doctor.Verdict {
			a, err := s.Ask(ctx, clientsPath+"?page_size=1")
			switch {
			case err != nil:
				return doctor.Unknown("%v", err)
			case listed(a):
				return doctor.Fail("%s lists its clients", s.Provider.URL)
			}
			return doctor.Pass("it answers %d", a.Status)
		},
	},
	{
		ID: "hydra-login-app", Asks: "Does a sign-in lead to a login app, with TLS?",
		Remedy: "Set urls.login, urls.consent and urls.logout to the https addresses of your login app.",
		Look:   loginApp,
	},
	{
		ID: "hydra-dev-mode", Asks: "Is Hydra not in its mode for development?",
		Remedy: "Run Hydra without --dev: cookies and codes go without TLS there.",
		Look: func(ctx context.Context, s *doctor.Server) doctor.Verdict {
			a, err := begin(ctx, s, s.Ask)
			switch {
			case err != nil:
				return doctor.Unknown("%v", err)
			case len(a.Cookies) == 0:
				return doctor.Unknown("a sign-in sets no cookie: status %d", a.Status)
			}
			for _, c := range a.Cookies {
				if strings.Contains(c.Name+"_", "_dev_") {
					return doctor.Fail("it calls a cookie %s, as in that mode", c.Name)
				}
			}
			return doctor.Pass("its cookies are those of production")
		},
	},
	{
		ID: "hydra-registration", Asks: "Can nobody register clients himself?",
		Remedy: "Set oidc.dynamic_client_registration.enabled to false, or see to it that people consent to a client that is not yours knowingly.",
		Look: func(ctx context.Context, s *doctor.Server) doctor.Verdict {
			a, err := s.Ask(ctx, "/oauth2/register/none") // asks for one that is not there, which makes nothing
			switch {
			case err != nil:
				return doctor.Unknown("%v", err)
			case a.Status == http.StatusUnauthorized:
				return doctor.Warn("whoever asks may register a client")
			case a.Status == http.StatusNotFound:
				return doctor.Pass("it is off")
			}
			return doctor.Unknown("it answers %d", a.Status)
		},
	},
	{
		ID: "hydra-recovers", Asks: "Is it said what power accounts have, which Hydra knows nothing of?",
		Remedy: "Write 'assume_unprivileged risk_analysis REFERENCE' into the upstream, if no account has power over others: until then every account counts as privileged.",
		Look: func(_ context.Context, s *doctor.Server) doctor.Verdict {
			if !s.Provider.Unprivileged {
				return doctor.Fail("every account counts as privileged, so nobody is recovered")
			}
			return doctor.Pass("accounts count as ordinary, by an accepted risk")
		},
	},
	{
		ID: disabled, Asks: "Is nobody recovered whom the login app has disabled?",
		Remedy: "Whoever disables or deletes an account at the login app runs 'caddy regrant revoke' for each authenticator that 'caddy regrant authenticators SUBJECT' lists (docs/hydra.md).",
		Look: func(context.Context, *doctor.Server) doctor.Verdict {
			return doctor.Warn("nobody can be asked, so he is, until his authenticators are revoked: a recovery is accepted in the login app's place")
		},
	},
}

func version(ctx context.Context, s *doctor.Server) doctor.Verdict {
	said, v := s.AdminVersion(ctx, "/version")
	switch {
	case said == "":
		return v
	case semver.Compare(said, hydra.MinVersion) < 0:
		return doctor.Fail("it is %s", said)
	case semver.Compare(said, closedAt) < 0:
		return doctor.Warn("it is %s, which is open to whoever reaches the admin API", said)
	}
	return doctor.Pass("%s", said)
}

// metadata is what is read of the document of OpenID Connect Discovery.
type metadata struct {
	Issuer string `json:"issuer"`
	Auth   string `json:"authorization_endpoint"`
	Token  string `json:"token_endpoint"`
	Keys   string `json:"jwks_uri"`
}

const discovery = "/.well-known/openid-configuration"

// said is what the server says of itself.
func said(ctx context.Context, s *doctor.Server) (m metadata, err error) {
	a, err := s.Ask(ctx, discovery)
	if err != nil {
		return m, err
	}
	if a.Status != http.StatusOK || json.Unmarshal([]byte(a.Body), &m) != nil {
		return m, fmt.Errorf("it does not say what it calls itself: status %d", a.Status)
	}
	return m, nil
}

func issuer(ctx context.Context, s *doctor.Server) doctor.Verdict {
	m, err := said(ctx, s)
	if err != nil {
		return doctor.Unknown("%v", err)
	}
	want := s.Provider.HydraIssuer
	if want == "" {
		want = s.Origin + s.Provider.BasePath
	}
	switch {
	case m.Issuer != want:
		return doctor.Fail("it calls itself %s, and the gateway expects %s", m.Issuer, want)
	case !strings.HasPrefix(m.Issuer, "https://"):
		return doctor.Fail("it calls itself %s, without TLS", m.Issuer)
	}
	return doctor.Pass("%s", m.Issuer)
}

func loginApp(ctx context.Context, s *doctor.Server) doctor.Verdict {
	a, err := begin(ctx, s, s.Ask)
	switch {
	case err != nil:
		return doctor.Unknown("%v", err)
	case a.Location == nil || !a.Location.Query().Has("login_challenge"):
		return doctor.Unknown("a sign-in leads to none: status %d", a.Status)
	case strings.HasSuffix(a.Location.Path, "/oauth2/fallbacks/login"):
		return doctor.Fail("it has none")
	case a.Location.Scheme != "https":
		return doctor.Fail("it is at %s, without TLS", a.Location.Host)
	}
	return doctor.Pass("it is at %s", a.Location.Host)
}
