package integration

import (
	"bytes"
	"crypto/rand"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest/attesttest/canary"
	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/checker"
	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/story"
)

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

// Everything is bound, at debug level, with access log and traces; people recover with each, and recoveries end in every way. Then somebody
// takes all that is left: what was logged, traced, counted and told, what strangers were answered, and the store with its files.
func TestNoCanaryIsFoundInAnythingThatIsLeft(t *testing.T) {
	traces := newCollector(t)
	batch := &claimant.Application{ID: "batch", Secret: rand.Text() + rand.Text()}
	e := own(t, env.Options{
		IdP: env.Demo, Patient: true, Plain: true, Global: "debug\n" + advised(t), Site: "log\n\ttracing", Variables: traces.variables(),
		Users: slices.Concat(story.Users(), []string{"erin"}, newcomers()), Gateway: append(everything(t), "client batch {\n secret "+batch.Secret+"\n}"),
	})
	c := &canaries{inner: e.Client.Transport, seen: map[string]string{}}
	e.Client.Transport = c
	flies(t, e, c, batch)
	until(t, 20*time.Second, "the traces are written", func() bool { return bytes.Contains(traces.traces(), []byte("store update")) })

	values, secrets := canary.Secrets{}, c.secrets()
	for value, where := range c.seen {
		values[where+" "+value] = []byte(value)
	}
	for name, secret := range kept(t, e) {
		values[name], secrets[name] = secret, secret
	}
	flown(t, c, values, secrets)
	for _, what := range c.repeats {
		t.Error(what)
	}
	for _, known := range []string{"alice@demo.example", "bob@demo.example", "dave@demo.example", "alice-0001", "newcomer"} {
		values[known] = []byte(known)
	}
	values.Absent(t, "the log", whole(t, "the log", []byte(logged(t, e)), `"event.action":"attest"`, `"logger":"http.log.access"`))
	values.Absent(t, "the traces", whole(t, "the traces", traces.traces(), "verify evidence", "store update", "step prepare", "upstream session"))
	values.Absent(t, "the metrics", whole(t, "the metrics", metrics(t, e), "regrant_recoveries_total", "regrant_refusals_total"))
	secrets.Absent(t, "the notices", whole(t, "the notices", e.Hook.Bodies(), "recovery-granted", "authenticator-bound"))
	secrets.Absent(t, "what an operator is shown", whole(t, "what an operator is shown", operators(t, e), `"reference"`, `"device_id"`))
	dir := filepath.Join(e.Dir, "store") // as long as it is open, what was written last is in a log that nothing compresses
	secrets.Absent(t, "the files of the store", whole(t, "the files of the store", files(t, dir), "recovery-granted", "authenticator-bound"))
	e.StopCaddy()
	rows, err := checker.Dump(t.Context(), dir)
	fatal(t, err)
	secrets.Absent(t, "the store", whole(t, "the store", rows, "/journal", "/recovery", "/authenticator"))
}

// flown looks whether canaries of every kind were there.
func flown(t *testing.T, c *canaries, values, secrets canary.Secrets) {
	t.Helper()
	if len(values) < 400 || len(secrets) < 250 || c.refused < 100 {
		t.Errorf("only %d canaries flew, %d of them secrets; %d answers were refusals", len(values), len(secrets), c.refused)
	}
	for _, kind := range []string{
		"verifier of answered by /recovery/prove code ", "sent to /recovery/prove passphrase ", "sent to /recovery/attest recovery_id ",
		"answered by /recovery/authenticators/device-certificate/begin code ", "answered by /recovery/attest recovery_token ", "answered by /recovery/token access_token ",
		"answered by /recovery/handoff code ", "sent to /password password-", "header Cookie ", "Set-Cookie ", "header Authorization ", "header Dpop ", "Location code ", "answered by /recovery/authenticators code ",
	} {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(secrets)), func(name string) bool { return strings.HasPrefix(name, kind) }) {
			t.Errorf("no canary was %s", kind)
		}
	}
}

// flies has every canary fly.
func flies(t *testing.T, e *env.Env, c *canaries, batch *claimant.Application) {
	t.Helper()
	s := story.New(e, io.Discard)
	fatal(t, s.Ways(t.Context()))
	p := enrolled(t, e, newcomer(t, e))
	bySteps(t, p, c)
	byApplication(t, p, batch)
	refusedInEveryWay(t, p)
	v := newVisitor(t, e)
	v.signsOut(v.signs(v.begins(), "erin"))
	v.onTheWay("/login/callback", func(q url.Values) { q.Set("code", "canary-of-a-code") })
	v.signs(v.begins(), "erin")
	thrown(t, e)
	fatal(t, e.Reload(t.Context()))
	p.granted()
	fatal(t, s.Standard(t.Context()))
}

// byApplication is a recovery by a program of the operator's, which has a secret of its own.
func byApplication(t *testing.T, p *person, batch *claimant.Application) {
	t.Helper()
	p.As = batch
	token := p.granted().RecoveryToken
	p.wantActive(p.exchanged(token), true)
	p.As = nil
}

// thrown sends each endpoint a canary of its own in each of its fields, and in each header that may hold a secret.
func thrown(t *testing.T, e *env.Env) {
	t.Helper()
	a := newAttacker(t, e)
	for _, ep := range endpoints(t) {
		for name := range fields[ep.name] {
			text := fresh()
			changed := maps.Clone(fields[ep.name])
			changed[name] = text
			if ep.post {
				mediaType, body := encode(ep, changed, e.Origin)
				a.send(http.MethodPost, ep, "", mediaType, body, text)
			}
			if ep.get {
				a.send(http.MethodGet, ep, form(changed, e.Origin).Encode(), "", nil, text)
			}
		}
		for _, header := range []string{"Authorization", "Cookie", "Dpop"} {
			text := fresh()
			mediaType, body := encode(ep, fields[ep.name], e.Origin)
			a.send(map[bool]string{true: http.MethodPost, false: http.MethodGet}[ep.post], ep, "", mediaType, body, text, header, text)
		}
	}
}

// fresh is a canary that was never seen.
func fresh() string { return "canary-in-the-mine-" + rand.Text() }

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
	isSignedIn(t, p.e, course.last, p.user)
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

// A canary that nobody could find would prove nothing.
func TestARefusalThatRepeatsASecretIsNoticed(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, "no such code: "+r.FormValue("code"))
	}))
	defer server.Close()
	for code, want := range map[string]int{fresh(): 1, "too short": 0} {
		c := &canaries{inner: http.DefaultTransport, seen: map[string]string{}}
		client := http.Client{Transport: c}
		resp, err := client.PostForm(server.URL, url.Values{"code": {code}, "other": {fresh()}})
		fatal(t, err)
		_ = resp.Body.Close()
		if len(c.repeats) != want || c.refused != 1 {
			t.Errorf("%s: %d refusals, %q", code, c.refused, c.repeats)
		}
	}
}
