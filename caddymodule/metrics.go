package caddymodule

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/regrant/regrant/internal/observe"
)

// Limits of what a scrape may cost.
const (
	scrapeTime   = 5 * time.Second
	expiringLife = 10 * time.Minute // every certificate is read for it
)

// levels reads what is shown at a scrape and counted by nobody.
type levels struct {
	runtime func() *runtime // nil while it is not open; does not open it

	mu       sync.Mutex // scrapes may overlap
	expiring map[string]int
	readAt   time.Time
}

// registerMetrics adds ours to the registry of the configuration. Every
// configuration has a new one: the counters are the process's and go on, what is
// read from the store is this app's.
func (a *App) registerMetrics(ctx caddy.Context) error {
	l := &levels{runtime: a.opener.current.Load}
	for _, c := range append(slices.Clone(observe.Collectors()), observe.LevelsOf(l.read)) {
		if err := ctx.GetMetricsRegistry().Register(c); err != nil {
			return fmt.Errorf("registering metrics: %v", err)
		}
	}
	return nil
}

func (l *levels) read() (observe.Levels, bool) {
	rt := l.runtime()
	if rt == nil {
		return observe.Levels{}, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	pending, oldest, err := rt.outbox.Waiting(ctx)
	if err != nil {
		return observe.Levels{}, false
	}
	ages, err := rt.ring.Ages(ctx)
	if err != nil {
		return observe.Levels{}, false
	}
	now := observe.Levels{Pending: pending, Oldest: oldest, Expiring: l.expire(ctx, rt), CRLAge: rt.revocation.Age(), KeyAges: map[string]time.Duration{}}
	for purpose, age := range ages {
		now.KeyAges[string(purpose)] = age
	}
	return now, true
}

// expire counts the certificates that expire soon, now and then.
func (l *levels) expire(ctx context.Context, rt *runtime) map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.expiring != nil && time.Since(l.readAt) < expiringLife {
		return l.expiring
	}
	const day = 24 * time.Hour
	counts, err := rt.accounts.Expiring(ctx, rt.db, day, 7*day, 30*day)
	if err != nil {
		return nil // shown by none rather than by an old number
	}
	l.expiring, l.readAt = map[string]int{"1d": counts[0], "7d": counts[1], "30d": counts[2]}, time.Now()
	return l.expiring
}
