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

	mu       sync.Mutex                // scrapes may overlap
	expiring map[string]map[string]int // by upstream
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

func (l *levels) read() (now observe.Levels, open bool) {
	rt := l.runtime()
	if rt == nil {
		return now, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	now = observe.Levels{CRLAge: rt.revocation.Age(), Upstreams: map[string]observe.UpstreamLevels{}}
	for _, s := range rt.realms {
		own, err := s.levels(ctx)
		if err != nil {
			return now, false
		}
		now.Upstreams[s.realm.name] = own
	}
	for name, counts := range l.expire(ctx, rt) {
		own := now.Upstreams[name]
		own.Expiring = counts
		now.Upstreams[name] = own
	}
	return now, true
}

func (s *serving) levels(ctx context.Context) (now observe.UpstreamLevels, err error) {
	if now.Pending, now.Oldest, err = s.outbox.Waiting(ctx); err != nil {
		return now, err
	}
	ages, err := s.ring.Ages(ctx)
	now.KeyAges = make(map[string]time.Duration, len(ages))
	for purpose, age := range ages {
		now.KeyAges[string(purpose)] = age
	}
	return now, err
}

// expire counts the certificates that expire soon, now and then.
func (l *levels) expire(ctx context.Context, rt *runtime) map[string]map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.expiring != nil && time.Since(l.readAt) < expiringLife {
		return l.expiring
	}
	const day = 24 * time.Hour
	read := make(map[string]map[string]int, len(rt.realms))
	for _, s := range rt.realms {
		counts, err := s.accounts.Expiring(ctx, s.db, day, 7*day, 30*day)
		if err != nil {
			return nil // shown by none rather than by an old number
		}
		read[s.realm.name] = map[string]int{"1d": counts[0], "7d": counts[1], "30d": counts[2]}
	}
	l.expiring, l.readAt = read, time.Now()
	return read
}
