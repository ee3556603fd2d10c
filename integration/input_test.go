package integration

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/env"
)

// steady lets no answer pass that says the gateway itself failed.
type steady struct {
	t     *testing.T
	inner http.RoundTripper
}

func (s steady) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := s.inner.RoundTrip(r)
	if err == nil && resp.StatusCode >= 500 {
		s.t.Errorf("%s %s is answered %d", r.Method, r.URL.Path, resp.StatusCode)
	}
	return resp, err
}

// watched is c, with every answer looked at.
func watched(t *testing.T, c *claimant.Claimant) *claimant.Claimant {
	t.Helper()
	out, client := *c, *c.Client
	client.Transport = steady{t, client.Transport}
	out.Client = &client
	return &out
}

// stranger is a program that nobody knows.
func stranger(t *testing.T, e *env.Env) *claimant.Claimant {
	t.Helper()
	return watched(t, &claimant.Claimant{Issuer: e.Issuer, Client: e.Client, Holder: claimant.NewKey()})
}

// raw sends target as it is written, which no library for clients would do.
func raw(t *testing.T, e *env.Env, target string) *http.Response {
	t.Helper()
	host := strings.TrimPrefix(e.Origin, "https://")
	conn, err := tls.Dial("tcp", host, &tls.Config{RootCAs: e.Roots, MinVersion: tls.VersionTLS12})
	fatal(t, err)
	defer func() { _ = conn.Close() }()
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", target, host)
	fatal(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	fatal(t, err)
	_ = resp.Body.Close()
	return resp
}

func TestAPathHasOneSpelling(t *testing.T) {
	bad := map[string][]string{
		env.Demo: {
			"/recovery//initiate", "/recovery/./initiate", "/recovery/../recovery/initiate", "/recovery/initiate/..", "/recovery/%69nitiate",
			"/%72ecovery/initiate", "/recovery/initiate;x=y", "/recovery/oidc%2Fauthorize", "/recovery/oidc%5Cauthorize", "/recovery/%2e%2e/login",
			"/recovery/initiate%00", "/recovery/initiate%0a", "/recovery/%ff", "/recovery/%25", "/recovery/%", "/recovery/\\initiate",
		},
		env.Keycloak: {
			"/recovery//initiate", "/recovery/%2e%2e/realms/acme/account",
			"/realms//acme/account", "//realms/acme/account", "/realms/./acme/account", "/x/../realms/acme/account", "/realms/acme/../master/account",
			"/realms/%61cme/account", "/%72ealms/acme/account", "/realms/acme/account;x=y", "/realms;x/acme/account", "/realms%2Facme/account",
			"/realms\\acme/account", "/realms/acme%5Caccount", "/realms/acme/login-actions/%72eset-credentials", "/realms/acme/login-actions//reset-credentials",
			"/realms/acme/%2e%2e/master/account", "/realms/acme/%252e%252e/master", "/realms/acme/account%00", "/realms/acme/%ff", "/realms/acme/account%3fx",
			"/%61dmin/master/console/", "/resources//x", "//admin/",
		},
	}
	good := map[string]map[string]int{
		env.Demo:     {"/recovery": 200, "/recovery/": 200, "/recovery/nothing": 404, "/login": 200},
		env.Keycloak: {"/recovery/": 200, "/realms/acme/.well-known/openid-configuration": 200, "/realms/master/account": 404, "/admin/": 404},
	}
	for kind, targets := range bad {
		t.Run(kind, func(t *testing.T) {
			e := use(t, kind)
			for target, want := range good[kind] {
				if got := raw(t, e, target).StatusCode; got != want {
					t.Errorf("%s: %d, want %d", target, got, want)
				}
			}
			for _, target := range targets {
				if got := raw(t, e, target).StatusCode; got != http.StatusBadRequest {
					t.Errorf("%s: %d, want 400", target, got)
				}
			}
		})
	}
}

func TestAnotherMethodIsToldWhichOnesThereAre(t *testing.T) {
	e := use(t, env.Demo)
	allow := map[string]string{
		"/initiate": "POST", "/attest": "POST", "/status": "POST", "/handoff": "POST", "/token": "POST", "/complete": "POST", "/devices/enroll": "POST",
		"/introspect": "POST", "/revoke": "POST", "/oidc/token": "POST", "/oidc/cancel": "POST", "/oidc/authorize": "GET, HEAD", "/oidc/jwks": "GET, HEAD", "/jwks.json": "GET, HEAD",
		"/ca.pem": "GET, HEAD", "": "GET, HEAD", "/continue": "GET, HEAD, POST", "/authenticators": "GET, HEAD",
		"/login": "POST", "/login/callback": "GET, HEAD", "/logout": "POST",
	}
	for path, want := range allow {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} {
			if strings.Contains(want, method) {
				continue
			}
			req, err := http.NewRequestWithContext(t.Context(), method, e.Issuer+path, http.NoBody)
			fatal(t, err)
			resp, err := e.Client.Do(req)
			fatal(t, err)
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != want {
				t.Errorf("%s %s: %d, Allow %q, want %q", method, path, resp.StatusCode, resp.Header.Get("Allow"), want)
			}
		}
	}
}

