// Package kratos judges an Ory Kratos that stands behind the gateway: with its admin API, at its own address as somebody who
// goes around the proxy, and at the site. Where Kratos makes a flow when it is asked, nobody goes on with it, and it ends by
// itself.
package kratos

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/regrant/regrant/internal/doctor"
	"github.com/regrant/regrant/upstream/kratos"
)

// closedAt is the version that closes the one known hole of the supported ones; holes are those that older versions are open to.
const (
	closedAt = "v26.2.0"
	holes    = "CVE-2026-33503 (whoever reaches the admin API and knows the secret of its paging, which has a public default, writes SQL, " + closedAt +
		"), and before " + kratos.MinVersion + " to CVE-2024-45042 (settings of an account with a second factor open to a session with one)"
)

// Checks judge the server.
var Checks = []doctor.Check[*doctor.Server]{
	{
		ID: "kratos-version", Asks: "Is Kratos at least the oldest version that is supported, and without known holes?",
		Remedy: "Upgrade Kratos to " + closedAt + " or newer, and to " + kratos.MinVersion + " at least. Older ones are open to " + holes + ". " +
			"Until then set secrets.pagination, where Kratos knows it (v1.3 does not start with it), and let the gateway alone reach the admin API.",
		Look: version,
	},
	{
		ID: "clock-skew", Asks: "Do the clocks of gateway and identity provider agree?", Remedy: doctor.SkewRemedy,
		Look: func(ctx context.Context, s *doctor.Server) doctor.Verdict {
			return s.AdminSkew(ctx, "/admin/health/alive")
		},
	},
	{
		ID: "kratos-recovery-closed", Asks: "Is Kratos' own recovery off, also for somebody who goes around the proxy?",
		Remedy: "Set selfservice.flows.recovery.enabled to false: the gateway does not need it.",
		Look: func(ctx context.Context, s *doctor.Server) doctor.Verdict {
			a, err := s.Ask(ctx, "/self-service/recovery/api", "Accept", "application/json")
			switch {
			case err != nil:
				return doctor.Unknown("%v", err)
			case a.Status == http.StatusOK:
				return s.LeftToMode(doctor.Fail("it makes a recovery for whoever asks"))
			case a.Status == disabled:
				return doctor.Pass("it is refused with %d", a.Status)
			}
			return doctor.Unknown("it answers %d", a.Status)
		},
	},
	{
		ID: "kratos-mail-login", Asks: "Is a mailed code not enough to sign in?",
		Remedy: "Set selfservice.methods.code.passwordless_enabled to false: whoever reads the mailbox signs in, which is the mailed recovery by another name.",
		Look: func(ctx context.Context, s *doctor.Server) doctor.Verdict {
			a, err := s.Ask(ctx, "/self-service/login/api", "Accept", "application/json")
			var f form
			switch {
			case err != nil:
				return doctor.Unknown("%v", err)
			case a.Status != http.StatusOK || json.Unmarshal([]byte(a.Body), &f) != nil || len(f.UI.Nodes) == 0:
				return doctor.Unknown("it answers %d, and no sign-in", a.Status)
			case f.has("code") && !s.Strict:
				return doctor.Warn("the sign-in offers a mailed code, which opens no more than the recovery that mode assist leaves beside the gateway's")
			case f.has("code"):
				return doctor.Fail("the sign-in offers a mailed code")
			case f.has("identifier_first") && !s.Strict:
				return doctor.Warn("the sign-in asks for an identifier first; a code that it mails then opens no more than the recovery that mode assist leaves beside the gateway's")
			case f.has("identifier_first"):
				return doctor.Unknown("the sign-in asks for an identifier first and shows later whether it mails a code: read passwordless_enabled in Kratos' own configuration")
			}
			return doctor.Pass("the sign-in offers no mailed code")
		},
	},
	{
		ID: "kratos-registration", Asks: "Can nobody register himself?",
		Remedy: "Set selfservice.flows.registration.enabled to false, or see to it that a new identity with a known name is of no use.",
		Look: func(ctx context.Context, s *doctor.Server) doctor.Verdict {
			a, err := s.Ask(ctx, "/self-service/registration/api", "Accept", "application/json")
			switch {
			case err != nil:
				return doctor.Unknown("%v", err)
			case a.Status == http.StatusOK:
				return doctor.Warn("whoever asks may register")
			case a.Status == disabled:
				return doctor.Pass("it is refused with %d", a.Status)
			}
			return doctor.Unknown("it answers %d", a.Status)
		},
	},
	{
		ID: "kratos-returns", Asks: "Does Kratos lead nobody to other sites after signing in?",
		Remedy: "Name whole origins in selfservice.allowed_return_urls, without wildcards.",
		Look: func(ctx context.Context, s *doctor.Server) doctor.Verdict {
			for _, to := range []string{"https://" + doctor.Elsewhere + "/", strings.Replace(s.Origin, "https:", "http:", 1) + "/"} {
				a, err := s.Ask(ctx, "/self-service/login/browser?return_to="+to, "Accept", "application/json")
				switch {
				case err != nil:
					return doctor.Unknown("%v", err)
				case a.Status == http.StatusOK:
					return doctor.Fail("it takes %s for a place to return to", to)
				case a.Status != disabled:
					return doctor.Unknown("it answers %d", a.Status)
				}
			}
			return doctor.Pass("it refuses other sites")
		},
	},
	{
		ID: "idp-cookies", Asks: "Are the identity provider's cookies Secure at the site?",
		Remedy: "Make serve.public.base_url the https address of the site, run Kratos without --dev, and let nothing rewrite Set-Cookie.",
		Look: func(ctx context.Context, s *doctor.Server) doctor.Verdict {
			a, err := s.Get(ctx, s.Provider.BasePath+"/self-service/login/browser", "Accept", "application/json")
			switch {
			case err != nil:
				return doctor.Unknown("%v", err)
			case len(a.Cookies) == 0:
				return doctor.Unknown("the sign-in sets no cookie: status %d", a.Status)
			}
			return doctor.Fault(doctor.Weak(a.Cookies), fmt.Sprintf("%d cookies, all Secure", len(a.Cookies)))
		},
	},
	{
		ID: "idp-forwarded-host", Asks: "Do the addresses that the identity provider publishes stay the same whatever a client says of the host?",
		Remedy: "Set serve.public.base_url, and let Caddy write X-Forwarded-Host: do not trust proxies that pass on what they were sent.",
		Look:   forwardedHost,
	},
	{
		ID: "kratos-session-tokens", Asks: "Can programs that are promised session tokens get them?",
		Remedy: "Take session_tokens out of the upstream, or set feature_flags.use_continue_with_transitions to true; 'caddy regrant try' shows whether it is.",
		Look: func(_ context.Context, s *doctor.Server) doctor.Verdict {
			if !s.Provider.SessionTokens {
				return doctor.Pass("none are promised")
			}
			return doctor.Warn("session_tokens needs feature_flags.use_continue_with_transitions, which Kratos tells nobody")
		},
	},
	{
		ID: "kratos-recovery-ui", Asks: "Does the login app's page for recovery lead to the gateway?",
		Remedy: "Put the directive regrant before the login app, and name its page as recovery_ui.",
		Look: func(ctx context.Context, s *doctor.Server) doctor.Verdict {
			if !s.Strict {
				return doctor.Pass("mode assist: it is left as it is")
			}
			return s.RecoveryPage(ctx)
		},
	},
	{
		ID: "kratos-admin-leak", Asks: "Does the site not tell where the admin API is?",
		Remedy: "Put the directive regrant before every proxy to Kratos: Kratos' public port leads these paths to the address of its admin API.",
		Look:   adminLeak,
	},
	{
		ID: "idp-admin-paths", Asks: "Is nothing of the identity provider's administration reachable through the site?",
		Remedy: "Put the directive regrant before every proxy to Kratos, and route nothing to its admin API.",
		Look:   adminPaths,
	},
	{
		ID: "path-variants", Asks: "Does no spelling of a path that recovers reach the identity provider through the site?",
		Remedy: "Put the directive regrant before every proxy to Kratos, and rewrite nothing behind it.",
		Look:   pathVariants,
	},
}

