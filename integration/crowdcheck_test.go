package integration

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/checker"
	"github.com/regrant/regrant/integration/env"
)

// bringAgain has everybody bring once more the tokens that were consumed: none is good a second time. With the key of
// somebody else they would be refused for that.
func (c *crowd) bringAgain() {
	c.t.Helper()
	c.mu.Lock()
	consumed := maps.Clone(c.redeemed)
	c.mu.Unlock()
	if len(consumed) == 0 {
		c.t.Error("nobody was answered that his token was consumed")
	}
	for txn := range consumed {
		again := c.tokens[txn]
		if _, err := c.redeem(c.t.Context(), again.to, again.token); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
			c.t.Errorf("the token of %s, brought again: %v", txn, err)
		}
	}
}

// arrived counts the recoveries that came to their end in a browser.
func (c *crowd) arrived() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ends
}

// goOn waits until recoveries come to their end again, so that what is checked afterwards is never nothing. The last death
// may have left each account a lease, which has to run out first.
func (c *crowd) goOn() {
	c.t.Helper()
	before := c.arrived()
	until(c.t, 2*time.Minute, "recoveries go on", func() bool { return c.arrived() >= before+len(c.people) })
}

// settle brings one more recovery of everybody to its end, which supersedes what they left under way, and waits until
// every recovery has ended and every owner was told. The longest wait is for tokens that nobody used.
func (c *crowd) settle() {
	c.t.Helper()
	for _, p := range c.people {
		until(c.t, time.Minute, "a last recovery of "+p.account, func() bool {
			before := c.arrived()
			return c.recover(c.t.Context(), p, 0) == nil && c.arrived() > before
		})
	}
	until(c.t, 4*time.Minute, "every recovery has ended", func() bool {
		for _, r := range recoveries(c.t, c.e) {
			if r.State != "done" && r.State != "abandoned" && r.State != "proving" {
				pause(c.t.Context(), time.Second)
				return false
			}
		}
		return true
	})
}

// check holds what the gateway has left behind against what was seen of it.
func (c *crowd) check(settled bool) {
	c.t.Helper()
	if settled { // an owner is told at once, or after what a dead process was at
		pause(c.t.Context(), 2*time.Second)
	}
	store := left(c.t, c.e)
	seen := checker.Seen{Granted: c.granted, Redeemed: c.redeemed, Sessions: c.sessions(), Told: c.told(), Settled: settled}
	for _, wrong := range checker.Check(store, seen) {
		c.t.Error(wrong)
	}
	states := map[string]int{}
	for _, r := range store.Recoveries {
		states[r.State]++
	}
	c.t.Logf("%d recoveries %v; %d grants were answered, %d tokens redeemed, %d sessions, %d came to their end in a browser",
		len(store.Recoveries), states, len(c.granted), len(c.redeemed), len(seen.Sessions), c.ends)
}

// left ends the gateway in good order and reads what it has left behind.
func left(t *testing.T, e *env.Env) checker.Store {
	t.Helper()
	e.StopCaddy()
	secret, err := os.ReadFile(filepath.Join(e.Dir, "secret"))
	fatal(t, err)
	store, err := checker.Read(t.Context(), filepath.Join(e.Dir, "store"), decoded(t, secret))
	fatal(t, err)
	return store
}

// sessions counts those that the provider made, by recovery. Only the demo provider can say.
func (c *crowd) sessions() map[string]int {
	c.t.Helper()
	if c.e.Kind != env.Demo {
		return nil
	}
	events, err := c.e.Events(c.t.Context())
	fatal(c.t, err)
	made := map[string]int{}
	for _, v := range events {
		if v.Kind == "session" && v.Recovery != "" { // others are sign-ins for self-service
			made[v.Recovery]++
		}
	}
	return made
}

func (c *crowd) told() (all []checker.Notice) {
	c.t.Helper()
	notices, bad := c.e.Hook.Notices()
	if bad != 0 {
		c.t.Errorf("%d notices were not signed as they should be", bad)
	}
	for _, n := range notices {
		all = append(all, checker.Notice{Type: n.Type, Reference: n.Reference})
	}
	return all
}
