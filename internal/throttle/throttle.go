// Package throttle keeps floods and guessing within bounds, so that they cost their senders and not the owners.
//
// There are three kinds of limit, and none is kept for an account: a limit that a stranger can use up for somebody else
// would keep the owner out.
//
// A [Limiter] sheds load. It lives in memory, for this process alone, in bounded space. Each network has a token bucket
// for what anybody can ask; at most 65,536 are kept. A newcomer beyond that takes over, as it is, the fullest of the few
// buckets that were idle longest. A full bucket is the same as a new one, so normally nothing is lost; and a flood of
// made-up addresses gets no fresh tokens out of pushing a drained bucket aside, because it inherits what it displaces.
// To have a bucket pushed aside at all, an attacker must use nearly every other one after it, within the time in which
// the bucket would have refilled by itself.
//
// Two [Lane]s of a Limiter bound the work in hand, whoever sends it: one for strangers, one for those who hold
// something that they were given. Strangers can fill only their own.
//
// [Guesses] counts wrong guesses of a secret in the store, exactly, for all processes and over restarts.
package throttle

import (
	"net/netip"
	"runtime"
	"sync"
	"time"
)

// Rate is how often something may be asked: Burst times at once, and then once in Every.
type Rate struct {
	Burst int
	Every time.Duration
}

// DefaultPerNetwork is in place of a zero rate.
var DefaultPerNetwork = Rate{Burst: 30, Every: 2 * time.Second}

// Config says how much is let through. Zero values mean the defaults.
type Config struct {
	PerNetwork Rate
	Clock      func() time.Time // default time.Now
}

// Limiter judges requests. It is safe for concurrent use.
type Limiter struct {
	// Strangers is the lane of what anybody can ask. It takes at most half of the processors.
	Strangers *Lane
	// Holders is the lane of what only somebody with a recovery, a token or a code can ask with success.
	Holders *Lane
	// Large is for bodies beyond the usual size, in whichever lane they are: each is memory that its sender fills as slowly as he likes.
	Large *Lane

	clock    func() time.Time
	mu       sync.Mutex
	networks *buckets[netip.Prefix]
}

const (
	capacity = 1 << 16 // buckets
	places   = 256     // requests in one lane; what takes longest in there is waiting for the disk
	spacious = 32      // of them that may be large
)

// New makes a Limiter.
func New(c Config) *Limiter {
	return newLimiter(c, capacity)
}

func newLimiter(c Config, capacity int) *Limiter {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	processors := runtime.GOMAXPROCS(0)
	return &Limiter{
		Strangers: NewLane(places, (processors+1)/2),
		Holders:   NewLane(places, processors),
		Large:     NewLane(spacious, processors),
		clock:     c.Clock,
		networks:  newBuckets[netip.Prefix](c.PerNetwork.or(DefaultPerNetwork), capacity),
	}
}

func (r Rate) or(fallback Rate) Rate {
	if r.Burst <= 0 || r.Every <= 0 {
		return fallback
	}
	return r
}

// Network takes a token of the network that addr is in. Without one left it returns false and how long to wait.
// Addresses that are not valid share one bucket.
func (l *Limiter) Network(addr netip.Addr) (retryAfter time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.networks.take(Prefix(addr), l.clock())
}

// Prefix is the network that addr counts as: what one subscriber usually has, /24 in IPv4 and /64 in IPv6. It is the
// zero Prefix for an address that is not valid.
func Prefix(addr netip.Addr) netip.Prefix { return prefix(addr, 24, 64) }

// Site is the network that addr counts as in a [Lane]: /24 in IPv4, /48 in IPv6. One customer can have all the 65,536
// networks of a /48 (RFC 6177), and would fill a lane with a request of each.
func Site(addr netip.Addr) netip.Prefix { return prefix(addr, 24, 48) }

func prefix(addr netip.Addr, bits4, bits6 int) netip.Prefix {
	bits := bits6
	if addr = addr.Unmap(); addr.Is4() {
		bits = bits4
	}
	p, err := addr.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
