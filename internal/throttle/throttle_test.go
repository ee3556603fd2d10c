package throttle

import (
	"fmt"
	"net/netip"
	"strings"
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
	return newLimiter(Config{
		PerNetwork: Rate{Burst: 3, Every: 10 * time.Second},
		PerAccount: Rate{Burst: 3, Every: 10 * time.Second},
		Clock:      clock.Now,
	}, capacity), clock
}

// drain takes tokens of the account until there are none.
func drain(t *testing.T, l *Limiter, name string) (taken int) {
	t.Helper()
	for ; taken < 1000; taken++ {
		if _, ok := l.Account(home, name); !ok {
			return taken
		}
	}
	t.Fatal("the bucket never drains")
	return 0
}

func TestBurstThenOnceInEvery(t *testing.T) {
	l, clock := testLimiter(capacity)
	if n := drain(t, l, "alice"); n != 3 {
		t.Errorf("%d let through at once, want 3", n)
	}
	clock.Advance(4 * time.Second)
	if wait, ok := l.Account(home, "alice"); ok || wait.Round(time.Millisecond) != 6*time.Second {
		t.Errorf("after 4 s: %v, %v, want to wait 6 s", wait, ok)
	}
	clock.Advance(6 * time.Second)
	if _, ok := l.Account(home, "alice"); !ok {
		t.Error("refused after the wait")
	}
	if _, ok := l.Account(home, "alice"); ok {
		t.Error("let through twice in one interval")
	}
}

func TestBeingTurnedAwayDoesNotLengthenTheWait(t *testing.T) {
	l, clock := testLimiter(capacity)
	drain(t, l, "alice")
	for range 100 {
		l.Account(home, "alice")
	}
	clock.Advance(10 * time.Second)
	if wait, ok := l.Account(home, "alice"); !ok {
		t.Errorf("still to wait %v", wait)
	}
}

func TestOneAccountDoesNotSlowAnother(t *testing.T) {
	l, _ := testLimiter(capacity)
	drain(t, l, "alice")
	if _, ok := l.Account(home, "bob"); !ok {
		t.Error("bob is refused")
	}
}

func TestANetworkIsWhatASubscriberHas(t *testing.T) {
	for _, c := range []struct{ addr, want string }{
		{"203.0.113.7", "203.0.113.0/24"},
		{"::ffff:203.0.113.7", "203.0.113.0/24"},
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
	l, _ := testLimiter(capacity)
	for i := range 3 {
		if _, ok := l.Network(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)})); !ok {
			t.Fatal("refused within the burst")
		}
	}
	if _, ok := l.Network(netip.MustParseAddr("203.0.113.200")); ok {
		t.Error("another address of the network got tokens of its own")
	}
	if _, ok := l.Network(netip.MustParseAddr("203.0.114.1")); !ok {
		t.Error("the next network is refused")
	}
}

func TestUnknownAddressesAreLimitedTogether(t *testing.T) {
	l, _ := testLimiter(capacity)
	for range 3 {
		l.Network(netip.Addr{})
	}
	if _, ok := l.Network(netip.Addr{}); ok {
		t.Error("let through without limit")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	l, _ := testLimiter(16)
	for i := range 1000 {
		l.Account(home, fmt.Sprint(i))
		l.Network(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}))
	}
	for name, n := range map[string]int{
		"accounts": len(l.accounts.byKey), "accounts in order": l.accounts.order.Len(),
		"networks": len(l.networks.byKey), "networks in order": l.networks.order.Len(),
	} {
		if n != 16 {
			t.Errorf("%s: %d, want 16", name, n)
		}
	}
}

// Idle buckets fill up, and a full bucket is as good as none.
func TestNewcomerTakesAFullBucketFirst(t *testing.T) {
	l, clock := testLimiter(4)
	for _, name := range []string{"idle", "a", "b"} {
		l.Account(home, name)
	}
	clock.Advance(10 * time.Second)
	drain(t, l, "hot")
	drain(t, l, "a")
	drain(t, l, "b")
	l.Account(home, "newcomer")
	if n := drain(t, l, "newcomer"); n != 2 {
		t.Errorf("the newcomer had %d tokens, want a full bucket of 3", n+1)
	}
	for _, name := range []string{"hot", "a", "b"} {
		if _, ok := l.Account(home, name); ok {
			t.Errorf("%s got its tokens back", name)
		}
	}
}

// An attacker who drained a bucket and then floods the limiter with names made up for it must not find the bucket
// fresh.
func TestPushingAsideGivesNoFreshTokens(t *testing.T) {
	l, _ := testLimiter(16)
	let := drain(t, l, "victim")
	for i := range 10_000 {
		if _, ok := l.Account(home, fmt.Sprintf("made-up %d", i)); ok {
			let++
		}
		if _, ok := l.Account(home, "victim"); ok {
			let++
		}
	}
	if most := 16 * 3; let > most {
		t.Errorf("%d let through while no time passed, want no more than the %d tokens of 16 buckets", let, most)
	}
}

func TestMemoryHoldsNoIdentifier(t *testing.T) {
	l, _ := testLimiter(capacity)
	l.Account(home, "alice@example.com")
	if dump := fmt.Sprintf("%+v", l.accounts.byKey); strings.Contains(dump, "alice") {
		t.Error("the identifier is kept")
	}
	other, _ := testLimiter(capacity)
	other.Account(home, "alice@example.com")
	for k := range l.accounts.byKey {
		if _, ok := other.accounts.byKey[k]; ok {
			t.Error("two processes hash an identifier alike: it could be guessed from a copy of the memory")
		}
	}
}

func TestZeroRatesMeanTheDefaults(t *testing.T) {
	l := New(Config{Clock: newClock().Now})
	if n := drain(t, l, "alice"); n != DefaultPerAccount.Burst {
		t.Errorf("%d let through, want %d", n, DefaultPerAccount.Burst)
	}
}

func TestConcurrentRequestsShareOneBurst(t *testing.T) {
	l, _ := testLimiter(capacity)
	var wg sync.WaitGroup
	results := make(chan bool, 64)
	for range cap(results) {
		wg.Go(func() {
			_, ok := l.Account(home, "alice")
			results <- ok
		})
	}
	wg.Wait()
	close(results)
	let := 0
	for ok := range results {
		if ok {
			let++
		}
	}
	if let != 3 {
		t.Errorf("%d let through, want 3", let)
	}
}

// home is where tests try from.
var home = netip.MustParsePrefix("203.0.113.0/24")

func TestAStrangersAttemptsDoNotKeepTheOwnerOut(t *testing.T) {
	l := New(Config{PerAccount: Rate{Burst: 1, Every: time.Minute}})
	stranger := netip.MustParsePrefix("198.51.100.0/24")
	for range 10 {
		l.Account(stranger, "alice")
	}
	if _, ok := l.Account(stranger, "alice"); ok {
		t.Error("the stranger is not limited")
	}
	if _, ok := l.Account(home, "alice"); !ok {
		t.Error("the owner is kept out")
	}
}
