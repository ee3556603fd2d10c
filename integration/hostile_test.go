package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"

	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/internal/wire"
)

// endpoint is one row of docs/endpoints.md.
type endpoint struct {
	path   string // with the gateway's own path before it
	name   string // below that path
	post   bool
	get    bool
	speaks string
}

// endpoints are all there are: docs/endpoints.md is held to the program by a test of internal/gateway.
func endpoints(t *testing.T) (list []endpoint) {
	t.Helper()
	text, err := os.ReadFile("../docs/endpoints.md")
	fatal(t, err)
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([A-Z, ]+) \\| ([a-z]+) \\|$").FindAllStringSubmatch(string(text), -1) {
		ep := endpoint{
			path: strings.NewReplacer("{path}", "/recovery", "{id}", "AAAA", "{method}", "ssh-key", "{name}", "regrant-linux-amd64").Replace(m[1]), name: strings.TrimPrefix(m[1], "{path}"),
			post: strings.Contains(m[2], "POST"), get: strings.Contains(m[2], "GET"), speaks: m[3],
		}
		if ep.speaks == "either" { // JSON here, and forms too
			ep.speaks = "api"
			list = append(list, ep)
			ep.speaks = "page"
		}
		list = append(list, ep)
	}
	if len(list) < 19 {
		t.Fatalf("docs/endpoints.md names only %d", len(list))
	}
	return list
}

// fields are what each endpoint reads, with values that let a request get as far as it can without a proof. An endpoint that
// reads nothing is here too: one that is missing fails the tests below.
var fields = map[string]map[string]any{
	"/initiate":          {"account_identifier": "alice@demo.example", "actions": []string{"sign-in"}, "client_id": "regrant-device"},
	"/attest":            {"recovery_id": "AAAA", "evidence": []any{map[string]any{"method": "device-certificate"}}},
	"/status":            {"recovery_id": "AAAA"},
	"/handoff":           {"recovery_token": "AAAA"},
	"/complete":          {},
	"/devices/challenge": {"activation_code": "AAAA", "method": "tpm", "evidence": map[string]any{"ek_certificates": []string{"AAAA"}}},
	"/devices/enroll":    {"activation_code": "AAAA", "csr": "AAAA", "label": "laptop", "state": "AAAA"},
	"/token": {
		"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "AAAA", "client_id": "regrant-device", "scope": "recovery:complete",
		"client_secret": "x", "client_assertion": "x", "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
	},
	"/introspect":     {"token": "AAAA", "token_type_hint": "access_token", "client_id": "x", "client_secret": "x", "client_assertion": "x"},
	"/revoke":         {"token": "AAAA", "token_type_hint": "access_token", "client_id": "x", "client_secret": "x", "client_assertion": "x"},
	"/start":          {"account": "alice@demo.example", "lost": "reset-password", "csrf": "AAAA"},
	"/prove":          {"recovery_id": "AAAA", "method": "recovery-code", "code": "AAAA", "credential": "{}", "signature": "AAAA", "proof": "AAAA", "passphrase": "AAAA", "csrf": "AAAA"},
	"/passkey.js":     {},
	"/continue":       {"code": "AAAA", "csrf": "AAAA"},
	"/login":          {"csrf": "AAAA", "aal": "2", "phishing_resistant": "true"},
	"/login/callback": {"state": "AAAA", "code": "AAAA", "error": "x", "iss": "x"},
	"/logout":         {"csrf": "AAAA"},

	"/authenticators/{id}":            {"csrf": "AAAA"},
	"/authenticators/{method}/begin":  {"csrf": "AAAA"},
	"/authenticators/{method}/finish": {"csrf": "AAAA", "state": "AAAA", "label": "blue", "public_key": "AAAA", "signature": "AAAA"},
	"/report-lost":                    {"csrf": "AAAA", "id": "AAAA"},

	"/authenticators/device-certificate": {}, "/downloads": {}, "/downloads/{name}": {},
	"/authenticators/device-certificate/begin":  {"csrf": "AAAA"},
	"/authenticators/device-certificate/finish": {"csrf": "AAAA", "id": "AAAA", "answer": "mine"},
	"/oidc/authorize": {
		"client_id": "demo-idp", "redirect_uri": "{origin}/callback", "response_type": "code", "scope": "openid", "state": "a-state-of-theirs", "nonce": "a-nonce-of-theirs",
		"code_challenge": strings.Repeat("A", 43), "code_challenge_method": "S256", "prompt": "login", "max_age": "1", "response_mode": "query", "login_hint": "alice",
		"request": "x", "request_uri": "x", "claims": "{}", "display": "page", "ui_locales": "en",
	},
	"/oidc/cancel": {"csrf": "AAAA"},
	"/oidc/token": {
		"grant_type": "authorization_code", "code": "AAAA", "redirect_uri": "{origin}/callback", "code_verifier": strings.Repeat("A", 43), "client_id": "demo-idp", "client_secret": "x",
	},
	"": {}, "/": {}, "/authenticators": {}, "/ca.pem": {}, "/jwks.json": {}, "/oidc/jwks": {}, "/oidc/.well-known/openid-configuration": {}, "/.well-known/oauth-authorization-server{path}": {},
	"/.well-known/webauthn": {},
}

