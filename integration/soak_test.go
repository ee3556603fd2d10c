package integration

import (
	"context"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/env"
)

// rounds is how often a soak repeats: in full under `make soak`, a tenth otherwise. The seed is printed, so that a run
// can be told again.
func rounds(t *testing.T, full int) (int, *rand.Rand) {
	t.Helper()
	if os.Getenv("REGRANT_SOAK") == "" {
		full = max(1, full/10)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("%d rounds, seed %d", full, seed)
	return full, rand.New(rand.NewPCG(seed, seed))
}

// promised is what the claimants were told before the lights went out.
type promised struct {
	mu       sync.Mutex
	granted  map[string]string // reference → recovery token
	redeemed map[string]int    // recovery token → how often the token endpoint said yes
}

func (p *promised) grant(reference, token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.granted[reference] = token
}

func (p *promised) redeem(token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.redeemed[token]++
}

// recoverUntil recovers again and again until the gateway is gone.
func recoverUntil(ctx context.Context, p *person, told *promised) {
	for ctx.Err() == nil {
		granted, a, err := p.Recover(ctx, p.account)
		if err != nil || a.Status != http.StatusOK {
			return
		}
		told.grant(granted.Reference, granted.RecoveryToken)
		if _, a, err = p.Exchange(ctx, granted.RecoveryToken); err != nil || a.Status != http.StatusOK {
			return
		}
		told.redeem(granted.RecoveryToken)
	}
}

// The gateway is killed while recoveries are under way. Whatever it has answered holds afterwards: each grant is in the
// operator's list and was told to its owner, and no token is redeemed twice.
func TestSoakKillsLoseNothingThatWasAnswered(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo, Patient: true})
	p := enrolled(t, e, "alice")
	n, random := rounds(t, 30)
	for round := range n {
		told := &promised{granted: map[string]string{}, redeemed: map[string]int{}}
		ctx, stop := context.WithCancel(t.Context())
		var workers sync.WaitGroup
		for range 8 {
			workers.Go(func() { recoverUntil(ctx, p, told) })
		}
		after := time.Duration(50+random.IntN(400)) * time.Millisecond
		<-time.After(after) // the moment is what is drawn, not a condition
		e.KillCaddy()
		stop()
		workers.Wait()
		e.Client.CloseIdleConnections()
		fatal(t, e.StartCaddy(t.Context()))
		check(t, e, p, told)
		t.Logf("round %d: killed after %s, %d grants, %d redeemed", round, after, len(told.granted), len(told.redeemed))
	}
}

func check(t *testing.T, e *env.Env, p *person, told *promised) {
	t.Helper()
	var list []struct {
		Reference string `json:"reference"`
	}
	fatal(t, e.Operator(t.Context(), &list, "recoveries", "--limit", "1000"))
	known := map[string]bool{}
	for _, r := range list {
		known[r.Reference] = true
	}
	for reference, token := range told.granted {
		if !known[reference] {
			t.Errorf("grant %s was answered and is not in the list", reference)
		}
		// A notice that was being sent waits until the dead process's lease has run out.
		if _, ok := e.Hook.Await(time.Minute, func(n env.Notice) bool { return n.Type == "recovery-granted" && n.Reference == reference }); !ok {
			t.Errorf("the owner was not told of grant %s", reference)
		}
		_, a, err := p.Exchange(t.Context(), token)
		fatal(t, err)
		if a.Status == http.StatusOK {
			told.redeem(token)
		}
		if told.redeemed[token] > 1 || a.Status >= 500 {
			t.Errorf("token of %s: redeemed %d times, last answer %d", reference, told.redeemed[token], a.Status)
		}
	}
}
