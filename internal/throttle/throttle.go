// Package throttle slows down whoever asks too often, by network and by account.
//
// It lives in memory and in bounded space, for this process alone: it sheds load and takes the speed out of guessing.
// What must hold exactly, such as the number of wrong guesses of a code, is counted in the store by others.
//
// Each network and each account has a token bucket. At most 65,536 buckets of a kind are kept. A newcomer beyond that
// takes over, as it is, the fullest of the few buckets that were idle longest. A full bucket is the same as a new
// one, so normally nothing is lost; and a flood of made-up names gets no fresh tokens out of pushing a drained bucket
// aside, because it inherits what it displaces. To have a bucket pushed aside at all, an attacker must use nearly
// every other one after it, within the time in which the bucket would have refilled by itself.
package throttle

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"
)

// Rate is how often something may be asked: Burst times at once, and then once in Every.
type Rate struct {
	Burst int
	Every time.Duration
}

// The rates in place of zero ones.
var (
	DefaultPerNetwork = Rate{Burst: 30, Every: 2 * time.Second}
	DefaultPerAccount = Rate{Burst: 5, Every: time.Minute}
)

// Config says how much is let through. Zero values mean the defaults.
type Config struct {
	PerNetwork Rate
	PerAccount Rate
	Clock      func() time.Time // default time.Now
}

// Limiter judges requests. It is safe for concurrent use.
type Limiter struct {
	clock    func() time.Time
	secret   [32]byte
	mu       sync.Mutex
	networks *buckets[netip.Prefix]
	accounts *buckets[[sha256.Size]byte]
}

// capacity bounds the buckets of one kind.
const capacity = 1 << 16

// New makes a Limiter.
func New(c Config) *Limiter {
	return newLimiter(c, capacity)
}

func newLimiter(c Config, capacity int) *Limiter {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	l := &Limiter{
		clock:    c.Clock,
		networks: newBuckets[netip.Prefix](c.PerNetwork.or(DefaultPerNetwork), capacity),
		accounts: newBuckets[[sha256.Size]byte](c.PerAccount.or(DefaultPerAccount), capacity),
	}
	rand.Read(l.secret[:])
	return l
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

// Account takes a token of the account called identifier, as tried from network, whether or not there is such an
// account. A limit of the account alone would let any stranger keep its owner out. Only a keyed hash is kept, so that a
// copy of the memory does not tell who asked. Without a token left it returns false and how long to wait.
func (l *Limiter) Account(network netip.Prefix, identifier string) (retryAfter time.Duration, ok bool) {
	h := hmac.New(sha256.New, l.secret[:])
	h.Write([]byte(network.String() + " " + identifier)) // a prefix holds no space
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.accounts.take([sha256.Size]byte(h.Sum(nil)), l.clock())
}

// Prefix is the network that addr counts as: what one subscriber usually has, /24 in IPv4 and /64 in IPv6. It is the
// zero Prefix for an address that is not valid.
func Prefix(addr netip.Addr) netip.Prefix {
	bits := 64
	if addr = addr.Unmap(); addr.Is4() {
		bits = 24
	}
	p, err := addr.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
