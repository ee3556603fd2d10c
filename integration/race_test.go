package integration

import (
	"net/http"
	"sync"
	"testing"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/env"
)

// tally counts answers by status and code.
type tally struct {
	mu    sync.Mutex
	count map[string]int
	won   int
}

func (c *tally) add(won bool, status int, code string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if won {
		c.won++
		return
	}
	if c.count == nil {
		c.count = map[string]int{}
	}
	c.count[http.StatusText(status)+" "+code]++
}

// at once runs n calls together.
func atOnce(n int, call func(i int)) {
	var start, done sync.WaitGroup
	start.Add(1)
	for i := range n {
		done.Go(func() {
			start.Wait()
			call(i)
		})
	}
	start.Done()
	done.Wait()
}

func (c *tally) check(t *testing.T, lost map[string]int) {
	t.Helper()
	if c.won != 1 {
		t.Errorf("%d won, want exactly 1; the others: %v", c.won, c.count)
	}
	for how := range c.count {
		if _, ok := lost[how]; !ok {
			t.Errorf("%d losers were answered %q", c.count[how], how)
		}
	}
}

const racers = 100

func TestOneOfAHundredTokensAndHandoffsWins(t *testing.T) {
	e := use(t, env.Demo)
	p := enrolled(t, e, newcomer(t, e))
	granted := p.granted()
	handoff, _, err := p.Handoff(t.Context(), granted.RecoveryToken)
	fatal(t, err)
	pages := make([]*browser.Page, racers)
	browsers := make([]*browser.Browser, racers)
	for i := 1; i < racers; i += 2 {
		browsers[i] = browser.New(e.Roots)
		pages[i], err = confirmation(t.Context(), browsers[i], e, handoff.Code)
		fatal(t, err)
	}
	var c tally
	atOnce(racers, func(i int) {
		if i%2 == 0 {
			_, a, err := p.Exchange(t.Context(), granted.RecoveryToken)
			if err != nil {
				t.Error(err)
			}
			c.add(a.Status == http.StatusOK, a.Status, a.Code())
			return
		}
		page, err := browsers[i].Submit(t.Context(), pages[i], "/continue", nil)
		if err != nil {
			t.Error(err)
			return
		}
		// The winner is sent on, to the gateway's own sign-in, since no application waits in this browser.
		c.add(len(page.Via) > 0, page.Status, "page")
	})
	c.check(t, map[string]int{"Bad Request invalid_grant": 0, "Bad Request page": 0})
}

func TestOneOfAHundredAttestsIsJudged(t *testing.T) {
	e := use(t, env.Demo)
	p := enrolled(t, e, newcomer(t, e))
	in := p.initiated()
	proof := p.Proof(in.Statement)
	var c tally
	atOnce(racers, func(int) {
		_, a, err := p.Attest(t.Context(), in.RecoveryID, proof)
		if err != nil {
			t.Error(err)
		}
		c.add(a.Status == http.StatusOK, a.Status, a.Code())
	})
	c.check(t, map[string]int{"Bad Request recovery-expired": 0})
}

// Whoever lost the answer to a completion may ask again; the last answer is good, and for one browser.
func TestOfAHundredCompletionsOneLeadsOn(t *testing.T) {
	e := use(t, env.Demo)
	p := enrolled(t, e, newcomer(t, e))
	token, _, err := p.Exchange(t.Context(), p.granted().RecoveryToken)
	fatal(t, err)
	var mu sync.Mutex
	var codes []string
	atOnce(racers, func(int) {
		out, a, err := p.Complete(t.Context(), token.AccessToken)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil || a.Status != http.StatusOK && (a.Status != http.StatusBadRequest || a.Code() != "busy"):
			t.Errorf("%d %s, %v", a.Status, a.Body, err)
		case a.Status == http.StatusOK:
			codes = append(codes, out.Code)
		}
	})
	var c tally
	for _, code := range codes {
		page, err := confirmation(t.Context(), browser.New(e.Roots), e, code)
		fatal(t, err)
		c.add(page.Status == http.StatusOK, page.Status, "page")
	}
	c.check(t, map[string]int{"Bad Request page": 0})
}

// thief is somebody with a key of his own and what he could copy of p.
func thief(p *person) *claimant.Claimant {
	c := *p.Claimant
	c.Holder = claimant.NewKey()
	return &c
}
