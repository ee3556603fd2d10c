package oidc

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/regrant/regrant/upstream"
)

// respite is how long a provider that could not be discovered is left alone.
const respite = 3 * time.Second

// discovery asks for the provider's metadata until it came once (OpenID
// Connect Discovery, section 4). One request is under way at a time, and all
// who need it wait for that one, each as long as he likes: who gives up does
// not end it for the others, and nobody stands in line behind a provider that
// hangs.
type discovery struct {
	url, issuer string
	http        *http.Client
	now         func() time.Time

	mu   sync.Mutex
	last *inquiry // nil: none yet
}

// inquiry is one request for the metadata. Its result is there once done is
// closed.
type inquiry struct {
	done     chan struct{}
	provider *oidc.Provider
	err      error
	ended    time.Time
}

// provider returns the metadata.
func (d *discovery) provider(ctx context.Context) (*oidc.Provider, error) {
	q := d.inquire(ctx)
	select {
	case <-q.done:
		return q.provider, q.err
	case <-ctx.Done():
		return nil, fmt.Errorf("discovering %s: %w: %w", d.issuer, upstream.ErrUnavailable, ctx.Err())
	}
}

// inquire returns the inquiry that answers now: the last one as long as it is
// under way, has succeeded or has failed just now; else a new one.
func (d *discovery) inquire(ctx context.Context) *inquiry {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.last != nil && !d.last.stale(d.now()) {
		return d.last
	}
	q := &inquiry{done: make(chan struct{})}
	d.last = q
	go func() {
		defer close(q.done)
		q.provider, q.err = d.ask(context.WithoutCancel(ctx)) // the client bounds it
		q.ended = d.now()
	}()
	return q
}

// stale tells whether q failed long enough ago to ask again.
func (q *inquiry) stale(now time.Time) bool {
	select {
	case <-q.done:
		return q.err != nil && now.Sub(q.ended) >= respite
	default:
		return false
	}
}

// ask reads the document at the internal address. It names the public issuer:
// the library then compares nothing, so it is done here.
func (d *discovery) ask(ctx context.Context) (*oidc.Provider, error) {
	ctx = oidc.InsecureIssuerURLContext(oidc.ClientContext(ctx, d.http), d.issuer)
	provider, err := oidc.NewProvider(ctx, d.url)
	if err != nil {
		return nil, fmt.Errorf("discovering %s: %w: %.200v", d.issuer, upstream.ErrUnavailable, err)
	}
	var said struct {
		Issuer string `json:"issuer"`
	}
	if err := provider.Claims(&said); err != nil || said.Issuer != d.issuer {
		return nil, fmt.Errorf("discovering %s: %w: another issuer answers", d.issuer, upstream.ErrUnavailable)
	}
	return provider, nil
}
