package integration

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/internal/wire"
)

// summary is a recovery as `caddy regrant recoveries` lists it.
type summary struct {
	Reference string `json:"reference"`
	State     string `json:"state"`
}

// recoveries are those that were granted, newest first.
func recoveries(t *testing.T, e *env.Env) (list []summary) {
	t.Helper()
	fatal(t, e.Operator(t.Context(), &list, "recoveries", "--limit", "1000"))
	return list
}

// passes looks at something that has nothing to do with recovery.
func passes(t *testing.T, e *env.Env) {
	t.Helper()
	path := "/realms/acme/.well-known/openid-configuration"
	switch e.Kind {
	case env.Demo:
		path = "/login"
	case env.Kratos:
		path = "/ui/"
	case env.Hydra:
		path = "/.well-known/openid-configuration"
	}
	if got := raw(t, e, path).StatusCode; got != http.StatusOK {
		t.Errorf("%s, which only passes, is answered %d", path, got)
	}
}

// isUnavailable checks the answer to what could not be judged or done.
func isUnavailable(t *testing.T, what string, a claimant.Answer) {
	t.Helper()
	isProblem(t, what, a, http.StatusServiceUnavailable, "unavailable", "")
	if a.Header.Get("Retry-After") == "" {
		t.Error("nothing says when to come again")
	}
}

// confirming is a browser in front of the confirmation of a good recovery of p.
func (p *person) confirming() (*browser.Browser, *browser.Page) {
	p.t.Helper()
	b, err := waiting(p.t.Context(), p.e)
	fatal(p.t, err)
	page, err := confirmation(p.t.Context(), b, p.e, p.handoff())
	fatal(p.t, err)
	return b, page
}

// press presses the page's button to go on.
func press(t *testing.T, b *browser.Browser, page *browser.Page) *browser.Page {
	t.Helper()
	next, err := b.Submit(t.Context(), page, "/continue", nil)
	fatal(t, err)
	return next
}

// waits tells whether a page says that it could not be done yet and has the button to try again.
func waits(page *browser.Page) bool {
	return page.Status >= 400 && slices.ContainsFunc(page.Forms, func(f browser.Form) bool { return strings.HasSuffix(f.Action, "/continue") })
}

// goOn presses the button as long as there is one, and returns the page behind.
func goOn(t *testing.T, b *browser.Browser, page *browser.Page) *browser.Page {
	t.Helper()
	until(t, time.Minute, "going on in the browser", func() bool {
		page = press(t, b, page)
		return !waits(page)
	})
	return page
}

// isSignedIn looks for the one session at the end of the newest recovery. Where the identity provider makes it at once, what is left to
// do comes later.
func isSignedIn(t *testing.T, e *env.Env, page *browser.Page, user string) {
	t.Helper()
	greets(t, e, page, user)
	until(t, time.Minute, "the recovery is done", func() bool {
		state := recoveries(t, e)[0].State
		return state == "done" || (e.Kind == env.Kratos || e.Kind == env.Hydra) && state == "finish"
	})
	n, err := e.Provider.Sessions(t.Context(), e.User(user))
	fatal(t, err)
	if n != 1 {
		t.Errorf("%d sessions", n)
	}
}

// greets looks for the page of the application that whoever is signed in sees.
func greets(t *testing.T, e *env.Env, page *browser.Page, user string) {
	t.Helper()
	if page.Status != http.StatusOK || !strings.Contains(page.Text(), e.Welcome(user)) {
		t.Fatalf("%d at %s, by way of %v: %q", page.Status, page.URL.Path, page.Via, page.Text())
	}
}

