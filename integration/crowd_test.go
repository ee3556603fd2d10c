package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/env"
)

// crowd are people who recover their accounts again and again, whatever happens to the gateway, and write down what they
// are answered.
type crowd struct {
	t      *testing.T
	e      *env.Env
	people []*person
	strict bool                    // nothing may go wrong
	window func() *browser.Browser // how a browser is opened
	stop   context.CancelFunc
	done   sync.WaitGroup

	filling sync.RWMutex // read-locked by whoever fills in forms of the identity provider's, see [deaths.watch]

	mu       sync.Mutex
	granted  map[string]string // reference → txn
	redeemed map[string]int    // txn → how often the token endpoint said yes
	tokens   map[string]issued // txn → its recovery token
	ends     int               // recoveries that came to their end in a browser
}

// issued is a recovery token with the one who can redeem it.
type issued struct {
	to    *person
	token string
}

// people are accounts of the demo provider: enough that recoveries meet, and few enough that those of one account do.
func people(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("user%d", i))
	}
	return names
}

// gathered enrols a device for each of the names.
func gathered(t *testing.T, e *env.Env, names []string) *crowd {
	t.Helper()
	c := &crowd{t: t, e: e, window: func() *browser.Browser { return browser.New(e.Roots) }, granted: map[string]string{}, redeemed: map[string]int{}, tokens: map[string]issued{}}
	for _, name := range names {
		c.people = append(c.people, enrolled(t, e, name))
	}
	return c
}

// begin sets everybody to work; end lets each finish what he is at.
func (c *crowd) begin() {
	ctx, stop := context.WithCancel(c.t.Context())
	c.stop = stop
	for i, p := range c.people {
		c.done.Go(func() {
			for n := i; ctx.Err() == nil; n++ {
				if err := c.recover(ctx, p, n); err != nil && ctx.Err() == nil {
					c.mind(err)
					pause(ctx, 50*time.Millisecond) // the gateway is away
				}
			}
		})
	}
}

func (c *crowd) mind(err error) {
	if c.strict {
		c.t.Error(err)
	}
}

func (c *crowd) end() {
	c.stop()
	c.done.Wait()
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// recover is one recovery, by turns through the token endpoint and straight in the browser. Every fifth is left alone
// once it is granted.
func (c *crowd) recover(ctx context.Context, p *person, n int) error {
	token, err := c.grant(ctx, p)
	if err != nil || n%5 == 4 {
		return err
	}
	var code string
	if n%2 == 0 {
		code, err = c.complete(ctx, p, token)
	} else {
		out, a, failed := p.Handoff(ctx, token)
		code, err = out.Code, answered("handoff", a, failed)
	}
	if err != nil {
		return err
	}
	return c.browse(ctx, code)
}

// grant is a recovery as far as its token.
func (c *crowd) grant(ctx context.Context, p *person) (token string, err error) {
	in, a, err := p.Initiate(ctx, p.account)
	if err := answered("initiate", a, err); err != nil {
		return "", err
	}
	statement, err := attest.ParseStatement(in.Statement)
	if err != nil {
		return "", err
	}
	out, a, err := p.Attest(ctx, in.RecoveryID, p.Proof(in.Statement))
	if err := answered("attest", a, err); err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.granted[out.Reference], c.tokens[statement.Recovery] = statement.Recovery, issued{p, out.RecoveryToken}
	return out.RecoveryToken, nil
}

// redeem exchanges a token and writes down whether that was answered.
func (c *crowd) redeem(ctx context.Context, p *person, token string) (access string, err error) {
	out, a, err := p.Exchange(ctx, token)
	if err := answered("token", a, err); err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for txn, t := range c.tokens {
		if t.token == token {
			c.redeemed[txn]++
		}
	}
	return out.AccessToken, nil
}

// complete asks until it is answered, as often as the gateway is away.
func (c *crowd) complete(ctx context.Context, p *person, token string) (code string, err error) {
	access, err := c.redeem(ctx, p, token)
	if err != nil {
		return "", err
	}
	for ctx.Err() == nil {
		out, a, err := p.Complete(ctx, access)
		if err == nil && a.Status < http.StatusInternalServerError && a.Code() != "busy" {
			return out.Code, answered("complete", a, err)
		}
		pause(ctx, 50*time.Millisecond)
	}
	return "", ctx.Err()
}

// answered is an error unless a is the answer that was hoped for.
func answered(what string, a claimant.Answer, err error) error {
	if err == nil && a.Status != http.StatusOK {
		err = fmt.Errorf("%d %s", a.Status, a.Body)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// browse goes on in a browser. One that is told to wait presses again; one that got no answer comes back.
func (c *crowd) browse(ctx context.Context, code string) error {
	b := c.window()
	if err := forgetting(ctx, c.e, b); err != nil {
		return err
	}
	page, err := confirmation(ctx, b, c.e, code)
	for began := time.Now(); ctx.Err() == nil && time.Since(began) < time.Minute && (err != nil || asks(page)); {
		if err != nil {
			pause(ctx, 50*time.Millisecond)
			page, err = b.Open(ctx, c.e.Issuer+"/continue")
			continue
		}
		if waits(page) { // the same button again: what could not be done yet has used nothing up
			pause(ctx, 50*time.Millisecond)
		}
		page, err = b.Submit(ctx, page, "/continue", nil)
	}
	if err != nil {
		return err
	}
	return c.arrive(ctx, b, page)
}

// arrive sets the new password that the provider asks for.
func (c *crowd) arrive(ctx context.Context, b *browser.Browser, page *browser.Page) error {
	fields := url.Values{"password-new": {"another one"}, "password-confirm": {"another one"}}
	last, err := b.Submit(ctx, page, "password", fields)
	if err != nil {
		return err
	}
	if !strings.Contains(last.Text(), "Signed in as") {
		return fmt.Errorf("in the browser: %d %q", last.Status, last.Text())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ends++
	return nil
}

// soaking tells whether there is an hour.
func soaking() bool { return os.Getenv("REGRANT_SOAK") != "" }

// seeded is a source of chance whose seed is printed, so that a run can be told again.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, seed))
}