// bodies are the endpoints that read one, with the media type that they take.
var bodies = map[string]string{
	"/initiate": "application/json", "/attest": "application/json", "/status": "application/json", "/handoff": "application/json",
	"/devices/challenge": "application/json", "/devices/enroll": "application/json", "/token": "application/x-www-form-urlencoded",
}

func TestABodyIsBoundedAndNamedForWhatItIs(t *testing.T) {
	c := stranger(t, use(t, env.Demo))
	other := map[string]string{"application/json": "application/x-www-form-urlencoded", "application/x-www-form-urlencoded": "application/json"}
	for path, mediaType := range bodies {
		huge := append([]byte(`{"a":"`), bytes.Repeat([]byte("a"), 256<<10)...)
		a, err := c.Do(t.Context(), path, mediaType, huge, "")
		fatal(t, err)
		if a.Status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s with more than 256 KiB: %d %s", path, a.Status, a.Body)
		}
		for _, wrong := range []string{other[mediaType], "text/plain", "multipart/form-data; boundary=x", "application/problem+json", "nonsense", ""} {
			a, err := c.Do(t.Context(), path, wrong, []byte(`{}`), "")
			fatal(t, err)
			if a.Status != http.StatusUnsupportedMediaType {
				t.Errorf("%s as %q: %d %s", path, wrong, a.Status, a.Body)
			}
		}
	}
}

// isProblem compares an answer with the problem (RFC 9457) that it has to be.
func isProblem(t *testing.T, what string, a claimant.Answer, status int, code, member string) {
	t.Helper()
	var got struct {
		Status int    `json:"status"`
		Member string `json:"member"`
	}
	if err := a.Into(&got); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	if a.Status != status || got.Status != status || a.Code() != code || got.Member != member ||
		a.Header.Get("Content-Type") != "application/problem+json" || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: %d %s, want %d %s at %q", what, a.Status, a.Body, status, code, member)
	}
}

func TestAMalformedBodyIsRefusedByTheMemberAtFault(t *testing.T) {
	c := stranger(t, use(t, env.Demo))
	for _, body := range []string{"", " ", "{", `{"a"`, "nonsense", `"text"`, "[]", "7", "{}{}", "{} x", "\xff", strings.Repeat("[", 1000)} {
		for path, mediaType := range bodies {
			if mediaType != "application/json" {
				continue
			}
			a, err := c.Do(t.Context(), path, mediaType, []byte(body), "")
			fatal(t, err)
			if a.Status != http.StatusBadRequest || a.Code() != "malformed" {
				t.Errorf("%s with %.20q: %d %s", path, body, a.Status, a.Body)
			}
		}
	}
	for _, x := range []struct{ path, body, member string }{
		{"/initiate", `{"account_identifier":"a@x","account_identifier":"b@x","actions":["sign-in"]}`, "/account_identifier"},
		{"/initiate", `{"account_identifier":"a@x","actions":["sign-in"],"actions":[]}`, "/actions"},
		{"/initiate", `{"account_identifier":"a@x","actions":["sign-in"],"admin":true}`, "/admin"},
		{"/initiate", `{"Account_Identifier":"a@x","actions":["sign-in"]}`, "/Account_Identifier"},
		{"/initiate", `{"account_identifier":"a@x","ACTIONS":["sign-in"]}`, "/ACTIONS"},
		{"/initiate", `{"account_identifier":7,"actions":["sign-in"]}`, "/account_identifier"},
		{"/initiate", `{"account_identifier":"a@x","actions":"sign-in"}`, "/actions"},
		{"/initiate", `{"account_identifier":"a@x","actions":["rule-the-world"]}`, "/actions"},
		{"/initiate", `{"account_identifier":"a@x","actions":["sign-in","sign-in"]}`, "/actions"},
		{"/initiate", `{"account_identifier":"a@x","actions":[]}`, "/actions"},
		{"/initiate", `{"account_identifier":"\u202ea@x","actions":["sign-in"]}`, "/account_identifier"},
		{"/initiate", `{"account_identifier":"a@x\nactions: reset-password","actions":["sign-in"]}`, "/account_identifier"},
		{"/initiate", `{"actions":["sign-in"]}`, "/account_identifier"},
		{"/initiate", `{"account_identifier":"a@x","actions":["sign-in"],"client_id":"regrant-browser"}`, "/client_id"},
		{"/attest", `{"recovery_id":"a","recovery_id":"b","evidence":[]}`, "/recovery_id"},
		{"/attest", `{"recovery_id":"a","evidence":[{"method":"device-certificate","method":"x"}]}`, "/evidence/0/method"},
		{"/attest", `{"recovery_id":"a","evidence":[{"method":"x","a":{"b":1,"b":2}}]}`, "/evidence/0/a/b"},
		{"/attest", `{"recovery_id":"a","evidence":[],"account":"bob"}`, "/account"},
		{"/attest", `{"Recovery_id":"a","evidence":[]}`, "/Recovery_id"},
		{"/attest", `{"recovery_id":"a","evidence":[]}`, "/evidence"},
		{"/attest", `{"recovery_id":"a","evidence":[{}]}`, "/evidence"},
		{"/attest", `{"recovery_id":"a","evidence":[` + strings.Repeat(`{"method":"x"},`, 8) + `{"method":"x"}]}`, "/evidence"},
		{"/attest", `{"evidence":[{"method":"x"}]}`, "/recovery_id"},
		{"/status", `{"recovery_id":"a","recovery_id":"a"}`, "/recovery_id"},
		{"/status", `{"recovery_id":"a","x":1}`, "/x"},
		{"/status", `{}`, "/recovery_id"},
		{"/handoff", `{"recovery_token":"a","recovery_token":"b"}`, "/recovery_token"},
		{"/handoff", `{"Recovery_token":"a"}`, "/Recovery_token"},
		{"/handoff", `null`, "/recovery_token"},
		{"/devices/enroll", `{"activation_code":"a","csr":"b","csr":"c"}`, "/csr"},
		{"/devices/enroll", `{"activation_code":"a","csr":"b","effective_at":"now"}`, "/effective_at"},
	} {
		a, err := c.Do(t.Context(), x.path, "application/json", []byte(x.body), "")
		fatal(t, err)
		isProblem(t, x.path+" "+x.body, a, http.StatusBadRequest, "malformed", x.member)
	}
}

