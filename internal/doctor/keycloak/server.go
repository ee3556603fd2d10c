package keycloak

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/regrant/regrant/internal/doctor"
)

// ServerChecks ask the server at its own address, and the site, without any right.
var ServerChecks = []doctor.Check[*doctor.Server]{
	{
		ID: "keycloak-reset-closed", Asks: "Does 'Forgot password?' end at the gateway, also for somebody who goes around the proxy?",
		Remedy: "Bind a flow with one required identity-provider-redirector to the gateway, or deny-access-authenticator, as the realm's reset credentials flow.",
		Look: func(ctx context.Context, s *doctor.Server) doctor.Verdict {
			return closed(ctx, s, reset, "")
		},
	},
	{
		ID: "keycloak-forgot-closed", Asks: "Does the same flow, asked for as an OpenID request, end at the gateway?",
		Remedy: "Bind such a flow as the realm's reset credentials flow: both routes run it.",
		Look: func(ctx context.Context, s *doctor.Server) doctor.Verdict {
			return closed(ctx, s, "/protocol/openid-connect/forgot-credentials", signIn(s))
		},
	},
	{
		ID: "keycloak-broker-request", Asks: "Does the realm come to the gateway's broker as the broker expects it?",
		Remedy: "Enter at the identity provider in the realm what 'caddy regrant broker' shows, with PKCE S256.",
		Look:   brokerRequest,
	},
	{
		ID: "keycloak-paths-normal", Asks: "Does Keycloak itself refuse paths that are not in normal form?",
		Remedy: "Take --http-accept-non-normalized-paths from Keycloak's options.",
		Look: func(ctx context.Context, s *doctor.Server) doctor.Verdict {
			a, err := s.Ask(ctx, "/realms/"+doctor.Encoded(s.Provider.Realm))
			switch {
			case err != nil:
				return doctor.Unknown("%v", err)
			case a.Status == http.StatusBadRequest:
				return doctor.Pass("it answers 400")
			}
			return doctor.Fail("it answers %d to /realms/%s", a.Status, doctor.Encoded(s.Provider.Realm))
		},
	},
	{
		ID: "keycloak-registration", Asks: "Can nobody register himself?",
		Remedy: "Switch 'User registration' off in the realm, or see to it that a new account with a known name is of no use.",
		Look: func(ctx context.Context, s *doctor.Server) doctor.Verdict {
			if _, err := loginPage(ctx, s); err != nil { // which that client is asked for, too
				return doctor.Unknown("%v", err)
			}
			a, err := s.Ask(ctx, realm(s)+"/protocol/openid-connect/registrations?"+signIn(s), "Accept", "text/html")
			switch {
			case err != nil:
				return doctor.Unknown("%v", err)
			case a.Status == http.StatusOK && strings.Contains(a.Body, "<form"):
				return doctor.Warn("the form for it is shown")
			case a.Status/100 == 4:
				return doctor.Pass("it is refused with %d", a.Status)
			}
			return doctor.Unknown("it answers %d", a.Status)
		},
	},
	{
		ID: "keycloak-login-button", Asks: "Does the sign-in page not offer the gateway as a way to sign in?",
		Remedy: "Switch 'Hide on login page' on at the identity provider in the realm.",
		Look: func(ctx context.Context, s *doctor.Server) doctor.Verdict {
			a, err := loginPage(ctx, s)
			switch {
			case err != nil:
				return doctor.Unknown("%v", err)
			case strings.Contains(a.Body, "/broker/"+s.Provider.Alias+"/login"):
				return doctor.Warn("it has a button for %s", s.Provider.Alias)
			}
			return doctor.Pass("it has none")
		},
	},
	{
		ID: "idp-cookies", Asks: "Are the identity provider's cookies Secure at the site?",
		Remedy: "Set --hostname to the https origin and --proxy-headers=xforwarded, and let nothing rewrite Set-Cookie.",
		Look: func(ctx context.Context, s *doctor.Server) doctor.Verdict {
			a, err := loginPage(ctx, s)
			switch {
			case err != nil:
				return doctor.Unknown("%v", err)
			case len(a.Cookies) == 0:
				return doctor.Unknown("the sign-in page sets no cookie: status %d", a.Status)
			}
			return doctor.Fault(doctor.Weak(a.Cookies), fmt.Sprintf("%d cookies, all Secure", len(a.Cookies)))
		},
	},
	{
		ID: "idp-forwarded-host", Asks: "Do the addresses that the identity provider publishes stay the same whatever a client says of the host?",
		Remedy: "Let Caddy write X-Forwarded-Host, -Proto, -Port and -For: do not trust proxies that pass on what they were sent, and set none of them in reverse_proxy.",
		Look:   forwardedHost,
	},
	{
		ID: "idp-admin-paths", Asks: "Is nothing of the identity provider's administration reachable through the site?",
		Remedy: "Put the directive regrant before every proxy to it: it answers these paths with 404.",
		Look:   adminPaths,
	},
	{
		ID: "path-variants", Asks: "Does no spelling of a path that recovers or administers reach the identity provider through the site?",
		Remedy: "Put the directive regrant before every proxy to it, and rewrite nothing behind it.",
		Look:   pathVariants,
	},
	{
		ID: "keycloak-management", Asks: "Can nobody but this machine reach Keycloak's management port?",
		Remedy: "Give Keycloak --http-management-host=127.0.0.1.",
		Look: func(ctx context.Context, s *doctor.Server) doctor.Verdict {
			u, err := url.Parse(s.Provider.URL)
			if err != nil {
				return doctor.Unknown("%v", err)
			}
			v := s.Alone(ctx, "http://"+net.JoinHostPort(u.Hostname(), "9000"))
			if v.Status == doctor.StatusFail {
				v.Status = doctor.StatusWarn // something else may listen at the port that is Keycloak's by default
			}
			return v
		},
	},
}

