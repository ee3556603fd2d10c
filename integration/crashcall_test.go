package integration

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/env"
)

// The gateway dies before a call to the identity provider is forwarded, or after it was answered and before the gateway has the answer.
// The calls are those that one recovery was seen to make. With the adapter oidc it makes none: TestARecoveryCallsNobody.
//
// At Keycloak the account is locked, and what was lost is demanded anew and removed last.
func TestSoakKeycloakComesBackFromEveryCall(t *testing.T) {
	t.Parallel()
	comesBackFromEveryCall(t, env.Keycloak, renewing)
}

// Kratos makes its session in the middle of the calls, before what was lost is removed: one that nobody got ends, and none is made twice.
func TestSoakKratosComesBackFromEveryCall(t *testing.T) {
	t.Parallel()
	comesBackFromEveryCall(t, env.Kratos, renewing)
}

// Behind Kratos' session comes the login of Hydra's that waits.
func TestSoakKratosBeforeHydraComesBackFromEveryCall(t *testing.T) {
	t.Parallel()
	comesBackFromEveryCall(t, env.KratosHydra, byBrowser)
}

// Hydra makes its session after it was told to accept the login that waits, which it can be told again.
func TestSoakHydraComesBackFromEveryCall(t *testing.T) {
	t.Parallel()
	comesBackFromEveryCall(t, env.Hydra, byBrowser)
}

// What a program is given is made with a link to the account.
func TestSoakKeycloaksGrantComesBackFromEveryCall(t *testing.T) {
	t.Parallel()
	comesBackFromEveryCall(t, env.Keycloak, byProgram)
}

// What a program is given is made with a trust in the gateway.
func TestSoakHydrasGrantComesBackFromEveryCall(t *testing.T) {
	t.Parallel()
	comesBackFromEveryCall(t, env.Hydra, byProgram)
}

// What a program is given is a session of Kratos', whose older ones have opened something at Hydra.
func TestSoakKratosTokensComeBackFromEveryCall(t *testing.T) {
	t.Parallel()
	comesBackFromEveryCall(t, env.KratosHydra, byProgram)
}

// way is what a recovery is about.
type way struct {
	loses func(p *person, ctx context.Context) error // makes p need it; nil: nothing is lost but the way in

	// in brings p through it, whatever becomes of the gateway meanwhile, and returns how to look at what is left of it.
	in func(p *person, ctx context.Context, c *crowd) (left func(), err error)
}

var (
	byBrowser = way{in: (*person).comesInByBrowser}
	byProgram = way{in: (*person).comesInByProgram}
	renewing  = way{loses: (*person).loses, in: (*person).renewsInBrowser}
)

// deaths kills the gateway at every call of recoveries that come in by one way.
type deaths struct {
	*crowd
	way
	proxy *faultProxy
}

func comesBackFromEveryCall(t *testing.T, kind string, by way) {
	t.Helper()
	names, random := people(10), seeded(t)
	e, proxy := faulty(t, kind, names...)
	if k, ok := e.Provider.(env.KeycloakProvider); ok {
		for _, name := range names {
			_, err := k.Server.NewUser(t.Context(), name)
			fatal(t, err)
		}
	}
	d := deaths{gathered(t, e, names), by, proxy}
	left := d.all()
	t.Logf("the gateway can die in %d ways: %s", len(left), left)
	random.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
	left = left[:rounds(len(left))]
	for len(left) > 0 {
		left = left[d.next(left):]
	}
	d.check(true)
	noPanic(t, e)
}

// all are the deaths at the calls of one recovery. A new process makes more, and before the others: it signs in itself where it has to, and
// asks what it has before it.
func (d deaths) all() (all []death) {
	d.t.Helper()
	cold := d.calls(func() {
		d.reborn()
		d.warm()
	})
	d.lose(1)
	known := d.calls(func() {
		left, err := d.in(d.people[0], d.t.Context(), d.crowd)
		fatal(d.t, err)
		d.ended()
		left()
	})
	own := slices.IndexFunc(cold, func(c call) bool { return slices.Contains(known, c) })
	if own < 0 { // where the account is known by nobody, nothing else is asked before
		own = len(cold)
	}
	if own == 0 {
		d.t.Fatalf("a new process asks nothing before %s: %s", known[0], cold)
	}
	for _, c := range cold[:own] {
		if c.nth == 1 { // others are what somebody else in the process asks at the same time
			all = append(all, death{call: c, before: true, cold: true}, death{call: c, cold: true})
		}
	}
	for i, c := range withoutPolls(known) {
		all = append(all, death{call: c, at: i, before: true}, death{call: c, at: i})
	}
	return all
}