// attacker sends what nobody should send, and looks at every answer.
type attacker struct {
	t    *testing.T
	e    *env.Env
	key  *claimant.Claimant
	sent atomic.Int64 // requests that the gateway itself answered
}

func newAttacker(t *testing.T, e *env.Env) *attacker {
	t.Helper()
	return &attacker{t: t, e: e, key: &claimant.Claimant{Issuer: e.Issuer, Client: e.Client, Holder: claimant.NewKey()}}
}

// send sends one request and checks what comes back.
func (a *attacker) send(method string, ep endpoint, query, mediaType string, body []byte, text string, header ...string) {
	address := a.e.Origin + ep.path
	if query != "" {
		address += "?" + query
	}
	req, err := http.NewRequestWithContext(a.t.Context(), method, address, bytes.NewReader(body))
	if err != nil {
		a.t.Errorf("%s: %v", ep.path, err)
		return
	}
	if mediaType != "" {
		req.Header.Set("Content-Type", mediaType)
	}
	if proof, err := wire.NewProof(a.key.Holder, method, a.e.Origin+ep.path, time.Now(), ""); err == nil && ep.speaks == "api" {
		req.Header.Set("Dpop", proof)
	}
	if ep.speaks == "page" {
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := a.e.Client.Do(req)
	if err != nil {
		a.t.Errorf("%s %s with %.40q: no answer: %v", method, ep.path, text, err)
		return
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Errorf("%s %s with %.40q: %v", method, ep.path, text, err)
	}
	a.look(fmt.Sprintf("%s %s with %.40q", method, ep.path, text), resp, string(answer), text)
}

// look judges an answer: no failure of the gateway, and nothing of text in it that is not escaped.
func (a *attacker) look(what string, resp *http.Response, body, text string) {
	ours := resp.Header.Get("Referrer-Policy") == "no-referrer" // every answer of ours, and none of the server's
	if ours {
		a.sent.Add(1)
	}
	if resp.StatusCode >= 500 {
		a.t.Errorf("%s: %d", what, resp.StatusCode)
	}
	for name, values := range resp.Header {
		for _, v := range values {
			if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' }) || name == "X-Evil" || unsafe(text) && strings.Contains(v, text) {
				a.t.Errorf("%s: header %s is %q", what, name, v)
			}
		}
	}
	switch kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";"); {
	case kind == "text/html":
		if unsafe(text) && strings.Contains(body, text) || strings.ContainsFunc(body, hidden) {
			a.t.Errorf("%s: the page repeats it", what)
		}
	case strings.HasSuffix(kind, "json"):
		if !json.Valid([]byte(body)) || !utf8.ValidString(body) || strings.ContainsAny(body, "<>") {
			a.t.Errorf("%s: the answer is %.200q", what, body)
		}
	case kind == "application/octet-stream" && strings.Contains(program, body) && resp.Header.Get("Content-Disposition") != "": // a download, or a range of it
	case kind == "application/pem-certificate-chain", kind == "text/javascript", body == "", resp.StatusCode == http.StatusRequestHeaderFieldsTooLarge: // the last is the server's own
	default:
		a.t.Errorf("%s: the answer is of type %q: %.100q", what, kind, body)
	}
}

// unsafe tells a text that must not appear as it is.
func unsafe(text string) bool {
	return len(text) > 2 && strings.ContainsFunc(text, func(r rune) bool { return strings.ContainsRune("<>\"'\r\n", r) || hidden(r) })
}