func TestNoBodyMakesTheGatewayFail(t *testing.T) {
	e := use(t, env.Demo)
	p := enrolled(t, e, newcomer(t, e))
	c := watched(t, p.Claimant)
	seeded := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		in := p.initiated() // anew, since a recovery_id is burnt by the first evidence that can be read
		body, err := json.Marshal(map[string]any{"recovery_id": in.RecoveryID, "evidence": []json.RawMessage{p.Proof(in.Statement)}})
		fatal(t, err)
		for range 1 + seeded.IntN(3) {
			body[seeded.IntN(len(body))] = `{}[]",:\0a-`[seeded.IntN(11)]
		}
		if seeded.IntN(8) == 0 {
			body = body[:seeded.IntN(len(body))]
		}
		a, err := c.Do(t.Context(), "/attest", "application/json", body, "")
		fatal(t, err)
		switch a.Status {
		case http.StatusOK, http.StatusBadRequest, http.StatusForbidden: // 200: what was changed is not looked at, such as a certificate that is not needed
		default:
			t.Errorf("%s is answered %d", body, a.Status)
		}
	}
	noPanic(t, e)
}

func TestARecoveryIDThatIsNotWholeIsOver(t *testing.T) {
	e := use(t, env.Demo)
	p := enrolled(t, e, newcomer(t, e))
	c := watched(t, p.Claimant)
	in := p.initiated()
	id := in.RecoveryID
	flip := func(i int) string {
		other := byte('A')
		if id[i] == other {
			other = 'Q'
		}
		return id[:i] + string(other) + id[i+1:]
	}
	altered := []string{flip(0), flip(len(id) / 2), flip(len(id) - 1), id[:len(id)-4], id + "AAAA", id + "=", id + "\n", " " + id, "A", "=", strings.Repeat("A", 4096)}
	for _, x := range altered {
		_, a, err := c.Attest(t.Context(), x, p.Proof(in.Statement))
		fatal(t, err)
		isProblem(t, fmt.Sprintf("%.12q…", x), a, http.StatusBadRequest, "recovery-expired", "")
	}
	for range 2 { // the whole one was burnt by none of them, and is by its own use
		_, a, err := c.Attest(t.Context(), id, p.Proof(in.Statement))
		fatal(t, err)
		if a.Status == http.StatusOK {
			continue
		}
		isProblem(t, "used before", a, http.StatusBadRequest, "recovery-expired", "")
		return
	}
	t.Error("a recovery_id was taken twice")
}

func TestWhoAsksTooOftenIsToldWhenToComeAgain(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo})
	c := stranger(t, e)
	const most, every = 30, 2 * time.Second // of one network, whoever it asks about, and one more so often
	var a claimant.Answer
	begin := time.Now()
	for i := 0; i <= most+int(time.Since(begin)/every) && a.Status != http.StatusTooManyRequests; i++ {
		var err error
		_, a, err = c.Initiate(t.Context(), fmt.Sprintf("somebody-%d@demo.example", i))
		fatal(t, err)
	}
	isProblem(t, "one network", a, http.StatusTooManyRequests, "too-many-requests", "")
	if seconds, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || seconds < 1 {
		t.Errorf("Retry-After: %q", a.Header.Get("Retry-After"))
	}
	if got := raw(t, e, "/login").StatusCode; got != http.StatusOK {
		t.Errorf("what only passes is answered %d", got)
	}
}
