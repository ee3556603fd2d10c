package throttle

import (
	"container/list"
	"time"

	"golang.org/x/time/rate"
)

// sample is how many of the longest idle buckets a newcomer chooses from.
const sample = 8

// buckets holds at most capacity token buckets, in the order of their use.
type buckets[K comparable] struct {
	rate     Rate
	capacity int
	byKey    map[K]*list.Element
	order    *list.List // of *bucket[K], last used in front
}

type bucket[K comparable] struct {
	key    K
	tokens *rate.Limiter
}

func newBuckets[K comparable](r Rate, capacity int) *buckets[K] {
	return &buckets[K]{rate: r, capacity: capacity, byKey: map[K]*list.Element{}, order: list.New()}
}

// take takes a token of key, or says how long until there is one.
func (b *buckets[K]) take(key K, now time.Time) (retryAfter time.Duration, ok bool) {
	r := b.find(key, now).ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now) // who is turned away does not lengthen the queue
		return wait, false
	}
	return 0, true
}

func (b *buckets[K]) find(key K, now time.Time) *rate.Limiter {
	e, ok := b.byKey[key]
	if !ok {
		e = b.vacant(now)
		e.Value.(*bucket[K]).key = key
		b.byKey[key] = e
	}
	b.order.MoveToFront(e)
	return e.Value.(*bucket[K]).tokens
}

// vacant returns a bucket without a key: a new one, or at capacity one that another key gives up.
func (b *buckets[K]) vacant(now time.Time) *list.Element {
	if b.order.Len() < b.capacity {
		return b.order.PushFront(&bucket[K]{tokens: rate.NewLimiter(rate.Every(b.rate.Every), b.rate.Burst)})
	}
	e := b.fullestOfOldest(now)
	delete(b.byKey, e.Value.(*bucket[K]).key)
	return e
}

// fullestOfOldest returns the bucket that loses least by being taken over.
func (b *buckets[K]) fullestOfOldest(now time.Time) *list.Element {
	best := b.order.Back()
	for e, n := best.Prev(), 1; e != nil && n < sample; e, n = e.Prev(), n+1 {
		if e.Value.(*bucket[K]).tokens.TokensAt(now) > best.Value.(*bucket[K]).tokens.TokensAt(now) {
			best = e
		}
	}
	return best
}
