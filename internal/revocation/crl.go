package revocation

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/regrant/regrant/attest/certpath"
	"github.com/regrant/regrant/attest/revocation"
	"github.com/regrant/regrant/internal/observe"
)

// crl is one CRL, as fetched last.
type crl struct {
	url     string
	name    string // of the URL, for the log
	fetcher *fetcher
	clock   func() time.Time
	issuers *issuers
	logger  *slog.Logger

	held    atomic.Pointer[heldCRL]
	newest  []made                    // of each CA that is known; for refresh alone
	fetched atomic.Pointer[time.Time] // the last one that could be used; before that, when the source was made
	tried   chan struct{}             // closed when the first attempt is over
}

// heldCRL is a CRL that is used until a moment.
type heldCRL struct {
	statement *revocation.CRL
	authentic bool // signed by a CA that was known when it arrived
	until     time.Time
}

// made is when the newest CRL of a CA was made that was let in.
type made struct {
	issuer certpath.Name
	at     time.Time
}

func newCRL(from string, f *fetcher, clock func() time.Time, known *issuers, logger *slog.Logger) *crl {
	c := &crl{url: from, name: name(from), fetcher: f, clock: clock, issuers: known, logger: logger, tried: make(chan struct{})}
	now := clock()
	c.fetched.Store(&now)
	return c
}

// run fetches the CRL again and again: well before it is used up, and after a failure once more soon.
func (c *crl) run(ctx context.Context) {
	var failing pauses
	for first := true; ; first = false {
		wait, err := c.refresh(ctx)
		if ctx.Err() != nil {
			return
		}
		observe.CRLFetched(err)
		if err == nil {
			failing = pauses{}
		} else {
			wait = failing.next()
			c.logger.Warn("a CRL was not fetched; the last one is used until it ends", "url", c.name, "error", err)
		}
		if first {
			close(c.tried)
		}
		sleep(ctx, wait)
	}
}

// refresh fetches the CRL once, and returns when to do it again. What cannot be used leaves the last one in its place.
func (c *crl) refresh(ctx context.Context) (wait time.Duration, err error) {
	body, err := c.fetcher.get(ctx, c.url)
	if err != nil {
		return 0, err
	}
	now := c.clock()
	next, err := c.read(body, now)
	if err != nil {
		return 0, err
	}
	if err := c.follows(next, now); err != nil {
		return 0, err
	}
	c.held.Store(next)
	c.fetched.Store(&now)
	wait = jitter(next.until.Sub(now) * 3 / 4)
	if !next.authentic {
		wait = min(wait, doubtful) // by then its CA may be known, and the CRL be found to be a wrong one
	}
	return max(wait, firstPause), nil
}

// read reads DER, as RFC 5280 section 4.2.1.13 has it served, or one block of PEM.
func (c *crl) read(body []byte, now time.Time) (*heldCRL, error) {
	if block, rest := pem.Decode(body); block != nil {
		if block.Type != "X509 CRL" || len(bytes.TrimSpace(rest)) > 0 {
			return nil, errors.New("the answer is PEM, and not one CRL")
		}
		body = block.Bytes
	}
	list, err := revocation.ParseCRL(body)
	if err != nil {
		return nil, err
	}
	switch {
	case now.Before(list.ThisUpdate()):
		return nil, errors.New("the CRL is not valid yet")
	case !now.Before(list.NextUpdate()): // also one that names no such time
		return nil, errors.New("the CRL is out of date")
	}
	authentic, err := c.issuers.signed(list)
	if err != nil {
		return nil, err
	}
	return &heldCRL{list, authentic, usable(now, list.NextUpdate())}, nil
}

// current is the CRL in use; nil: there is none.
func (c *crl) current(now time.Time) *heldCRL {
	if h := c.held.Load(); h != nil && now.Before(h.until) {
		return h
	}
	return nil
}

// follows tells why next must not take the place of the last one: somebody in between could bring an old CRL back, from before a
// certificate was revoked, or another CA's, after which nothing could be told. Who holds fetches up until the last one is used up, or
// slips another CA's in between, brings no old one back by that.
func (c *crl) follows(next *heldCRL, now time.Time) error {
	if last := c.current(now); last != nil && last.authentic && !next.authentic {
		return errors.New("the CRL is that of a CA which is not known here")
	}
	c.remember()
	for _, m := range c.newest {
		if m.issuer.Equal(next.statement.Issuer()) && next.statement.ThisUpdate().Before(m.at) {
			return errors.New("the CRL is older than one that was used")
		}
	}
	return nil
}

// remember keeps how new the last CRL is. Its CA may have become known since it arrived.
func (c *crl) remember() {
	last := c.held.Load()
	if last == nil {
		return
	}
	if known, err := c.issuers.signed(last.statement); err != nil || !known {
		return
	}
	latest := made{last.statement.Issuer(), last.statement.ThisUpdate()}
	if i := slices.IndexFunc(c.newest, func(m made) bool { return m.issuer.Equal(latest.issuer) }); i >= 0 {
		c.newest[i] = latest // an older one would not have been let in
		return
	}
	c.newest = append(c.newest, latest)
}

// signed tells whether a CA that is known signed list. A list in the name of one that is known, and which it did not
// sign, is an error. The CA behind another list may show up yet; whether it is the right one is judged when the list is used.
func (k *issuers) signed(list *revocation.CRL) (bool, error) {
	k.mu.Lock()
	known := slices.Clone(k.known)
	k.mu.Unlock()
	if slices.ContainsFunc(known, list.SignedBy) {
		return true, nil
	}
	if slices.ContainsFunc(known, func(ca *certpath.Certificate) bool { return ca.Subject.Equal(list.Issuer()) }) {
		return false, errors.New("the CRL is not signed by the CA that it names")
	}
	return false, nil
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