func version(ctx context.Context, s *doctor.Server) doctor.Verdict {
	said, v := s.AdminVersion(ctx, "/admin/version")
	switch {
	case said == "":
		return v
	case semver.Compare(said, kratos.MinVersion) < 0:
		return doctor.Fail("it is %s", said)
	case semver.Compare(said, closedAt) < 0:
		return doctor.Warn("it is %s, older than what closes CVE-2026-33503", said)
	}
	return doctor.Pass("%s", said)
}

// disabled is how Kratos refuses what its configuration does not allow. Another status may be anybody's.
const disabled = http.StatusBadRequest

// form is what is read of a flow.
type form struct {
	UI struct {
		Action string `json:"action"`
		Nodes  []struct {
			Group string `json:"group"`
		} `json:"nodes"`
	} `json:"ui"`
}

func (f form) has(group string) bool {
	for _, n := range f.UI.Nodes {
		if n.Group == group {
			return true
		}
	}
	return false
}

func forwardedHost(ctx context.Context, s *doctor.Server) doctor.Verdict {
	a, err := s.GetForwarded(ctx, s.Provider.BasePath+"/self-service/login/browser", "Accept", "application/json")
	var f form
	switch {
	case err != nil:
		return doctor.Unknown("%v", err)
	case a.Status != http.StatusOK || json.Unmarshal([]byte(a.Body), &f) != nil:
		return doctor.Unknown("it answers %d", a.Status)
	case strings.Contains(f.UI.Action, doctor.Elsewhere):
		return doctor.Fail("the form of the sign-in leads to the host that a client wrote into X-Forwarded-Host")
	case !strings.HasPrefix(f.UI.Action, s.Origin+"/"):
		return doctor.Fail("the form of the sign-in leads to %s, not to the site", f.UI.Action)
	}
	return doctor.Pass("the form of the sign-in leads to the site")
}