func realm(s *doctor.Server) string { return "/realms/" + s.Provider.Realm }

// reset is where "Forgot password?" leads, for the client that Keycloak takes if none is named: it is there whatever becomes of account.
const reset = "/login-actions/reset-credentials"

// signIn is what an authorization request of the realm's built-in client has.
func signIn(s *doctor.Server) string {
	return url.Values{
		"client_id": {"account"}, "response_type": {"code"}, "scope": {"openid"}, "redirect_uri": {s.Origin + realm(s) + "/account/"},
	}.Encode()
}

// loginPage asks the site for the page on which people sign in. Another page in its place is an error: it says nothing of this one.
func loginPage(ctx context.Context, s *doctor.Server) (doctor.Answer, error) {
	a, err := s.Get(ctx, realm(s)+"/protocol/openid-connect/auth?"+signIn(s), "Accept", "text/html")
	if err == nil && (a.Status != http.StatusOK || !strings.Contains(a.Body, "<form")) {
		err = fmt.Errorf("the realm's built-in client account is shown no sign-in page: status %d", a.Status)
	}
	return a, err
}

// closed judges where a flow for lost passwords ends, which mode assist leaves as it is.
func closed(ctx context.Context, s *doctor.Server, route, query string) doctor.Verdict {
	a, err := s.Follow(ctx, realm(s)+route+"?"+query)
	v := ends(s, a, err)
	if v.Status != doctor.StatusPass {
		return v
	}
	if a.Status == http.StatusBadRequest { // the answer to a client that is not there, too
		if _, err := loginPage(ctx, s); err != nil {
			return doctor.Unknown("it is refused with %d, and so may be all that was asked: %v", a.Status, err)
		}
	}
	// Where a browser names an empty provider, the way to the gateway gives way to what comes next in the flow. If there is nothing,
	// Keycloak breaks off, by one of the routes with 500.
	a, err = s.Follow(ctx, realm(s)+route+"?kc_idp_hint=&"+query)
	if hinted := ends(s, a, err); a.Status != http.StatusInternalServerError && hinted.Status != doctor.StatusPass {
		hinted.Seen = "with an empty kc_idp_hint: " + hinted.Seen
		return hinted
	}
	return v
}

func ends(s *doctor.Server, a doctor.Answer, err error) doctor.Verdict {
	switch {
	case err != nil:
		return doctor.Unknown("%v", err)
	case a.Location != nil && strings.HasPrefix(a.Location.String(), s.Issuer()+"/"):
		return doctor.Pass("it ends at the gateway")
	case a.Status == http.StatusUnauthorized || a.Status == http.StatusBadRequest || a.Status == http.StatusForbidden:
		return doctor.Pass("it is refused with %d", a.Status)
	case a.Status == http.StatusOK && strings.Contains(a.Body, "<form"):
		return s.LeftToMode(doctor.Fail("Keycloak shows a form of its own"))
	case a.Status < http.StatusBadRequest:
		return s.LeftToMode(doctor.Fail("it ends with %d, not at the gateway", a.Status))
	}
	return doctor.Fail("it ends with %d, not at the gateway", a.Status)
}

// brokerRequest reads the request with which the realm comes to the gateway: that of the flow for lost passwords, or where mode assist leaves
// that as it is, or it only refuses, of a sign-in that is sent to the gateway.
func brokerRequest(ctx context.Context, s *doctor.Server) doctor.Verdict {
	flows := []string{"/protocol/openid-connect/auth?" + signIn(s) + "&kc_idp_hint=" + s.Provider.Alias}
	if s.Strict {
		flows = append([]string{reset}, flows...)
	}
	for _, flow := range flows {
		a, err := s.Follow(ctx, realm(s)+flow)
		if err != nil {
			return doctor.Unknown("%v", err)
		}
		if a.Location != nil && strings.HasPrefix(a.Location.String(), s.Issuer()+"/") {
			return asExpected(s, a.Location)
		}
	}
	return doctor.Unknown("no flow comes to the gateway")
}

