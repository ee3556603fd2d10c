package main

import (
	"context"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/wire"
)

const untilStatement = "/.well-known/oauth-authorization-server/recovery /initiate"

func TestTokenIsTheOnlyThingOnStandardOutput(t *testing.T) {
	p := enrolled(t)
	p.in = strings.NewReader("y\n")
	r := p.recover("--print-token")
	r.want(t, exitDone, "account: alice@example.com\n  actions: sign-in reset-password\n")
	if r.out != "recovery.token.jwt\n" {
		t.Errorf("standard output %q", r.out)
	}
	if got := p.routes(); got != untilStatement+" /attest" {
		t.Errorf("routes %q", got)
	}
}

func TestWithoutActionsTheUsualOnesThatAreOfferedAreAskedFor(t *testing.T) {
	for _, test := range []struct {
		offered any
		want    string
	}{
		{[]string{"replace-otp", "reset-password", "sign-in"}, "sign-in reset-password"},
		{[]string{"sign-in", "revoke-sessions"}, "sign-in"},
		{nil, "sign-in"},
	} {
		p := enrolled(t)
		p.metadata = func(m map[string]any) { m["recovery_actions_supported"] = test.offered }
		p.recover("--yes", "--print-token").want(t, exitDone, "\n  actions: "+test.want+"\n")
		p.recover("--yes", "--print-token", "--action", "revoke-sessions").want(t, exitDone, "\n  actions: revoke-sessions\n")
	}
}

func TestNothingIsSignedWithoutAgreement(t *testing.T) {
	for _, answer := range []string{"", "n\n", "\n", "maybe\n"} {
		p := enrolled(t)
		p.in = strings.NewReader(answer)
		p.recover("--print-token").want(t, exitRefused, "not signed")
		if got := p.routes(); got != untilStatement {
			t.Errorf("%q: routes %q", answer, got)
		}
	}
}

func TestInterruptEndsTheQuestion(t *testing.T) {
	p := enrolled(t)
	ctx, interrupt := context.WithCancel(t.Context())
	p.in = readerFunc(func([]byte) (int, error) { // a person who presses Ctrl-C instead of answering
		interrupt()
		<-t.Context().Done()
		return 0, io.EOF
	})
	p.runIn(ctx, "device", "recover", "--account", "alice@example.com", "--ca-file", p.caFile()).want(t, exitRefused, "interrupted")
	if got := p.routes(); got != untilStatement {
		t.Errorf("routes %q", got)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func TestAnythingButWhatWasAskedForIsNotSigned(t *testing.T) {
	other, err := attest.ParseIdentifier("bob@example.com")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*program)
		says   string
	}{
		"other issuer":  {func(p *program) { p.statement = func(s *attest.Statement) { s.Issuer += "/other" } }, "another issuer"},
		"other account": {func(p *program) { p.statement = func(s *attest.Statement) { s.Account = other } }, "another account"},
		"extra action": {func(p *program) {
			p.statement = func(s *attest.Statement) { s.Actions = append(s.Actions, attest.ActionReplacePasskey) }
		}, "other actions"},
		"missing action": {func(p *program) { p.statement = func(s *attest.Statement) { s.Actions = s.Actions[:1] } }, "other actions"},
		"other holder": {func(p *program) {
			p.statement = func(s *attest.Statement) { s.Holder = wire.Thumbprint(otherKey(t).Public()) }
		}, "another holder"},
		"expired": {func(p *program) {
			p.statement = func(s *attest.Statement) {
				s.Requested, s.Expires = s.Requested.Add(-50*time.Second), time.Now().Add(-time.Second)
			}
		}, "expired already"},
		"requested long ago": {func(p *program) {
			p.statement = func(s *attest.Statement) { s.Requested = s.Requested.Add(-2 * time.Minute) }
		}, "not requested now"},
		"requested tomorrow": {func(p *program) {
			p.statement = func(s *attest.Statement) {
				s.Requested, s.Expires = s.Requested.Add(24*time.Hour), s.Expires.Add(24*time.Hour)
			}
		}, "not requested now"},
		"good for a day": {func(p *program) {
			p.statement = func(s *attest.Statement) { s.Expires = s.Expires.Add(24 * time.Hour) }
		}, "longer than"},
		"other nonce": {func(p *program) { p.statement = nil; p.offer = func(o *wire.InitiateResponse) { o.Nonce = "AAAA" } }, "another nonce"},
		"other text": {func(p *program) {
			p.offer = func(o *wire.InitiateResponse) { o.Statement = "I owe the bearer everything.\n" }
		}, "something other than a statement"},
		"a line more": {func(p *program) { p.offer = func(o *wire.InitiateResponse) { o.Statement += "amount: 100\n" } }, "something other than a statement"},
		"another issuer's metadata": {func(p *program) {
			p.metadata = func(m map[string]any) { m["issuer"] = "https://elsewhere.example/recovery" }
		}, "another issuer"},
	} {
		t.Run(name, func(t *testing.T) {
			p := enrolled(t)
			test.change(p)
			r := p.recover("--yes", "--print-token")
			r.want(t, exitMismatch, test.says)
			if strings.Contains(p.routes(), "attest") || r.out != "" {
				t.Errorf("a proof was sent: %q, %q", p.routes(), r.out)
			}
		})
	}
}

