package throttle

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
)

func enter(t *testing.T, l *Lane, from netip.Addr) (leave func()) {
	t.Helper()
	leave, ok := l.Enter(Prefix(from))
	if !ok {
		t.Fatal("turned away while there was a place")
	}
	return leave
}

func TestAFullLaneTurnsAwayAtOnceAndLetsInAgain(t *testing.T) {
	l := NewLane(16, 1)
	leave := enter(t, l, subscriber(0))
	for i := range 15 {
		enter(t, l, subscriber(i+1))
	}
	if _, ok := l.Enter(Prefix(subscriber(99))); ok {
		t.Error("a seventeenth was let in")
	}
	leave()
	enter(t, l, subscriber(99))
}

// flooded is how many requests of 10,000 get into the strangers' lane, each from another network, that many networks apart.
func flooded(l *Limiter, apart int) (inside int) {
	for i := range 10_000 {
		from := subscriber(i * apart)
		if _, ok := l.Network(from); ok {
			if _, ok := l.Strangers.Enter(Site(from)); ok {
				inside++
			}
		}
	}
	return inside
}

// An attacker who comes from another /48 with each request gets by the limit of a network, and not by this one.
func TestAnAttackerOfManyNetworksMeetsTheLane(t *testing.T) {
	l := New(Config{})
	if inside := flooded(l, 1<<16); inside != places {
		t.Errorf("%d requests inside at once, want %d", inside, places)
	}
	if _, ok := l.Holders.Enter(Site(home)); !ok {
		t.Error("strangers took the place of a holder")
	}
}

// A customer of IPv6 has thousands of /64 for nothing.
func TestAnAttackerWhoChangesHisNetworkWithinASiteFillsHalfALane(t *testing.T) {
	l := New(Config{})
	if inside := flooded(l, 1); inside != places/2 {
		t.Errorf("%d requests inside at once, want %d", inside, places/2)
	}
	if _, ok := l.Strangers.Enter(Site(home)); !ok {
		t.Error("one site keeps others out")
	}
}

func TestOneNetworkNeverFillsALane(t *testing.T) {
	l := NewLane(16, 1)
	for range 8 {
		enter(t, l, away) // alone, it may have half
	}
	if _, ok := l.Enter(Prefix(away)); ok {
		t.Error("one network has more than half of the lane")
	}
	for i := range 8 {
		enter(t, l, subscriber(i))
	}
}

func TestANetworkThatLeftIsForgotten(t *testing.T) {
	l := NewLane(16, 1)
	for i := range 1000 {
		enter(t, l, subscriber(i))()
	}
	if len(l.from) != 0 || l.inside != 0 {
		t.Errorf("%d networks, %d requests are remembered", len(l.from), l.inside)
	}
}

func TestNoMoreComputeAtOnceThanTheLaneHasProcessors(t *testing.T) {
	l := NewLane(64, 2)
	var now, most atomic.Int32
	var wg, meet sync.WaitGroup
	meet.Add(2)
	for i := range 50 {
		wg.Go(func() {
			err := l.Compute(t.Context(), func() {
				n := now.Add(1)
				for seen := most.Load(); n > seen && !most.CompareAndSwap(seen, n); seen = most.Load() {
				}
				if i < 2 { // both of the lane's processors can be had
					meet.Done()
					meet.Wait()
				}
				now.Add(-1)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most.Load() > 2 {
		t.Errorf("%d computed at once, want at most 2", most.Load())
	}
}

func TestWhoLeftBeforeHisTurnIsNotComputedFor(t *testing.T) {
	l := NewLane(4, 1)
	busy, done := make(chan struct{}), make(chan struct{})
	go func() { _ = l.Compute(context.Background(), func() { close(busy); <-done }) }()
	<-busy
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Compute(ctx, func() { t.Error("computed") }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(done)
	if err := l.Compute(t.Context(), func() {}); err != nil {
		t.Error(err)
	}
}

func TestAPanicGivesTheProcessorBack(t *testing.T) {
	l := NewLane(4, 1)
	func() {
		defer func() { _ = recover() }()
		_ = l.Compute(t.Context(), func() { panic("in a parser") })
	}()
	if err := l.Compute(t.Context(), func() {}); err != nil {
		t.Error(err)
	}
}
