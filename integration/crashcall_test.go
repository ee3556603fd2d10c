package integration

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/env"
)

// ids are what makes two calls of one kind different.
var ids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|[A-Za-z0-9_-]{43}`)

// calls are those of one recovery, in their order: the kind of each, and how many of it came before.
type calls struct {
	mu    sync.Mutex
	seen  map[string]int
	order []string
	hit   func(call string, pass func()) // what is done with each
}

func (c *calls) around(r *http.Request, pass func()) {
	c.mu.Lock()
	kind := r.Method + " " + ids.ReplaceAllString(r.URL.Path, "*")
	c.seen[kind]++
	call := fmt.Sprintf("%s #%d", kind, c.seen[kind])
	c.order = append(c.order, call)
	c.mu.Unlock()
	c.hit(call, pass)
}

// The gateway dies before a call to the identity provider is forwarded, or after it was answered and before the gateway has the answer.
// The calls are those that one recovery was seen to make.
func TestSoakKeycloakComesBackFromEveryCall(t *testing.T) { comesBackFromEveryCall(t, env.Keycloak) }

// The same for Kratos, which makes its session in the middle of the calls: a session that nobody got ends, and none is made twice.
func TestSoakKratosComesBackFromEveryCall(t *testing.T) { comesBackFromEveryCall(t, env.Kratos) }

func comesBackFromEveryCall(t *testing.T, kind string) {
	t.Helper()
	e, proxy := faulty(t, kind)
	p := enrolled(t, e, "alice")
	random := seeded(t)
	recorded := &calls{seen: map[string]int{}, hit: func(_ string, pass func()) { pass() }}
	proxy.watch(recorded.around)
	p.comesThrough()
	t.Logf("one recovery makes %d calls", len(recorded.order))
	recorded.order = slices.DeleteFunc(recorded.order, polled)
	for range rounds(20) {
		call, before := recorded.order[random.IntN(len(recorded.order))], random.IntN(2) == 0
		proxy.watch(killing(e, call, before))
		began := time.Now()
		p.comesThrough()
		proxy.watch(nil)
		select {
		case <-e.CaddyEnded():
			t.Errorf("it is not up after %s", call)
		default:
		}
		t.Logf("killed at %s, before it: %v; through after %s", call, before, time.Since(began).Round(time.Second))
	}
	noPanic(t, e)
}

// polled tells of a call whether it is one of the many that wait for the end.
func polled(call string) bool {
	_, nth, _ := strings.Cut(call, "#")
	n, err := strconv.Atoi(nth)
	return err != nil || n > 12
}

// killing kills the gateway once, at that call.
func killing(e *env.Env, call string, before bool) func(*http.Request, func()) {
	var once sync.Once
	c := &calls{seen: map[string]int{}, hit: func(now string, pass func()) {
		if now != call {
			pass()
			return
		}
		if !before {
			pass()
		}
		once.Do(e.KillCaddy)
		if before {
			pass()
		}
	}}
	return c.around
}

// comesThrough recovers the account, as often as it takes to begin, and comes back to the same recovery once it has begun.
// Nothing is left of it then but one session.
func (p *person) comesThrough() {
	p.t.Helper()
	ctx := p.t.Context()
	c := &crowd{t: p.t, e: p.e, granted: map[string]string{}, redeemed: map[string]int{}, tokens: map[string]issued{}}
	var b *browser.Browser
	var page *browser.Page
	until(p.t, 3*time.Minute, "a recovery begins", func() bool {
		var err error
		b, page, err = p.begins(ctx, c)
		p.revived()
		return err == nil
	})
	next, err := b.Submit(ctx, page, "/continue", nil)
	p.revived()
	until(p.t, 3*time.Minute, "it comes to its end", func() bool {
		if err != nil || waits(next) {
			if next, err = b.Open(ctx, p.e.Issuer+"/continue"); err == nil && asks(next) {
				next, err = b.Submit(ctx, next, "/continue", nil)
			}
			p.revived()
		}
		return err == nil && !waits(next)
	})
	greets(p.t, p.e, next, "alice") // any other page is where the recovery got stuck, and would be waited for in vain
	until(p.t, 3*time.Minute, "nothing is under way any more", func() bool {
		p.revived()
		var list []summary // it may die while it is asked
		err := p.e.Operator(ctx, &list, "recoveries", "--limit", "1")
		return err == nil && list[0].State == "done"
	})
	links, err := p.e.Provider.Links(ctx, "alice")
	if err != nil || links != 0 {
		p.t.Errorf("%d links are left, %v", links, err)
	}
	isSignedIn(p.t, p.e, next, "alice")
}

// begins is a recovery as far as its confirmation.
func (p *person) begins(ctx context.Context, c *crowd) (*browser.Browser, *browser.Page, error) {
	token, err := c.grant(ctx, p)
	if err != nil {
		return nil, nil, err
	}
	out, a, err := p.Handoff(ctx, token)
	if err := answered("handoff", a, err); err != nil {
		return nil, nil, err
	}
	b, err := waiting(ctx, p.e)
	if err != nil {
		return nil, nil, err
	}
	page, err := confirmation(ctx, b, p.e, out.Code)
	return b, page, err
}

// revived starts the gateway again if it has died.
func (p *person) revived() {
	p.t.Helper()
	select {
	case <-p.e.CaddyEnded():
		p.e.Client.CloseIdleConnections()
		startAgain(p.t, p.e)
	default:
	}
}

// asks tells whether a page has the button to go on.
func asks(page *browser.Page) bool {
	return slices.ContainsFunc(page.Forms, func(f browser.Form) bool { return strings.HasSuffix(f.Action, "/continue") })
}
