package kratos

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/regrant/regrant/upstream"
)

// private is the verdict on routes that nobody needs from outside.
var private = upstream.Verdict{Kind: upstream.Blocked, Reason: "private route"}

// guard is the table of the routes of Kratos that do not simply pass.
//
// It is the second line: with recovery switched off in Kratos, nothing is mailed
// whatever passes. Kratos decodes paths before it looks for a route, and older
// ones serve `//`, so what is not in its normal form is refused where it could
// reach one of Kratos' own.
type guard struct {
	prefix     string // path of the public API
	entryURL   string // the gateway's start page
	entry      string // its path
	recoveryUI string
	strict     bool
	reply      *upstream.Reply // leads to the start page
}

func newGuard(cfg Config) guard {
	g := guard{strict: cfg.Strict, recoveryUI: cfg.RecoveryUI, entryURL: cfg.EntryURL, reply: leadTo(cfg.EntryURL)}
	if u, err := url.Parse(cfg.PublicURL); err == nil {
		g.prefix = u.Path
	}
	if u, err := url.Parse(cfg.EntryURL); err == nil {
		g.entry = u.Path
	}
	return g
}

// leadTo is how Kratos tells clients that fetch JSON to send the browser to an
// address.
func leadTo(address string) *upstream.Reply {
	type failure struct {
		ID      string `json:"id"`
		Code    int    `json:"code"`
		Status  string `json:"status"`
		Reason  string `json:"reason"`
		Message string `json:"message"`
	}
	body, err := json.Marshal(struct {
		Error failure `json:"error"`
		To    string  `json:"redirect_browser_to"`
	}{failure{
		ID: "browser_location_change_required", Code: http.StatusUnprocessableEntity, Status: http.StatusText(http.StatusUnprocessableEntity),
		Reason: "In order to complete this flow please redirect the browser to: " + address, Message: "browser location change required",
	}, address})
	if err != nil {
		panic(err) // only for a type of ours that has no JSON
	}
	return &upstream.Reply{Status: http.StatusUnprocessableEntity, Body: append(body, '\n')}
}

// judge compares decoded paths, which is safe because a canonical path has one
// reading only. One trailing slash is taken for none: Kratos leads to the path
// without it.
func (g *guard) judge(r *http.Request) upstream.Verdict {
	if v, canonical := upstream.Spelled(r.URL, g.concerns); !canonical {
		return v
	}
	path := strings.TrimSuffix(r.URL.Path, "/")
	if g.isRecoveryUI(path) || g.bringsEntry(path, r.URL) {
		return g.entrance(r)
	}
	below, ok := upstream.Below(g.prefix, path)
	switch {
	case !ok:
		return upstream.Verdict{}
	case closed(below):
		return private
	case g.strict && (below == "/self-service/recovery" || strings.HasPrefix(below, "/self-service/recovery/")):
		return g.recovery(r, below)
	}
	return upstream.Verdict{}
}

func (g *guard) isRecoveryUI(path string) bool {
	return g.strict && g.recoveryUI != "" && path == strings.TrimSuffix(g.recoveryUI, "/")
}

// bringsEntry tells whether somebody comes to the gateway's start page by a link
// that says where the login was going. The login app has it of Kratos' flow.
func (g *guard) bringsEntry(path string, u *url.URL) bool {
	return path == g.entry && entryOf(u.Query()) != ""
}

// concerns tells whether a path is one that the table is about.
func (g *guard) concerns(path string) bool {
	below, ok := upstream.Below(g.prefix, path)
	return ok && kratos(below) || g.isRecoveryUI(path)
}

// kratos tells whether a path is under one of Kratos' own prefixes.
func kratos(path string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return first == "self-service" || first == "sessions" || first == "schemas" || closed("/"+first)
}

// closed are the routes that nobody needs from outside: the public port leads
// them to the address of the admin API.
func closed(path string) bool {
	first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch first {
	case "admin", "identities", "courier":
		return true
	case "recovery":
		return rest == "" || rest == "code" || rest == "link"
	}
	return false
}

// recovery judges Kratos' own recovery: whoever begins one is led to the
// gateway's, and so is whoever comes with a mailed link; nothing else of it is
// there.
func (g *guard) recovery(r *http.Request, below string) upstream.Verdict {
	begins := below == "/self-service/recovery/browser" || below == "/self-service/recovery"
	if begins && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		return g.entrance(r)
	}
	return upstream.Verdict{Kind: upstream.Recovery, Reason: "recovery of Kratos", JSON: g.reply}
}

// entrance leads people to the start page. A client that fetches JSON may keep no
// cookie of the answer, and leads a browser there: the address itself says where
// the login was going, as a link of the login app's would.
func (g *guard) entrance(r *http.Request) upstream.Verdict {
	v := upstream.Verdict{Kind: upstream.Entrance, Reason: "recovery begins", Entry: entryOf(r.URL.Query()), JSON: g.reply}
	if v.Entry != "" {
		v.JSON = leadTo(g.entryURL + "?" + v.Entry)
	}
	return v
}
