package hydra

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/regrant/regrant/upstream"
)

// private is the verdict on routes that nobody needs from outside.
var private = upstream.Verdict{Kind: upstream.Blocked, Reason: "private route"}

// loginChallenge is the parameter that names the login a person came from. By
// Hydra's design it travels in addresses: it is worth nothing without the cookie
// of the browser in which the login began.
const loginChallenge = "login_challenge"

// guard is the table of the routes that do not simply pass. Hydra recovers
// nobody, so it is short.
type guard struct {
	prefix     string // path of the public API
	entry      string // path of the gateway's start page
	recoveryUI string
}

func newGuard(cfg Config) guard {
	return guard{prefix: pathOf(cfg.PublicURL), entry: pathOf(cfg.EntryURL), recoveryUI: cfg.RecoveryUI}
}

func pathOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(u.Path, "/")
}

// judge compares decoded paths, which is safe because a canonical path has one
// reading only. It reads the query of no request that passes.
func (g *guard) judge(r *http.Request) upstream.Verdict {
	if v, canonical := upstream.Spelled(r.URL, g.concerns); !canonical {
		return v
	}
	path := strings.TrimSuffix(r.URL.Path, "/")
	page := g.isRecoveryUI(path)
	if page || path == g.entry {
		if entry := entryOf(r.URL.Query()); page || entry != "" {
			return upstream.Verdict{Kind: upstream.Entrance, Reason: "recovery begins", Entry: entry}
		}
	}
	if g.closed(path) {
		return private
	}
	return upstream.Verdict{}
}

func (g *guard) concerns(path string) bool { return g.hydra(path) || g.isRecoveryUI(path) }

func entryOf(query url.Values) string {
	challenge := query.Get(loginChallenge)
	if challenge == "" {
		return ""
	}
	return url.Values{loginChallenge: {challenge}}.Encode()
}

func (g *guard) isRecoveryUI(path string) bool {
	return g.recoveryUI != "" && path == strings.TrimSuffix(g.recoveryUI, "/")
}

// hydra tells whether a path could be one of Hydra's own.
func (g *guard) hydra(path string) bool {
	below, ok := upstream.Below(g.prefix, path)
	first, rest, _ := strings.Cut(strings.TrimPrefix(below, "/"), "/")
	switch first {
	case "oauth2", "userinfo", "admin":
		return ok
	case ".well-known":
		return ok && (rest == "openid-configuration" || rest == "jwks.json" || rest == "oauth-authorization-server")
	}
	return false
}

// closed tells whether a path is one of the admin API, which nobody needs from
// outside.
func (g *guard) closed(path string) bool {
	below, ok := upstream.Below(g.prefix, path)
	return ok && (below == "/admin" || strings.HasPrefix(below, "/admin/"))
}