// goroutines is how many Caddy has.
func goroutines(t *testing.T, e *env.Env) (n int) {
	t.Helper()
	resp, err := http.Get("http://" + e.Admin + "/debug/pprof/goroutine?debug=1") //nolint:noctx // the process of this test
	fatal(t, err)
	defer resp.Body.Close()
	if _, err := fmt.Fscanf(resp.Body, "goroutine profile: total %d", &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// restless is how many goroutines may be there for a moment: connections of clients and of the proxy that are kept open.
const restless = 20

func TestAFaultyKeycloakGrantsNothingAndLosesNothing(t *testing.T) {
	t.Parallel()
	grantsAndLosesNothing(t, env.Keycloak)
}

func TestAFaultyKratosGrantsNothingAndLosesNothing(t *testing.T) {
	t.Parallel()
	grantsAndLosesNothing(t, env.Kratos)
}

func TestAFaultyHydraGivesNoSessionAndLosesNothing(t *testing.T) {
	t.Parallel()
	grantsAndLosesNothing(t, env.Hydra)
}

// troubles are the faults under which people and programs complete. Each is there from the first call on.
var troubles = []fault{failing, garbage, truncated, slow, silent, refusing, leadsAway, mistaken}

func grantsAndLosesNothing(t *testing.T, kind string) {
	t.Helper()
	e, proxy := faulty(t, kind, newcomers()[:2*len(troubles)]...)
	alice := enrolled(t, e, "alice")
	recovers := func(t *testing.T) {
		b, page := alice.confirming()
		isSignedIn(t, e, press(t, b, page), "alice")
	}
	recovers(t)
	baseline := goroutines(t, e)
	var programs []*person
	for _, f := range troubles {
		t.Run(string(f), func(t *testing.T) {
			t.Cleanup(func() { proxy.set(sound) })
			programs = append(programs, getsThrough(t, e, proxy, f))
		})
	}
	t.Run("a step that is being done is not the end", func(t *testing.T) {
		p := *alice
		p.t = t
		t.Cleanup(func() { proxy.set(sound) })
		p.busy(proxy)
	})
	recovers(t)
	until(t, 2*time.Minute, "every recovery is over", func() bool { // but for those that a newer one superseded, whose way in is taken away for half an hour
		return !slices.ContainsFunc(recoveries(t, e), func(r summary) bool {
			return r.State != "done" && r.State != "abandoned" && r.State != "abandoning"
		})
	})
	noPanic(t, e)
	e.Client.CloseIdleConnections()
	until(t, 30*time.Second, fmt.Sprintf("no more than %d goroutines over the %d at the beginning", restless, baseline), func() bool {
		return goroutines(t, e) <= baseline+restless
	})
	for _, p := range programs {
		p.t = t
		if n := p.standing(); n > 1 || n == 1 && kind != env.Kratos { // whose token is a session
			t.Errorf("%s has %d sessions and ways in", p.user, n)
		}
	}
	store, delayed, completions := left(t, e), map[string]int{}, map[string]bool{}
	for _, r := range store.Recoveries {
		if r.State == "abandoning" && r.RedeemedAt.IsZero() {
			t.Errorf("%s is still being taken back, and its sign-in never began", r.Txn)
		}
	}
	for _, entry := range store.Journal {
		if entry.Kind != "recovery-delayed" {
			continue
		}
		delayed[entry.Detail.Step]++
		if slices.Contains([]string{"revoke", "prepare", "session"}, entry.Detail.Step) {
			completions[entry.Txn] = true
		}
	}
	want := 2*len(troubles) + 1 // and the one that is busy
	if judged := kind != env.Hydra; judged != (delayed["grant"] == len(troubles)) || len(completions) != want {
		t.Errorf("the journal has %v as delayed, and %d completions, want %d", delayed, len(completions), want)
	}
}

// getsThrough has a person complete under a fault. Beside him another one's program does, and he proves himself once more: all wait as long as it
// takes. Once it is over, the two that were granted come through. Each has an account of his own: a recovery waits for the end of the one before.
func getsThrough(t *testing.T, e *env.Env, proxy *faultProxy, f fault) (program *person) {
	t.Helper()
	p, program := enrolled(t, e, newcomer(t, e)), enrolled(t, e, newcomer(t, e))
	proxy.confuse(e, p.user, program.user)
	access, in := program.exchanged(program.granted().RecoveryToken), p.initiated()
	b, page := p.confirming()
	granted := len(recoveries(t, e))
	proxy.set(f)
	asked := map[string]<-chan claimant.Answer{"complete": asking(t, func() (claimant.Answer, error) {
		_, a, err := program.Complete(t.Context(), access)
		return a, err
	})}
	if e.Kind != env.Hydra { // which knows no accounts, and is asked at the end alone
		asked["attest"] = asking(t, func() (claimant.Answer, error) {
			_, a, err := p.Attest(t.Context(), in.RecoveryID, p.Proof(in.Statement))
			return a, err
		})
	}
	passes(t, e)
	kept := press(t, b, page)
	for what, answer := range asked {
		isUnavailable(t, what, <-answer)
	}
	if kept.Status != http.StatusServiceUnavailable || !waits(kept) {
		t.Fatalf("the completion is answered %d by way of %v: %q", kept.Status, kept.Via, kept.Text())
	}
	if more, n := len(recoveries(t, e))-granted, p.standing()+program.standing(); more > 0 || n > 0 {
		t.Errorf("%d recoveries were granted, and there are %d sessions and ways in", more, n)
	}
	proxy.set(sound)
	isSignedIn(t, e, goOn(t, b, kept), p.user)
	program.isGiven(access)
	return program
}

// asking asks beside the test, and sends what is answered.
func asking(t *testing.T, ask func() (claimant.Answer, error)) <-chan claimant.Answer {
	answered := make(chan claimant.Answer, 1)
	go func() {
		a, err := ask()
		if err != nil {
			t.Error(err)
		}
		answered <- a
	}()
	return answered
}

// standing counts the sessions and ways in of p that are at the identity provider.
func (p *person) standing() int {
	p.t.Helper()
	ctx := p.t.Context()
	n, err := p.e.Provider.Sessions(ctx, p.e.User(p.user))
	fatal(p.t, err)
	links, err := p.e.Provider.Links(ctx, p.user)
	fatal(p.t, err)
	if h, ok := p.e.Provider.(*env.HydraProvider); ok {
		trusts, err := h.Server.Trusts(ctx, "")
		fatal(p.t, err)
		links += len(trusts)
	}
	return n + links
}

// isGiven asks until a program is given what is good at the identity provider.
func (p *person) isGiven(access string) {
	p.t.Helper()
	var given wire.CompleteResponse
	until(p.t, time.Minute, "the program is answered", func() bool {
		out, a, err := p.Complete(p.t.Context(), access)
		fatal(p.t, err)
		given = out
		return a.Status == http.StatusOK
	})
	fatal(p.t, p.isGood(p.t.Context(), given))
}

// busy presses the button while the gateway itself tries the step again. The person has to wait; that is not the end.
func (p *person) busy(proxy *faultProxy) {
	b, page := p.confirming()
	proxy.set(silent)
	kept := press(p.t, b, page)
	for len(proxy.held) > 0 {
		<-proxy.held
	}
	<-proxy.held // the sweeper's own try
	if meanwhile := press(p.t, b, kept); !waits(meanwhile) {
		p.t.Errorf("meanwhile the browser is answered %d: %q", meanwhile.Status, meanwhile.Text())
	}
	proxy.set(sound)
	isSignedIn(p.t, p.e, goOn(p.t, b, kept), "alice")
}

func TestBelowTheReserveNothingIsGrantedAndTrafficPasses(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo})
	p := enrolled(t, e, "alice")
	in := p.initiated()
	before := len(recoveries(t, e))
	plenty, err := os.ReadFile(e.Caddyfile())
	fatal(t, err)
	full := strings.Replace(string(plenty), "/store\n", "/store {\n\t\t\treserve 1PiB\n\t\t}\n", 1)

	e.StopCaddy()
	fatal(t, os.WriteFile(e.Caddyfile(), []byte(full), 0o600))
	fatal(t, e.StartCaddy(t.Context()))
	passes(t, e)
	_, a, err := p.Attest(t.Context(), in.RecoveryID, p.Proof(in.Statement))
	fatal(t, err)
	isUnavailable(t, "attest", a)
	page, err := browser.New(e.Roots).Open(t.Context(), e.Issuer+"/")
	fatal(t, err)
	if page.Status != http.StatusServiceUnavailable || page.Title == "" {
		t.Errorf("a person is answered %d, with the page %q", page.Status, page.Body)
	}

	e.StopCaddy()
	fatal(t, os.WriteFile(e.Caddyfile(), plenty, 0o600))
	startAgain(t, e)
	if after := len(recoveries(t, e)); after != before {
		t.Errorf("%d recoveries were granted", after-before)
	}
	c := course{p: p, in: in}
	c.attest(t) // not even the recovery_id was used up
	noPanic(t, e)
}

// noPanic looks for a panic in the output of the programs.
func noPanic(t *testing.T, e *env.Env) {
	t.Helper()
	for _, line := range saying(t, e, "panic") {
		t.Errorf("in the log: %.300s", line)
	}
}