// calls are those that are made while what happens.
func (d deaths) calls(what func()) []call {
	seen := d.watch(func(_ call, pass func()) { pass() })
	defer d.proxy.watch(nil)
	what()
	return seen.made()
}

// watch has hit done with each call. While somebody fills in a form they wait: how often the gateway asks meanwhile whether he is through
// would differ from one recovery to the next, and with it the numbers of the calls after that.
func (d deaths) watch(hit func(now call, pass func())) *calls {
	seen := &calls{}
	d.proxy.watch(func(r *http.Request, pass func()) {
		d.filling.Lock()
		now := seen.seen(r)
		d.filling.Unlock()
		hit(now, pass)
	})
	return seen
}

// lose makes the first n need their next recovery.
func (d deaths) lose(n int) {
	d.t.Helper()
	if d.loses == nil {
		return
	}
	var losing sync.WaitGroup
	for _, p := range d.people[:n] {
		losing.Go(func() {
			if err := d.loses(p, d.t.Context()); err != nil {
				d.t.Errorf("%s loses what is to be recovered: %v", p.user, err)
			}
		})
	}
	losing.Wait()
}

// warm begins a recovery and gives it up, so that the process has signed in.
func (d deaths) warm() {
	d.t.Helper()
	p := d.people[0]
	token, err := d.grant(d.t.Context(), p)
	fatal(d.t, err)
	a, err := p.Revoke(d.t.Context(), token)
	fatal(d.t, answered("revoke", a, err))
}

// patience is how long the first waits for the others: a call to the identity provider is given up after twice that.
const patience = 5 * time.Second

// next leads one person after the other to where the gateway is to die, kills it, and has them all come through. It says how many
// of the deaths these were: as many as there was time for.
func (d deaths) next(left []death) (n int) {
	d.t.Helper()
	left = together(left[:min(len(left), len(d.people))])
	d.lose(len(left))
	if !left[0].cold {
		d.warm()
	}
	began := time.Now()
	var first time.Time
	all := standing{deaths: d, gone: make(chan struct{}), looks: make([]func(), len(left))}
	for ; n < len(left) && (n == 0 || time.Since(first) < patience); n++ {
		all.join(n, left[n])
		if n == 0 {
			first = time.Now()
		}
	}
	held := time.Since(first)
	all.die()
	d.t.Logf("killed %v, %s after the first stood there; through after %s", left[:n], held.Round(time.Millisecond), time.Since(began).Round(time.Second))
	return n
}

// together are those of the first deaths that one process can die, the longest way first. One at a call that only a new process makes
// is alone.
func together(left []death) []death {
	if cold := slices.IndexFunc(left, func(d death) bool { return d.cold }); cold >= 0 {
		left = left[:max(cold, 1)]
	}
	slices.SortFunc(left, func(a, b death) int { return b.at - a.at })
	return left
}

// standing are people who wait for an answer that the gateway will not live to give.
type standing struct {
	deaths
	gone   chan struct{} // closed when it is gone
	coming sync.WaitGroup
	looks  []func()
}

// join leads another one to where the gateway is to die. Nobody else goes on meanwhile, so every call that is seen is his.
func (s *standing) join(n int, at death) {
	s.t.Helper()
	stands := make(chan struct{})
	s.watch(at.holds(stands, s.gone))
	if at.cold {
		s.reborn()
	}
	s.coming.Go(func() {
		var err error
		if s.looks[n], err = s.in(s.people[n], s.t.Context(), s.crowd); err != nil {
			s.t.Errorf("%s: %v", at, err)
		}
	})
	select {
	case <-stands:
	case <-time.After(time.Minute):
		s.t.Errorf("it never came to %s", at)
	}
}

// die kills the gateway, and looks at what is left once all have come through.
func (s *standing) die() {
	s.t.Helper()
	s.e.KillCaddy()
	close(s.gone)
	s.proxy.watch(nil)
	s.reborn()
	s.coming.Wait()
	s.ended()
	for _, look := range s.looks {
		if look != nil { // else he was not led there, or it has been said what is wrong
			look()
		}
	}
}

// reborn kills the gateway, if that has not been done, and starts another process.
func (d deaths) reborn() {
	d.t.Helper()
	d.e.KillCaddy()
	d.e.Client.CloseIdleConnections()
	startAgain(d.t, d.e)
}

// ended waits until nothing is under way any more.
func (d deaths) ended() {
	d.t.Helper()
	until(d.t, 3*time.Minute, "every recovery is over", func() bool {
		return !slices.ContainsFunc(recoveries(d.t, d.e), func(r summary) bool { return r.State != "done" && r.State != "abandoned" })
	})
}
