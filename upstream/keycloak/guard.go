package keycloak

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/regrant/regrant/upstream"
)

// Verdicts on routes. Their reasons are constants, so that they can be labels.
var (
	private = upstream.Verdict{Kind: upstream.Blocked, Reason: "private route"}
	ourLink = upstream.Verdict{Kind: upstream.Blocked, Reason: "link to the gateway"}
	mailed  = upstream.Verdict{Kind: upstream.Recovery, Reason: "mailed action token"}
	// An existing session would win over the way into our broker, or end the
	// login of a second person in an error page. Cookies named KEYCLOAK_* are
	// its proof; without them Keycloak asks the gateway.
	fresh = upstream.Verdict{Reason: "login through the broker", DropCookies: []string{
		"KEYCLOAK_IDENTITY", "KEYCLOAK_IDENTITY_LEGACY", "KEYCLOAK_SESSION", "KEYCLOAK_SESSION_LEGACY",
	}}
)

// guard is the table of the realm's routes that do not simply pass.
//
// It is the second line. The realm's own configuration closes mailed recovery
// and linking, and reset-credentials and forgot-credentials pass because the
// realm itself leads them to the gateway.
type guard struct {
	realm  string // path of the realm
	link   string // value of kc_action that links to the gateway
	linked string // end of every path of the account API for the link
	alias  string
	strict bool                                                        // refuse what Keycloak mails out
	routes map[string]func(g *guard, r *http.Request) upstream.Verdict // by path below the realm
}

func newGuard(realm, alias string, strict bool) guard {
	g := guard{
		realm:  "/realms/" + realm,
		link:   "idp_link:" + alias,
		linked: "/linked-accounts/" + alias,
		alias:  alias,
		strict: strict,
		routes: map[string]func(*guard, *http.Request) upstream.Verdict{
			"/protocol/openid-connect/auth":               (*guard).authorize,
			"/protocol/openid-connect/registrations":      (*guard).authorize,
			"/protocol/openid-connect/forgot-credentials": (*guard).authorize,
			"/broker/" + alias + "/link":                  (*guard).linking,
		},
	}
	if strict {
		g.routes["/login-actions/action-token"] = (*guard).actionToken
	}
	return g
}

// judge compares decoded paths, which is safe because a canonical path has
// one reading only. Keycloak takes one trailing slash for none.
func (g *guard) judge(r *http.Request) upstream.Verdict {
	if v, canonical := upstream.Spelled(r.URL, keycloaks); !canonical {
		return v
	}
	path := strings.TrimSuffix(r.URL.Path, "/")
	if closed(path) {
		return private
	}
	below, ok := strings.CutPrefix(path, g.realm)
	if !ok {
		return upstream.Verdict{}
	}
	if g.strict && strings.HasPrefix(below, "/login-actions/") {
		// The reset form takes a mailed token as well.
		if _, recovers := mailedToken(r.URL.RawQuery); recovers {
			return mailed
		}
	}
	if route, ok := g.routes[below]; ok {
		return route(g, r)
	}
	if strings.HasPrefix(below, "/account/") && strings.HasSuffix(below, g.linked) {
		return g.unlinking(r) // with and without a version of the API in between
	}
	return upstream.Verdict{}
}

// keycloaks tells whether a path is under one of Keycloak's own prefixes.
func keycloaks(path string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch first {
	case "", "realms", "resources", "admin", "metrics", "health":
		return true
	}
	return false
}

// closed are the routes that nobody needs from outside: administration, the
// realm master, and the start page, which leads to the administration.
func closed(path string) bool {
	first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch first {
	case "", "admin", "metrics", "health":
		return true
	case "realms":
		realm, _, _ := strings.Cut(rest, "/")
		return realm == "master"
	}
	return false
}

// authorize judges authorization requests. A signed-in person must not be led
// to link a foreign subject of the gateway's to the account; and a login that
// is sent to the gateway must reach it.
func (g *guard) authorize(r *http.Request) upstream.Verdict {
	if parameter(r.URL.RawQuery, "kc_action", func(v string) bool { return v == g.link }) {
		return ourLink
	}
	if parameter(r.URL.RawQuery, "kc_idp_hint", func(v string) bool { return v == g.alias }) {
		return fresh
	}
	return upstream.Verdict{}
}

// linking refuses the route that links the gateway to an account.
func (g *guard) linking(*http.Request) upstream.Verdict { return ourLink }

// unlinking refuses to delete the link of a recovery under way, which a thief
// with a session could do. The list of links may be read.
func (g *guard) unlinking(r *http.Request) upstream.Verdict {
	if r.Method == http.MethodDelete {
		return ourLink
	}
	return upstream.Verdict{}
}

// actionToken refuses the mailed links of which it cannot be read what they do:
// Keycloak might read it.
func (g *guard) actionToken(r *http.Request) upstream.Verdict {
	if found, recovers := mailedToken(r.URL.RawQuery); !found || recovers {
		return mailed
	}
	return upstream.Verdict{}
}

// mailedToken tells whether a query holds a mailed token, and whether one of
// them sets a new password or sets up credentials, or cannot be read. Other
// mails, such as the verification of an address, do neither.
func mailedToken(query string) (found, recovers bool) {
	recovers = parameter(query, "key", func(token string) bool {
		kind := tokenType(token)
		found = true
		return kind == "" || kind == "reset-credentials" || kind == "execute-actions"
	})
	return found, recovers
}

// tokenType returns the unverified typ claim of a JWT, empty if there is none.
// It serves to refuse only; the signature is Keycloak's to check.
func tokenType(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.Strict().DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct {
		Type string `json:"typ"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	return claims.Type
}

// parameter tells whether any value of a query parameter matches. It reads the
// query as leniently as a server may, with semicolons as separators too, names
// in any case as Keycloak takes some, and undecodable values as they are, and
// allocates only for encoded text.
func parameter(query, name string, match func(value string) bool) bool {
	for query != "" {
		pair := query
		if i := strings.IndexAny(query, "&;"); i >= 0 {
			pair, query = query[:i], query[i+1:]
		} else {
			query = ""
		}
		key, value, _ := strings.Cut(pair, "=")
		if strings.EqualFold(decoded(key), name) && match(decoded(value)) {
			return true
		}
	}
	return false
}

func decoded(s string) string {
	if text, err := url.QueryUnescape(s); err == nil {
		return text
	}
	return s
}
