package throttle

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"
)

// testClock stands still until it is moved.
type testClock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *testClock {
	return &testClock{now: time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)}
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func testLimiter(capacity int) (*Limiter, *testClock) {
	clock := newClock()
	return newLimiter(Config{PerNetwork: Rate{Burst: 3, Every: 10 * time.Second}, Clock: clock.Now}, capacity), clock
}

// subscriber is an address in the nth /64.
func subscriber(n int) netip.Addr {
	a := [16]byte{0: 0x20, 1: 0x01, 15: 1}
	binary.BigEndian.PutUint32(a[4:], uint32(n))
	return netip.AddrFrom16(a)
}

// home and away are two networks.
var home, away = subscriber(1 << 30), subscriber(1<<30 + 1)

// drain takes tokens of the network until there are none.
func drain(t *testing.T, l *Limiter, addr netip.Addr) (taken int) {
	t.Helper()
	for ; taken < 1000; taken++ {
		if _, ok := l.Network(addr); !ok {
			return taken
		}
	}
	t.Fatal("the bucket never drains")
	return 0
}

func TestBurstThenOnceInEvery(t *testing.T) {
	l, clock := testLimiter(capacity)
	if n := drain(t, l, home); n != 3 {
		t.Errorf("%d let through at once, want 3", n)
	}
	clock.Advance(4 * time.Second)
	if wait, ok := l.Network(home); ok || wait.Round(time.Millisecond) != 6*time.Second {
		t.Errorf("after 4 s: %v, %v, want to wait 6 s", wait, ok)
	}
	clock.Advance(6 * time.Second)
	if _, ok := l.Network(home); !ok {
		t.Error("refused after the wait")
	}
	if _, ok := l.Network(home); ok {
		t.Error("let through twice in one interval")
	}
}

func TestBeingTurnedAwayDoesNotLengthenTheWait(t *testing.T) {
	l, clock := testLimiter(capacity)
	drain(t, l, home)
	for range 100 {
		l.Network(home)
	}
	clock.Advance(10 * time.Second)
	if wait, ok := l.Network(home); !ok {
		t.Errorf("still to wait %v", wait)
	}
}

func TestOneNetworkDoesNotSlowAnother(t *testing.T) {
	l, _ := testLimiter(capacity)
	drain(t, l, home)
	if _, ok := l.Network(away); !ok {
		t.Error("the other network is refused")
	}
}

func TestANetworkIsWhatASubscriberHas(t *testing.T) {
	for _, c := range []struct{ addr, want string }{
		{"203.0.113.7", "203.0.113.0/24"},
		{"::ffff:203.0.113.7", "203.0.113.0/24"},
		{"::ffff:203.0.113.7%eth0", "203.0.113.0/24"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		{"fe80::1%eth0", "fe80::/64"},
	} {
		if got := Prefix(netip.MustParseAddr(c.addr)).String(); got != c.want {
			t.Errorf("%s is in %s, want %s", c.addr, got, c.want)
		}
	}
	if Prefix(netip.Addr{}).IsValid() {
		t.Error("no address is in a network")
	}
}

func TestAddressesOfOneNetworkShareABucket(t *testing.T) {
	for name, addrs := range map[string][4]string{
		"IPv4":        {"203.0.113.0", "203.0.113.1", "203.0.113.77", "203.0.113.255"},
		"IPv4-mapped": {"203.0.113.0", "::ffff:203.0.113.1", "203.0.113.2", "::ffff:203.0.113.3"},
		"IPv6":        {"2001:db8::", "2001:db8::1", "2001:db8::ffff:0:1", "2001:db8::ffff:ffff:ffff:ffff"},
		"zones":       {"fe80::1%a", "fe80::1%b", "fe80::1%c", "fe80::2"},
	} {
		l, _ := testLimiter(capacity)
		for i, addr := range addrs {
			if _, ok := l.Network(netip.MustParseAddr(addr)); ok != (i < 3) {
				t.Errorf("%s: %s let through: %v", name, addr, ok)
			}
		}
	}
}

func TestUnknownAddressesAreLimitedTogether(t *testing.T) {
	l, _ := testLimiter(capacity)
	if n := drain(t, l, netip.Addr{}); n != 3 {
		t.Errorf("%d let through, want 3", n)
	}
}

// An attacker with a /44 has a million subscribers' networks.
func TestAMillionNetworksTakeLittleMemory(t *testing.T) {
	l := New(Config{})
	before := heap()
	for i := range 1_000_000 {
		l.Network(subscriber(i))
	}
	grown := heap() - before
	if len(l.networks.byKey) != capacity || l.networks.order.Len() != capacity {
		t.Errorf("%d buckets, %d in order, want %d", len(l.networks.byKey), l.networks.order.Len(), capacity)
	}
	t.Logf("%d KiB for %d buckets", grown>>10, capacity)
	if grown > 32<<20 {
		t.Errorf("the limiter holds %d MiB", grown>>20)
	}
	runtime.KeepAlive(l)
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// Idle buckets fill up, and a full bucket is as good as none.
func TestNewcomerTakesAFullBucketFirst(t *testing.T) {
	l, clock := testLimiter(4)
	const idle, a, b, hot, newcomer = 0, 1, 2, 3, 4
	for _, n := range []int{idle, a, b} {
		l.Network(subscriber(n))
	}
	clock.Advance(10 * time.Second)
	for _, n := range []int{hot, a, b} {
		drain(t, l, subscriber(n))
	}
	if n := drain(t, l, subscriber(newcomer)); n != 3 {
		t.Errorf("the newcomer had %d tokens, want a full bucket of 3", n)
	}
	for _, n := range []int{hot, a, b} {
		if _, ok := l.Network(subscriber(n)); ok {
			t.Errorf("%d got its tokens back", n)
		}
	}
}

// An attacker who drained a bucket and then floods the limiter with addresses made up for it must not find the bucket
// fresh.
func TestPushingAsideGivesNoFreshTokens(t *testing.T) {
	l, _ := testLimiter(16)
	let := drain(t, l, home)
	for i := range 10_000 {
		if _, ok := l.Network(subscriber(i)); ok {
			let++
		}
		if _, ok := l.Network(home); ok {
			let++
		}
	}
	if most := 16 * 3; let > most {
		t.Errorf("%d let through while no time passed, want no more than the %d tokens of 16 buckets", let, most)
	}
}

func TestZeroRatesMeanTheDefaults(t *testing.T) {
	l := New(Config{Clock: newClock().Now})
	if n := drain(t, l, home); n != DefaultPerNetwork.Burst {
		t.Errorf("%d let through, want %d", n, DefaultPerNetwork.Burst)
	}
}

func TestConcurrentRequestsShareOneBurst(t *testing.T) {
	l, _ := testLimiter(capacity)
	let := make(chan bool, 64)
	var wg sync.WaitGroup
	for range cap(let) {
		wg.Go(func() {
			if _, ok := l.Network(home); ok {
				let <- true
			}
		})
	}
	wg.Wait()
	if len(let) != 3 {
		t.Errorf("%d let through, want 3", len(let))
	}
}