func TestEveryFailureHasItsExitCode(t *testing.T) {
	for name, test := range map[string]struct {
		route   string
		problem wire.Problem
		code    int
		says    string
	}{
		"refused":     {"/attest", wire.Problem{Type: wire.ProblemRefused.Type(), Title: "Refused", Status: 403}, exitRefused, "regrant: Refused\nThe gateway does not say why."},
		"expired":     {"/handoff", wire.Problem{Type: wire.ProblemRecoveryExpired.Type(), Title: "Expired", Status: 403}, exitRefused, "Start again."},
		"holder":      {"/initiate", wire.Problem{Type: wire.ProblemHolder.Type(), Title: "No proof", Status: 401}, exitRefused, "clock"},
		"action":      {"/initiate", wire.Problem{Type: wire.ProblemActionNotOffered.Type(), Title: "Not offered", Status: 400}, exitRefused, "--action"},
		"too many":    {"/initiate", wire.Problem{Type: wire.ProblemTooManyRequests.Type(), Title: "Slow down", Status: 429}, exitUnavailable, "Slow down"},
		"unavailable": {"/attest", wire.Problem{Type: wire.ProblemUnavailable.Type(), Title: "Not now", Status: 503}, exitUnavailable, "Not now"},
		"unknown":     {"/attest", wire.Problem{Type: "about:blank", Title: "Huh", Status: 403}, exitUnavailable, "Huh"},
		"untitled":    {"/initiate", wire.Problem{Status: 502}, exitUnavailable, "unexpected answer with status 502"},
		"terminal":    {"/attest", wire.Problem{Type: wire.ProblemRefused.Type(), Title: "a\x1b[2Jb\nc", Status: 403}, exitRefused, "regrant: a[2Jbc\n"},
	} {
		t.Run(name, func(t *testing.T) {
			p := enrolled(t)
			p.problem[test.route] = test.problem
			p.recover("--yes", "--no-browser").want(t, test.code, test.says)
		})
	}
	t.Run("redirect", func(t *testing.T) {
		p := enrolled(t)
		p.redirect = "/attest"
		p.recover("--yes", "--print-token").want(t, exitUnavailable, "status 307")
		if strings.Contains(p.routes(), "elsewhere") {
			t.Error("the redirect was followed")
		}
	})
	t.Run("method not offered", func(t *testing.T) {
		p := enrolled(t)
		p.offer = func(o *wire.InitiateResponse) { o.Methods = nil }
		p.recover("--yes", "--print-token").want(t, exitRefused, "no device certificates")
	})
	t.Run("certificate not trusted", func(t *testing.T) {
		p := enrolled(t)
		p.run("device", "recover", "--account", "alice", "--yes").want(t, exitUnavailable, "--ca-file")
	})
	for _, args := range [][]string{
		{"device", "recover"},
		{"device", "recover", "--account", "a b"},
		{"device", "recover", "--account", "alice", "--action", "everything"},
		{"device", "recover", "--account", "alice", "--issuer", "http://id.example.com"},
		{"device", "fly"},
		{"fly"},
		{"device", "enroll"},
		{"device", "enroll", "--issuer", "https://id.example.com/recovery/", "--code", "x"},
		{"device", "enroll", "--issuer", "https://id.example.com", "--ca-file", "/nowhere", "--code", "x"},
		{"version", "--unknown"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) { enrolled(t).run(args...).want(t, exitUsage, "regrant: ") })
	}
}

func TestHelpStatesEveryExitCode(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"device", "enroll", "--help"}, {"device", "recover", "--help"}, {"device", "show", "--help"}} {
		if r := newProgram(t).run(args...); r.code != exitDone || !strings.Contains(r.out, exitCodes) {
			t.Errorf("%v: %+v", args, r)
		}
	}
}