// admin are paths of the admin API, and those that the public port leads there.
var admin = []string{
	"/admin/identities", "/identities", "/admin/recovery/code", "/recovery/code", "/recovery/link", "/admin/sessions", "/admin/courier/messages",
	"/admin/health/ready", "/admin/version",
}

func adminLeak(ctx context.Context, s *doctor.Server) doctor.Verdict {
	var lines []string
	for _, path := range admin {
		a, err := s.Get(ctx, s.Provider.BasePath+path)
		if err != nil {
			return doctor.Unknown("%v", err)
		}
		if a.Location != nil && a.Status/100 == 3 && a.Location.Host != "" && !strings.HasPrefix(a.Location.String(), s.Origin+"/") {
			lines = append(lines, fmt.Sprintf("%s leads to %s", path, a.Location.Host))
		}
	}
	return doctor.Fault(lines, "no path leads there")
}

func adminPaths(ctx context.Context, s *doctor.Server) doctor.Verdict {
	var lines []string
	for _, path := range admin {
		a, err := s.Get(ctx, s.Provider.BasePath+path)
		if err != nil {
			return doctor.Unknown("%v", err)
		}
		if a.Status/100 == 2 {
			lines = append(lines, fmt.Sprintf("%s answers %d", path, a.Status))
		}
	}
	return doctor.Fault(lines, "none of its paths answers")
}

func pathVariants(ctx context.Context, s *doctor.Server) doctor.Verdict {
	if !s.Strict {
		return doctor.Pass("mode assist: they are meant to be reached")
	}
	var paths []string
	for _, below := range []string{"/browser", "/api", "/flows?id=x", "?flow=x"} {
		paths = append(paths, s.Provider.BasePath+"/self-service/recovery"+below)
	}
	return s.Through(ctx, append(paths, likeBase(s.Provider.BasePath)...), kratoss)
}

// likeBase are paths that a site could take for one below the public API's, where it has one, and send on without it.
func likeBase(base string) []string {
	if base == "" {
		return nil
	}
	const api = "/self-service/recovery/api"
	return []string{strings.ToUpper(base) + api, base + api[1:], base + "." + api, api}
}

// kratoss tells whether an answer is Kratos' own: its cookies, its flows, its errors, or where it leads.
func kratoss(a doctor.Answer) bool {
	switch a.Status { // dead ends, and corrections of the spelling, which come back through the site
	case http.StatusNotFound, http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return false
	}
	for _, c := range a.Cookies {
		if strings.HasPrefix(c.Name, "csrf_token_") {
			return true
		}
	}
	if strings.Contains(a.Body, `"ui":{`) || strings.Contains(a.Body, "self_service_flow") || strings.Contains(a.Body, `"reason":`) && strings.Contains(a.Body, "ecovery is not allowed") {
		return true
	}
	return a.Location != nil && (a.Location.Query().Has("flow") || strings.Contains(a.Location.Path, "self-service") || strings.HasSuffix(a.Location.Path, "/error"))
}
