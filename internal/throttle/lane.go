package throttle

import (
	"context"
	"net/netip"
	"sync"
)

// Lane bounds the work in hand of one kind: how many requests are inside, and how many of them compute at once. Who
// does not fit in is told so at once; nobody queues outside. Requests that are not of this kind never meet it.
type Lane struct {
	size       int
	processors chan struct{}

	mu     sync.Mutex
	inside int
	from   map[netip.Prefix]int // of inside; no site without any
}

// NewLane makes a lane for size requests, of which so many compute at once.
func NewLane(size, processors int) *Lane {
	return &Lane{size: size, processors: make(chan struct{}, processors), from: map[netip.Prefix]int{}}
}

// Enter lets a request from a [Site] in, or says at once that there is no place. From half full on, one site gets no more
// than an eighth of the places, so that it takes many to keep everybody else out. Whoever was let in calls leave once.
func (l *Lane) Enter(site netip.Prefix) (leave func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inside >= l.size || l.inside >= l.size/2 && l.from[site] >= l.size/8 {
		return nil, false
	}
	l.inside++
	l.from[site]++
	return func() { l.leave(site) }, true
}

func (l *Lane) leave(site netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inside--
	if l.from[site]--; l.from[site] == 0 {
		delete(l.from, site)
	}
}

// Compute runs work, such as checking a signature, once a processor of the lane is free. Only requests that were let in
// call it, so no more than they wait. The error is ctx's; work was not run then.
func (l *Lane) Compute(ctx context.Context, work func()) error {
	select {
	case l.processors <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-l.processors }()
	work()
	return nil
}
