package revocation

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/regrant/regrant/attest/certpath"
	"github.com/regrant/regrant/attest/revocation"
	"github.com/regrant/regrant/internal/observe"
)

const (
	parallel    = 4    // requests to the responder at once
	maxQueue    = 64   // certificates that wait to be asked about
	maxAnswers  = 4096 // certificates that are remembered
	failedPause = 10 * time.Second
)

// responder is the OCSP responder, and what it has said.
type responder struct {
	url     string
	name    string // of the URL, for the log
	fetcher *fetcher
	clock   func() time.Time
	logger  *slog.Logger

	queue chan *question
	mu    sync.Mutex
	asked map[[sha256.Size]byte]*question
}

// question is what was asked about one certificate. Only its worker writes answer and until, before done is closed.
type question struct {
	certificate, issuer *certpath.Certificate

	done   chan struct{}
	answer *revocation.Response // nil: there is none to use
	until  time.Time            // until then nobody asks again
}

func newResponder(url string, f *fetcher, clock func() time.Time, logger *slog.Logger) *responder {
	return &responder{
		url: url, name: name(url), fetcher: f, clock: clock, logger: logger,
		queue: make(chan *question, maxQueue), asked: make(map[[sha256.Size]byte]*question),
	}
}

// run asks until ctx ends.
func (r *responder) run(ctx context.Context, running *sync.WaitGroup) {
	for range parallel {
		running.Go(func() {
			for {
				select {
				case q := <-r.queue:
					r.settle(ctx, q)
				case <-ctx.Done():
					return
				}
			}
		})
	}
}

// ask returns what the responder says about certificate, and waits for it until ctx ends; nil: nothing that is to use. A
// nil responder is none.
func (r *responder) ask(ctx context.Context, certificate, issuer *certpath.Certificate) *revocation.Response {
	if r == nil {
		return nil
	}
	q := r.question(certificate, issuer)
	if q == nil {
		return nil
	}
	select {
	case <-q.done:
	case <-ctx.Done():
		return nil // the worker goes on: whoever asks next finds the answer
	}
	if !r.clock().Before(q.until) {
		return nil
	}
	return q.answer
}

// question finds the question about certificate, or puts a new one into the queue. It is nil when the queue is full.
func (r *responder) question(certificate, issuer *certpath.Certificate) *question {
	key := sha256.Sum256(slices.Concat(certificate.X509.Raw, issuer.X509.Raw)) // each says its own length (DER)
	r.mu.Lock()
	defer r.mu.Unlock()
	if q := r.asked[key]; q != nil && !q.over(r.clock()) {
		return q
	}
	q := &question{certificate: certificate, issuer: issuer, done: make(chan struct{})}
	select {
	case r.queue <- q:
	default:
		return nil
	}
	r.makeRoom()
	r.asked[key] = q
	return q
}

// over tells whether to ask again.
func (q *question) over(now time.Time) bool {
	select {
	case <-q.done:
		return !now.Before(q.until)
	default:
		return false
	}
}

// makeRoom forgets what is over and, where that is not enough, any of the others.
func (r *responder) makeRoom() {
	if len(r.asked) < maxAnswers {
		return
	}
	now := r.clock()
	for key, q := range r.asked {
		if q.over(now) {
			delete(r.asked, key)
		}
	}
	for key := range r.asked {
		if len(r.asked) < maxAnswers {
			return
		}
		delete(r.asked, key)
	}
}

// settle asks the responder once.
func (r *responder) settle(ctx context.Context, q *question) {
	defer close(q.done)
	answer, err := r.fetch(ctx, q)
	observe.OCSPAsked(err)
	if err != nil {
		q.until = r.clock().Add(failedPause)
		if ctx.Err() == nil {
			r.logger.Warn("the OCSP responder gave no answer that can be used", "url", r.name, "error", err)
		}
		return
	}
	q.answer, q.until = answer, usable(r.clock(), answer.NextUpdate())
}

// fetch returns the responder's answer if it says something about the certificate that holds now, be it good or bad.
func (r *responder) fetch(ctx context.Context, q *question) (*revocation.Response, error) {
	request, err := revocation.NewRequest(q.certificate, q.issuer)
	if err != nil {
		return nil, err
	}
	body, err := r.fetcher.post(ctx, r.url, request.DER)
	if err != nil {
		return nil, err
	}
	answer, err := revocation.ParseResponse(body)
	if err != nil {
		return nil, err
	}
	// A nonce of somebody else's request is an old answer, played again (RFC 9654 section 2).
	if err := request.Answered(answer); err != nil {
		return nil, err
	}
	status, why := revocation.Policy{Now: r.clock()}.Status(q.certificate, q.issuer, revocation.Statements{Responses: []*revocation.Response{answer}})
	if status == revocation.Unknown {
		return nil, errors.New(why)
	}
	return answer, nil
}
