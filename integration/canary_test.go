package integration

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/story"
)

// canaries collects every value that travels through it and that nobody may find in a log.
type canaries struct {
	inner http.RoundTripper
	mu    sync.Mutex
	seen  map[string]string // value → where it was first seen
}

func (c *canaries) RoundTrip(r *http.Request) (*http.Response, error) {
	for _, name := range []string{"Authorization", "Dpop", "Cookie"} {
		c.words("header "+name, r.Header.Get(name))
	}
	c.values("query", r.URL.Query())
	if r.Body != nil && r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		c.body("sent to "+r.URL.Path, r.Header, body)
	}
	resp, err := c.inner.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	for _, set := range resp.Header.Values("Set-Cookie") {
		c.words("Set-Cookie", set)
	}
	if to, err := url.Parse(resp.Header.Get("Location")); err == nil {
		c.values("Location", to.Query())
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(text))
	c.body("answered by "+r.URL.Path, resp.Header, bytes.NewReader(text))
	return resp, err
}

// public are long words that are the same for everybody, by whole value.
var public = regexp.MustCompile(`^(https?://|urn:|[a-z_:-]+$|application/|device-certificate|-----BEGIN CERT)|^(Max-Age|Path|SameSite|HttpOnly|Secure)`)

// keep notes a value that is long enough to be found by itself.
func (c *canaries) keep(where, value string) {
	if len(value) < 12 || public.MatchString(value) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.seen[value]; !known {
		c.seen[value] = where
	}
}

// words keeps what stands between the signs of a header.
func (c *canaries) words(where, text string) {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ;=,", r) }) {
		c.keep(where, word)
	}
}

func (c *canaries) values(where string, values url.Values) {
	for name, list := range values {
		for _, v := range list {
			if name != "redirect_uri" && name != "client_id" {
				c.keep(where+" "+name, v)
			}
		}
	}
}

func (c *canaries) body(where string, header http.Header, body io.Reader) {
	text, err := io.ReadAll(body)
	if err != nil {
		return
	}
	switch kind := header.Get("Content-Type"); {
	case strings.HasPrefix(kind, "application/x-www-form-urlencoded"):
		values, _ := url.ParseQuery(string(text))
		c.values(where, values)
	case strings.HasPrefix(kind, "application/json") && !strings.Contains(where, ".well-known"):
		var members any
		if json.Unmarshal(text, &members) == nil {
			c.members(where, members)
		}
	case strings.HasPrefix(kind, "text/html"):
		for _, m := range regexp.MustCompile(`name="(?:code|csrf)" value="([^"]+)"`).FindAllStringSubmatch(string(text), -1) {
			c.keep(where, m[1])
		}
	}
}

func (c *canaries) members(where string, v any) {
	switch v := v.(type) {
	case string:
		c.keep(where, v)
		for line := range strings.Lines(v) { // a statement says everything in lines
			if _, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
				c.keep(where, value)
			}
		}
	case []any:
		for _, one := range v {
			c.members(where, one)
		}
	case map[string]any:
		for name, one := range v {
			if name != "expires_at" && name != "issuer" && name != "issued_at" {
				c.members(where, one)
			}
		}
	}
}

// advised is the configuration that docs/operations.md advises, without its braces.
func advised(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/operations.md")
	fatal(t, err)
	block := fenced.FindSubmatch(text)
	if block == nil {
		t.Fatal("docs/operations.md advises nothing")
	}
	return strings.TrimSuffix(strings.TrimPrefix(string(block[1]), "{\n"), "}\n")
}

