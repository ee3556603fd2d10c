package integration

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"testing"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/internal/wire"
)

// window is a browser whose page speaks JSON with the gateway.
type window struct {
	t      *testing.T
	e      *env.Env
	client *http.Client
}

func newWindow(t *testing.T, e *env.Env) *window {
	t.Helper()
	jar, err := cookiejar.New(nil)
	fatal(t, err)
	client := *e.Client
	client.Jar = jar
	return &window{t, e, &client}
}

func (w *window) post(path, site string, in any) (*http.Response, []byte) {
	w.t.Helper()
	body, err := json.Marshal(in)
	fatal(w.t, err)
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.e.Issuer+path, bytes.NewReader(body))
	fatal(w.t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", w.e.Origin)
	if site == "cross-site" {
		req.Header.Set("Origin", "https://evil.example")
	}
	req.Header.Set("Sec-Fetch-Site", site)
	resp, err := w.client.Do(req)
	fatal(w.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	fatal(w.t, err)
	return resp, text
}

func (w *window) initiate(account string) (in wire.InitiateResponse) {
	w.t.Helper()
	resp, text := w.post("/initiate", "same-origin", wire.InitiateRequest{AccountIdentifier: account, Actions: []string{"sign-in"}})
	if resp.StatusCode != http.StatusOK {
		w.t.Fatalf("initiate: %d %s", resp.StatusCode, text)
	}
	fatal(w.t, json.Unmarshal(text, &in))
	return in
}

func (w *window) attest(site, recoveryID string, proof json.RawMessage) (int, []byte) {
	w.t.Helper()
	resp, text := w.post("/attest", site, map[string]any{"recovery_id": recoveryID, "evidence": []json.RawMessage{proof}})
	return resp.StatusCode, text
}

// A proof is worth something only with the holder, the recovery and the page that it was made for. Each case is a good
// proof of the right device in the wrong place.
func TestAProofIsRefusedInAnyOtherPlace(t *testing.T) {
	e := use(t, env.Demo)
	p := enrolled(t, e, newcomer(t, e))
	good := p.initiated()

	t.Run("brought with another DPoP key", func(t *testing.T) {
		_, a, err := thief(p).Attest(t.Context(), good.RecoveryID, p.Proof(good.Statement))
		fatal(t, err)
		if a.Status != http.StatusForbidden {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
	})
	t.Run("brought by a browser", func(t *testing.T) {
		w := newWindow(t, e)
		w.initiate(p.account) // so that it has a cookie
		if status, text := w.attest("same-origin", good.RecoveryID, p.Proof(good.Statement)); status != http.StatusForbidden {
			t.Fatalf("%d %s", status, text)
		}
	})
	t.Run("signed for a browser that started the recovery (the relay)", func(t *testing.T) {
		w := newWindow(t, e)
		in := w.initiate(p.account)
		if status, text := w.attest("same-origin", in.RecoveryID, p.Proof(in.Statement)); status != http.StatusForbidden {
			t.Fatalf("%d %s", status, text)
		}
	})
	t.Run("brought by another browser than started it", func(t *testing.T) {
		first, second := newWindow(t, e), newWindow(t, e)
		in := first.initiate(p.account)
		second.initiate(p.account)
		if status, text := second.attest("same-origin", in.RecoveryID, p.Proof(in.Statement)); status != http.StatusForbidden {
			t.Fatalf("%d %s", status, text)
		}
	})
	t.Run("posted by another site", func(t *testing.T) {
		w := newWindow(t, e)
		in := w.initiate(p.account)
		if status, text := w.attest("cross-site", in.RecoveryID, p.Proof(in.Statement)); status != http.StatusForbidden && status != http.StatusBadRequest {
			t.Fatalf("%d %s", status, text)
		}
	})
	t.Run("tab A's proof with tab B's recovery_id", func(t *testing.T) {
		a, b := p.initiated(), p.initiated()
		_, answer, err := p.Attest(t.Context(), b.RecoveryID, p.Proof(a.Statement))
		fatal(t, err)
		if answer.Status != http.StatusForbidden || answer.Code() != "refused" {
			t.Fatalf("%d %s", answer.Status, answer.Body)
		}
	})
	t.Run("and accepted where it belongs", func(t *testing.T) {
		_, answer, err := p.Attest(t.Context(), good.RecoveryID, p.Proof(good.Statement))
		fatal(t, err)
		if answer.Status != http.StatusOK {
			t.Fatalf("%d %s", answer.Status, answer.Body)
		}
	})
}

func TestAnotherSitesFormOnlyAsks(t *testing.T) {
	e := use(t, env.Demo)
	p := enrolled(t, e, newcomer(t, e))
	b := browser.New(e.Roots)
	code := p.handoff()
	for range 2 { // asking consumes nothing
		page, err := confirmation(t.Context(), b, e, code)
		fatal(t, err)
		if page.Status != http.StatusOK || len(page.Via) != 0 || b.Cookie("localhost", "__Host-regrant") != "" {
			t.Fatalf("%d, by way of %v, cookie %q", page.Status, page.Via, b.Cookie("localhost", "__Host-regrant"))
		}
	}
	// With the token of the form, but from another site: still only asked.
	page, err := confirmation(t.Context(), b, e, code)
	fatal(t, err)
	fields := map[string]string{}
	for _, f := range page.Forms {
		for name := range f.Values {
			fields[name] = f.Values.Get(name)
		}
	}
	again, err := b.Post(t.Context(), "https://evil.example/", e.Issuer+"/continue", fields)
	fatal(t, err)
	if len(again.Via) != 0 || b.Cookie("localhost", "__Host-regrant") != "" {
		t.Fatalf("another site's form went on: %d by way of %v", again.Status, again.Via)
	}
}

// Knowing whether an account exists must not be had from any answer.
func TestKnownAndUnknownAccountsGetTheSameAnswers(t *testing.T) {
	e := use(t, env.Demo)
	p := enrolled(t, e, newcomer(t, e))
	stranger := *p.Claimant
	stranger.Device = thief(p).Holder
	stranger.Holder = stranger.Device
	answers := func(account string) (out [2]string) {
		in, a, err := stranger.Initiate(t.Context(), account)
		fatal(t, err)
		out[0] = shape(a.Status, a.Header, len(a.Body))
		_, a, err = stranger.Attest(t.Context(), in.RecoveryID, stranger.Proof(in.Statement))
		fatal(t, err)
		out[1] = shape(a.Status, a.Header, len(a.Body))
		if a.Status != http.StatusForbidden {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		return out
	}
	if known, unknown := answers("alice@demo.example"), answers("ghost@demo.example"); known != unknown {
		t.Fatalf("known:\n%s\nunknown:\n%s", known, unknown)
	}
}

// shape is what can be seen of an answer without its secrets.
func shape(status int, header http.Header, length int) string {
	h := header.Clone()
	h.Del("Date")
	text, _ := json.Marshal(struct {
		Status, Length int
		Header         http.Header
	}{status, length, h})
	return string(text)
}