// asExpected judges a request to the gateway's broker.
func asExpected(s *doctor.Server, request *url.URL) doctor.Verdict {
	q := request.Query()
	var lines []string
	for _, want := range [][2]string{
		{"client_id", s.Provider.BrokerID},
		{"response_type", "code"},
		{"code_challenge_method", "S256"},
		{"redirect_uri", s.Origin + realm(s) + "/broker/" + s.Provider.Alias + "/endpoint"},
	} {
		if got := q.Get(want[0]); got != want[1] {
			lines = append(lines, fmt.Sprintf("%s is %q, not %q", want[0], got, want[1]))
		}
	}
	if path := s.Path + "/oidc/authorize"; request.Path != path {
		lines = append(lines, fmt.Sprintf("it comes to %s, not to %s", request.Path, path))
	}
	if q.Get("nonce") == "" {
		lines = append(lines, "nonce is missing")
	}
	return doctor.Fault(lines, "client, redirect URI, PKCE and nonce are right")
}

func forwardedHost(ctx context.Context, s *doctor.Server) doctor.Verdict {
	a, err := s.GetForwarded(ctx, realm(s)+"/.well-known/openid-configuration", "X-Forwarded-Proto", "http")
	var document struct {
		Issuer string `json:"issuer"`
	}
	switch {
	case err != nil:
		return doctor.Unknown("%v", err)
	case a.Status != http.StatusOK || json.Unmarshal([]byte(a.Body), &document) != nil:
		return doctor.Unknown("the discovery document answers %d", a.Status)
	case strings.Contains(a.Body, doctor.Elsewhere):
		return doctor.Fail("the discovery document names the host that a client wrote into X-Forwarded-Host")
	case document.Issuer != s.Origin+realm(s):
		return doctor.Fail("the discovery document names %s, not %s", document.Issuer, s.Origin+realm(s))
	}
	return doctor.Pass("the discovery document names %s", document.Issuer)
}

// keycloaks tells whether an answer is Keycloak's own: its pages name its resources and sessions, its documents its realm.
func keycloaks(a doctor.Answer) bool {
	for _, c := range a.Cookies {
		if strings.HasPrefix(c.Name, "AUTH_SESSION_ID") || strings.HasPrefix(c.Name, "KC_") {
			return true
		}
	}
	for _, sign := range []string{"/resources/", "keycloak", "Keycloak", `"public_key"`, "missingNormalization", "invalidCharacter"} {
		if strings.Contains(a.Body, sign) {
			return true
		}
	}
	return a.Location != nil && strings.Contains(a.Location.Path, "/admin/")
}

// shared are paths at which a site may well have pages of its own.
var shared = map[string]bool{"/": true, "/health": true, "/metrics": true}

// observed tells whether an answer is Keycloak's health (of MicroProfile) or metrics (of a Java machine).
func observed(a doctor.Answer) bool {
	return strings.Contains(a.Body, `"checks"`) || strings.Contains(a.Body, "jvm_")
}

func adminPaths(ctx context.Context, s *doctor.Server) doctor.Verdict {
	var lines []string
	for _, path := range []string{
		"/admin/", "/admin/realms/" + s.Provider.Realm, "/admin/" + s.Provider.Realm + "/console/", "/realms/master",
		"/realms/master/protocol/openid-connect/auth?client_id=security-admin-console", "/metrics", "/health", "/",
	} {
		a, err := s.Get(ctx, path, "Accept", "text/html")
		if err != nil {
			return doctor.Unknown("%v", err)
		}
		if shared[path] && !keycloaks(a) && !observed(a) {
			continue
		}
		if a.Status/100 != 4 || a.Status != http.StatusNotFound && keycloaks(a) {
			lines = append(lines, fmt.Sprintf("%s answers %d", cut(path), a.Status))
		}
	}
	return doctor.Fault(lines, "each of its paths is refused")
}

func cut(path string) string { path, _, _ = strings.Cut(path, "?"); return path }

// mailed is a token like those that Keycloak mails, signed by nobody.
func mailed() string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + part([]byte(`{"typ":"execute-actions"}`)) + "." + part([]byte("nobody"))
}

func pathVariants(ctx context.Context, s *doctor.Server) doctor.Verdict {
	paths := []string{"/realms/master", "/admin/realms", realm(s) + "/broker/" + s.Provider.Alias + "/link"}
	if s.Strict {
		paths = append(paths, realm(s)+"/login-actions/action-token?key="+mailed())
	}
	return s.Through(ctx, paths, func(a doctor.Answer) bool { return a.Status/100 != 5 && keycloaks(a) && reaches(a) })
}

// reaches tells whether Keycloak found a route: its own 404 and its refusal of a spelling are dead ends.
func reaches(a doctor.Answer) bool {
	refused := strings.Contains(a.Body, "missingNormalization") || strings.Contains(a.Body, "invalidCharacter")
	return a.Status != http.StatusNotFound && !refused
}