// logged is what Caddy has written; the identity provider's own log is not ours.
func logged(t *testing.T, e *env.Env) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(e.Dir, "programs.log"))
	fatal(t, err)
	var lines strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "time=") {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// A whole story is told at debug level, with access log and traces, and recoveries that end in every way beside it.
func TestNothingSecretIsEverLogged(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo, Patient: true, Global: "debug\n" + advised(t), Site: "log\n\ttracing"})
	c := &canaries{inner: e.Client.Transport, seen: map[string]string{}}
	e.Client.Transport = c
	fatal(t, story.New(e, io.Discard).Run(t.Context()))
	p := enrolled(t, e, "alice")
	bySteps(t, p, c)
	refusedInEveryWay(t, p)
	v := newVisitor(t, e)
	v.signsOut(v.signs(v.begins(), "bob"))
	v.onTheWay("/login/callback", func(q url.Values) { q.Set("code", "canary-of-a-code") })
	v.signs(v.begins(), "bob")
	fatal(t, e.Reload(t.Context()))
	p.granted()
	for _, file := range []string{"secret", "client.secret", "broker.secret", "hook.secret"} {
		text, err := os.ReadFile(filepath.Join(e.Dir, file))
		fatal(t, err)
		c.keep(file, string(text))
	}
	for _, known := range []string{p.account, p.subject, "alice-password"} {
		c.seen[known] = "known beforehand"
	}
	if len(c.seen) < 100 {
		t.Fatalf("only %d canaries flew", len(c.seen))
	}
	until(t, 20*time.Second, "the traces are written", func() bool { return strings.Contains(logged(t, e), "store update") })
	text := logged(t, e)
	for value, where := range c.seen {
		for _, spelling := range []string{value, url.QueryEscape(value), strings.Trim(jsonText(value), `"`)} {
			if i := strings.Index(text, spelling); i >= 0 {
				t.Errorf("%s: %.40s… is in the log:\n%s", where, value, lineAt(text, i))
				break
			}
		}
	}
	for _, want := range []string{`"event.action":"attest"`, `"logger":"http.log.access"`, "verify evidence", "store update", "step prepare", "upstream session"} {
		if !strings.Contains(text, want) {
			t.Errorf("the log was not looked at in full: no %s", want)
		}
	}
}

func jsonText(v string) string {
	text, _ := json.Marshal(v) // a string
	return string(text)
}

func lineAt(text string, i int) string {
	from := strings.LastIndexByte(text[:i], '\n') + 1
	line, _, _ := strings.Cut(text[from:], "\n")
	return line[:min(len(line), 600)]
}

// bySteps is a recovery in a browser and one of a program, whose every value is noted.
func bySteps(t *testing.T, p *person, c *canaries) {
	t.Helper()
	course := &course{p: p, b: browser.New(p.e.Roots).Fresh(c)}
	login, err := course.b.Open(t.Context(), p.e.App.URL+"/")
	fatal(t, err)
	_, err = course.b.Click(t.Context(), login, "Forgot")
	fatal(t, err)
	course.in = p.initiated()
	course.attest(t)
	course.handoff(t)
	course.confirm(t)
	course.press(t)
	isSignedIn(t, p.e, course.last, "alice")
	token, a, err := p.Exchange(t.Context(), p.granted().RecoveryToken)
	fatal(t, err)
	if a.Status != http.StatusOK {
		t.Fatalf("exchange: %d %s", a.Status, a.Body)
	}
	_, _, err = p.Complete(t.Context(), token.AccessToken)
	fatal(t, err)
}

// refusedInEveryWay sends what is wrong with what is right in it.
func refusedInEveryWay(t *testing.T, p *person) {
	t.Helper()
	forged := *p.Claimant
	forged.Device = claimant.NewKey()
	in := p.initiated()
	good := p.granted().RecoveryToken
	for _, try := range []func() error{
		func() error {
			_, _, err := p.Attest(t.Context(), in.RecoveryID, forged.Proof(in.Statement))
			return err
		},
		func() error { _, _, err := p.Attest(t.Context(), in.RecoveryID, p.Proof(in.Statement)); return err },
		func() error { _, _, err := thief(p).Handoff(t.Context(), good); return err },
		func() error { _, _, err := thief(p).Exchange(t.Context(), good); return err },
		func() error { _, _, err := p.Complete(t.Context(), good); return err },
		func() error { _, _, err := p.Exchange(t.Context(), good+"x"); return err },
		func() error { _, _, err := p.Initiate(t.Context(), "canary-in-the-mine@demo.example"); return err },
		func() error { _, _, err := p.Initiate(t.Context(), "canary\x00in\u202ethe-mine"); return err },
		func() error {
			_, err := p.JSON(t.Context(), "/attest", map[string]string{"canary-of-a-member": "canary-of-a-value"})
			return err
		},
		func() error {
			_, err := p.JSON(t.Context(), "/devices/enroll", map[string]string{"activation_code": "CANARY-CODE-0000", "csr": "canary-of-a-request"})
			return err
		},
		func() error { _, err := p.JSON(t.Context(), "/canary-of-a-path", nil); return err },
	} {
		fatal(t, try())
	}
}