func TestDeviceMustBeTheOneThatIsMeant(t *testing.T) {
	p := newProgram(t)
	p.run("device", "show").want(t, exitUsage, "no device is enrolled here")
	p.recover().want(t, exitUsage, "no device is enrolled here")
	p.enroll().want(t, exitDone, "")
	p.recover("--issuer", p.issuer+"/other").want(t, exitUsage, "is enrolled with "+p.issuer)

	first := p.fakeGateway
	p.fakeGateway = newFakeGateway(t)
	p.enroll().want(t, exitDone, "")
	p.recover().want(t, exitUsage, "2 devices are enrolled here")
	p.recover("--issuer", p.issuer, "--yes", "--print-token").want(t, exitDone, "")
	if first.routes() != "/devices/enroll" {
		t.Errorf("the other gateway was asked: %s", first.routes())
	}
}

// browse fetches the page as a browser does and returns it.
func browse(t *testing.T, address string, change func(*http.Request)) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(body)
}

func TestPageCarriesTheCodeToTheGatewayAlone(t *testing.T) {
	p := enrolled(t)
	opened := ""
	p.browser = func(address string) error {
		opened = address
		status, header, body := browse(t, address, nil)
		body = html.UnescapeString(body)
		if status != http.StatusOK {
			t.Errorf("status %d", status)
		}
		forms := regexp.MustCompile(`(?s)<form method="post" action="([^"]*)">.*name="code" value="([^"]*)"`).FindStringSubmatch(body)
		if want := []string{p.issuer + "/continue", "one-time-code"}; forms == nil || !slices.Equal(forms[1:], want) {
			t.Errorf("form %q, want %q in\n%s", forms, want, body)
		}
		for _, says := range []string{"laptop", "alice@example.com", "reset-password", p.issuer} {
			if !strings.Contains(body, says) {
				t.Errorf("the page does not name %s", says)
			}
		}
		if want := "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action " + p.issuer + "/continue"; header.Get("Content-Security-Policy") != want {
			t.Errorf("policy %q", header.Get("Content-Security-Policy"))
		}
		if header.Get("Cache-Control") != "no-store" || strings.Contains(body, "<script") {
			t.Error("page is kept, or has a script")
		}
		return nil
	}
	r := p.recover("--yes")
	r.want(t, exitDone, "Go on in the browser.")
	if !strings.HasPrefix(opened, "http://127.0.0.1:") || strings.Contains(opened+r.err+r.out, "one-time-code") || strings.Contains(r.err+r.out, "recovery.token.jwt") {
		t.Errorf("address %q, output %q %q", opened, r.out, r.err)
	}
}

func TestPageIsGivenOutOnce(t *testing.T) {
	p := enrolled(t)
	p.browser = func(address string) error {
		for name, change := range map[string]func(*http.Request){
			"other path":    func(r *http.Request) { r.URL.Path += "x" },
			"root":          func(r *http.Request) { r.URL.Path = "/" },
			"other host":    func(r *http.Request) { r.Host = "rebound.example" },
			"other method":  func(r *http.Request) { r.Method = http.MethodHead },
			"only prefetch": func(r *http.Request) { r.Header.Set("Sec-Purpose", "prefetch") },
		} {
			if status, _, body := browse(t, address, change); status != http.StatusNotFound || strings.Contains(body, "one-time-code") {
				t.Errorf("%s: status %d", name, status)
			}
		}
		if status, _, _ := browse(t, address, nil); status != http.StatusOK {
			t.Errorf("status %d", status)
		}
		return nil
	}
	p.recover("--yes").want(t, exitDone, "")

	page := newPage([]byte("secret"), "https://id.example.com/recovery/continue")
	page.used.Store(true)
	page.host = "127.0.0.1:1"
	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+page.host+page.path, nil))
	if w.Code != http.StatusGone || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("second time: %d %q", w.Code, w.Body)
	}
}

func TestPageThatNobodyFetchesEnds(t *testing.T) {
	p := enrolled(t)
	p.handoff = func(a *wire.HandoffResponse) { a.ExpiresIn = 0 }
	r := p.recover("--yes", "--no-browser")
	r.want(t, exitUnavailable, "no browser came")
	if !regexp.MustCompile(`^http://127\.0\.0\.1:\d+/[A-Z2-7]{26}\n$`).MatchString(r.out) {
		t.Errorf("standard output %q", r.out)
	}
	p.recover("--yes").want(t, exitUnavailable, "No browser could be opened (no browser here).")
}

func TestCodeIsNotSentElsewhere(t *testing.T) {
	p := enrolled(t)
	p.handoff = func(a *wire.HandoffResponse) { a.ContinueURI = "https://elsewhere.example/continue" }
	p.browser = func(string) error { t.Error("a browser was opened"); return nil }
	p.recover("--yes").want(t, exitMismatch, "elsewhere.example")
}