// hidden is what no page of ours has in it: control characters, and marks that turn the direction of a text.
func hidden(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) || r == utf8.RuneError
}

// encode makes the body that an endpoint takes.
func encode(ep endpoint, values map[string]any, origin string) (mediaType string, body []byte) {
	if ep.speaks == "api" {
		body, _ = json.Marshal(values) // strings and lists of them
		return "application/json", body
	}
	return "application/x-www-form-urlencoded", []byte(form(values, origin).Encode())
}

func form(values map[string]any, origin string) url.Values {
	out := url.Values{}
	for name, v := range values {
		out.Set(name, strings.Replace(fmt.Sprint(v), "{origin}", origin, 1))
	}
	return out
}

// throw sends text to ep in one of its fields, as the name of one, in a header, and in the query.
func (a *attacker) throw(ep endpoint, i int, text string) {
	good := fields[ep.name]
	names := slices.Sorted(maps.Keys(good))
	changed := maps.Clone(good)
	if len(names) > 0 {
		changed[names[i%len(names)]] = text
	}
	named := maps.Clone(good)
	named[text] = "x"
	for _, values := range []map[string]any{changed, named} {
		if ep.post {
			mediaType, body := encode(ep, values, a.e.Origin)
			a.send(http.MethodPost, ep, "", mediaType, body, text)
		}
		if ep.get && len(text) < 8000 {
			a.send(http.MethodGet, ep, form(values, a.e.Origin).Encode(), "", nil, text)
		}
	}
	headers := []string{"Authorization", "Cookie", "Dpop", "Origin", "Sec-Fetch-Site", "Accept", "Content-Type", "User-Agent", "X-Forwarded-For", "X-Forwarded-Host", "Referer", "Traceparent", "Te"}
	if httpguts.ValidHeaderFieldValue(text) {
		method, mediaType, body := http.MethodGet, "", []byte(nil)
		if ep.post {
			method = http.MethodPost
			mediaType, body = encode(ep, good, a.e.Origin)
		}
		a.send(method, ep, "", mediaType, body, text, headers[i%len(headers)], text)
	}
}

// all does something with every endpoint and every text, several at a time.
func all[T any](endpoints []endpoint, texts []T, do func(ep endpoint, i int, text T)) {
	var workers sync.WaitGroup
	slots := make(chan struct{}, 8)
	for e, ep := range endpoints {
		for i, text := range texts {
			slots <- struct{}{}
			workers.Go(func() {
				defer func() { <-slots }()
				do(ep, i+e, text) // another field at each endpoint
			})
		}
	}
	workers.Wait()
}

func TestNastyTextsAreNeitherAFailureNorRepeated(t *testing.T) {
	hostile(t, func(a *attacker, list []endpoint) {
		all(list, nasty, a.throw)
		all([]endpoint{{path: "/recovery/"}}, nasty, func(_ endpoint, _ int, text string) { // paths that are nobody's
			if len(text) < 8000 {
				a.send(http.MethodGet, endpoint{path: "/recovery/x" + url.PathEscape(text)}, "", "", nil, text, "Accept", []string{"text/html", "*/*"}[len(text)%2])
			}
		})
	})
}

func TestBrokenBodiesAreNeitherAFailureNorRepeated(t *testing.T) {
	hostile(t, func(a *attacker, list []endpoint) {
		types := []string{
			"application/json", "application/x-www-form-urlencoded", "application/json; charset=utf-16", "multipart/form-data; boundary=x", "text/plain", "APPLICATION/JSON",
			"application/json, text/html", "application/json;", "\x20", "nonsense",
		}
		all(list, broken, func(ep endpoint, i int, text string) {
			mediaType, _ := encode(ep, nil, "")
			a.send(http.MethodPost, ep, "", mediaType, []byte(text), text)
			a.send(http.MethodPost, ep, "", types[i%len(types)], []byte(text), text)
			a.send(http.MethodGet, ep, "", types[i%len(types)], []byte(text), text)
			a.send([]string{"PUT", "DELETE", "OPTIONS", "PROPFIND", "x"}[i%5], ep, "", mediaType, []byte(text), text, "Content-Encoding", "gzip")
		})
	})
}
