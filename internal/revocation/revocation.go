// Package revocation has at hand what an operator's CA says about revocation.
//
// A CA says it in CRLs (RFC 5280 section 5), which are fetched in the background all the time, and through an OCSP
// responder (RFC 6960), which is asked about a certificate once somebody has proved to hold its key. Where to ask, the
// operator configured: no address in a certificate is ever followed, so that no claimant can make the gateway call somebody.
//
// Whether a statement is right is judged where it is used, by [attest/revocation]; here, one that cannot be right is not
// let in, so that it does not take the place of one that is. A statement is used until its own nextUpdate
// and for at most an hour from its arrival. After that there is none, and whoever needs one cannot tell.
//
// [attest/revocation]: https://pkg.go.dev/github.com/regrant/regrant/attest/revocation
package revocation

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/regrant/regrant/attest/certpath"
)

const (
	// MaxCRLs is how many CRLs one configuration may name.
	MaxCRLs = 16
	// maxAge is how long a statement is used, whatever it says about itself.
	maxAge = time.Hour
	// patience is how long a claimant's request waits for statements that are on their way.
	patience = 3 * time.Second

	firstPause = time.Second // after a fetch that failed; doubled from failure to failure
	lastPause  = time.Minute
	doubtful   = 5 * time.Minute // after a CRL of a CA that is not known yet
)

// Config says where to ask. Every URL is http or https, without user and fragment.
type Config struct {
	CRLs []string // at most [MaxCRLs], each once
	OCSP string   // of the responder; "": none
	// Anchors are the CAs at the top. A CRL in the name of one of them is let in only with its signature.
	Anchors []*x509.Certificate
	Clock   func() time.Time
	Logger  *slog.Logger
}

// Source has the statements of one operator's CA. It is safe for concurrent use.
type Source struct {
	clock     func() time.Time
	patience  time.Duration
	crls      []*crl
	responder *responder // nil: none
	issuers   issuers
}

// New checks c. It calls nobody; [Source.Run] does.
func New(c Config) (*Source, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	f := newFetcher()
	s := &Source{clock: c.Clock, patience: patience}
	s.issuers.learn(certpath.NewAll(c.Anchors)...)
	for _, from := range c.CRLs {
		s.crls = append(s.crls, newCRL(from, f, c.Clock, &s.issuers, c.Logger))
	}
	if c.OCSP != "" {
		s.responder = newResponder(c.OCSP, f, c.Clock, c.Logger)
	}
	return s, nil
}

func (c Config) check() error {
	switch {
	case len(c.CRLs) == 0 && c.OCSP == "":
		return errors.New("neither a CRL nor an OCSP responder is named")
	case len(c.CRLs) > MaxCRLs:
		return fmt.Errorf("%d CRLs, at most %d are possible", len(c.CRLs), MaxCRLs)
	}
	for i, u := range c.CRLs {
		if err := CheckURL(u); err != nil {
			return err
		}
		if slices.Contains(c.CRLs[:i], u) {
			return fmt.Errorf("the CRL %s is named twice", u)
		}
	}
	if c.OCSP == "" {
		return nil
	}
	return CheckURL(c.OCSP)
}

// CheckURL tells what is wrong with the URL of a CRL or of a responder.
func CheckURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("%q is not usable: write an http or https URL such as http://pki.example.com/devices.crl, without user and fragment", s)
	}
	return nil
}

// name is a URL without its query, which may hold a secret.
func name(s string) string {
	before, _, _ := strings.Cut(s, "?")
	return before
}

// Run fetches until ctx ends, and then returns nil; nothing of it runs on.
func (s *Source) Run(ctx context.Context) error {
	var running sync.WaitGroup
	for _, c := range s.crls {
		running.Go(func() { c.run(ctx) })
	}
	if s.responder != nil {
		s.responder.run(ctx, &running)
	}
	running.Wait()
	return nil
}

// pauses are the waits between attempts that fail: longer and longer, and never the same on two nodes.
type pauses struct{ last time.Duration }

func (p *pauses) next() time.Duration {
	p.last = min(max(2*p.last, firstPause), lastPause)
	return jitter(p.last)
}

// jitter is d less up to a third of it, by chance.
func jitter(d time.Duration) time.Duration {
	return d - rand.N(d/3+1) //nolint:gosec // spreads load; nothing hangs on it that anybody could guess
}

// usable is how long a statement that arrived at now and holds until nextUpdate is used.
func usable(now, nextUpdate time.Time) time.Time {
	if end := now.Add(maxAge); end.Before(nextUpdate) {
		return end
	}
	return nextUpdate
}

// issuers are the CAs that are known by now: those at the top, and whoever was on a path that held.
type issuers struct {
	mu    sync.Mutex
	known []*certpath.Certificate
}

// maxIssuers bounds them. An operator's CA has a handful.
const maxIssuers = 64

func (k *issuers) learn(certs ...*certpath.Certificate) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range certs {
		if len(k.known) < maxIssuers && !slices.ContainsFunc(k.known, c.Is) {
			k.known = append(k.known, c)
		}
	}
}
