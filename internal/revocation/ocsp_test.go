package revocation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/revocation"
)

// withOCSP is a world with a responder that answers well, and whose source runs.
func withOCSP(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, func(url string) Config { return Config{OCSP: url} })
	w.answer(w.respond(nil, w.ca.Key, echoNonce))
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = w.source.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return w
}

// status is what the judge makes of the statements on w's path.
func (w *world) status() revocation.Status {
	s, _ := revocation.Policy{Now: w.clock()}.Status(w.path[0], w.path[1], w.source.Statements(w.path))
	return s
}

func TestResponderIsAskedOnceAndHeardForAnHour(t *testing.T) {
	w := withOCSP(t)
	for _, after := range []time.Duration{0, time.Minute, maxAge - time.Second} {
		w.at(start.Add(after))
		if got := w.status(); got != revocation.Good {
			t.Fatalf("after %v: status %d", after, got)
		}
	}
	if n := w.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	w.at(start.Add(maxAge))
	w.answer(w.respond(func(r *ocsp.Response) { r.Status, r.RevokedAt = ocsp.Revoked, start }, w.ca.Key, echoNonce))
	if got := w.status(); got != revocation.Revoked {
		t.Errorf("after an hour: status %d", got)
	}
}

func TestAnswerIsHeardUntilItsNextUpdateAtMost(t *testing.T) {
	w := withOCSP(t)
	w.answer(w.respond(func(r *ocsp.Response) { r.NextUpdate = w.clock().Add(time.Minute) }, w.ca.Key, echoNonce))
	if got := w.status(); got != revocation.Good {
		t.Fatalf("status %d", got)
	}
	w.at(start.Add(time.Minute))
	if len(w.source.Statements(w.path).Responses) != 1 || w.asked.Load() != 2 {
		t.Errorf("asked %d times", w.asked.Load())
	}
}

func TestResponderWithoutNoncesIsHeard(t *testing.T) {
	w := withOCSP(t)
	w.answer(w.respond(nil, w.ca.Key, noNonce))
	if got := w.status(); got != revocation.Good {
		t.Errorf("status %d", got)
	}
}

func TestAnswerThatDoesNotHoldIsNoneAndIsAskedForAgainAfterAPause(t *testing.T) {
	other := attesttest.NewKey(t)
	for name, answer := range map[string]func(*world) http.HandlerFunc{
		"another request's": func(w *world) http.HandlerFunc { return w.respond(nil, w.ca.Key, anotherNonce) },
		"forged":            func(w *world) http.HandlerFunc { return w.respond(nil, other, echoNonce) },
		"out of date": func(w *world) http.HandlerFunc {
			return w.respond(func(r *ocsp.Response) { r.NextUpdate = start }, w.ca.Key, echoNonce)
		},
		"not valid yet": func(w *world) http.HandlerFunc {
			return w.respond(func(r *ocsp.Response) { r.ThisUpdate = start.Add(time.Minute) }, w.ca.Key, echoNonce)
		},
		"without a nextUpdate": func(w *world) http.HandlerFunc {
			return w.respond(func(r *ocsp.Response) { r.NextUpdate = time.Time{} }, w.ca.Key, echoNonce)
		},
		"about another certificate": func(w *world) http.HandlerFunc {
			return w.respond(func(r *ocsp.Response) { r.SerialNumber = w.ca.Certificate.SerialNumber }, w.ca.Key, echoNonce)
		},
		"unknown": func(w *world) http.HandlerFunc {
			return w.respond(func(r *ocsp.Response) { r.Status = ocsp.Unknown }, w.ca.Key, echoNonce)
		},
		"try later":   func(*world) http.HandlerFunc { return body(ocsp.TryLaterErrorResponse) },
		"no response": func(*world) http.HandlerFunc { return body([]byte("<html>")) },
		"nothing":     func(*world) http.HandlerFunc { return body(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			w := withOCSP(t)
			w.answer(answer(w))
			for range 3 {
				if held := w.source.Statements(w.path); len(held.Responses) != 0 {
					t.Fatal("was let in")
				}
			}
			if n := w.asked.Load(); n != 1 {
				t.Errorf("asked %d times at once", n)
			}
			w.at(start.Add(failedPause))
			w.answer(w.respond(nil, w.ca.Key, echoNonce))
			if got := w.status(); got != revocation.Good {
				t.Errorf("after a pause: status %d", got)
			}
		})
	}
}

func TestManyWhoAskAtOnceAreOneQuestion(t *testing.T) {
	w := withOCSP(t)
	arrived, answer := make(chan struct{}), make(chan struct{})
	respond := w.respond(nil, w.ca.Key, echoNonce)
	w.answer(func(out http.ResponseWriter, r *http.Request) {
		close(arrived) // a second request would panic
		<-answer
		respond(out, r)
	})
	var good atomic.Int32
	var asking sync.WaitGroup
	for range 20 {
		asking.Go(func() {
			if w.status() == revocation.Good {
				good.Add(1)
			}
		})
	}
	<-arrived
	close(answer)
	if asking.Wait(); good.Load() != 20 {
		t.Errorf("%d of 20 were told", good.Load())
	}
}

func TestClaimantDoesNotWaitForASlowResponderButTheNextOneIsTold(t *testing.T) {
	w := withOCSP(t)
	w.source.patience = 50 * time.Millisecond
	answer := make(chan struct{})
	respond := w.respond(nil, w.ca.Key, echoNonce)
	w.answer(func(out http.ResponseWriter, r *http.Request) {
		<-answer
		respond(out, r)
	})
	if got := w.status(); got != revocation.Unknown {
		t.Errorf("status %d", got)
	}
	close(answer)
	w.source.patience = patience
	if got := w.status(); got != revocation.Good || w.asked.Load() != 1 {
		t.Errorf("status %d after %d requests", got, w.asked.Load())
	}
}

func TestFullQueueTellsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newQuiet(t)
		r := w.source.responder
		for range maxQueue {
			if r.question(w.path[0], parsed(t, w.ca.Device(t, nil).Certificate)) == nil {
				t.Fatal("the queue is full too early")
			}
		}
		begin := time.Now()
		if r.ask(t.Context(), w.path[0], w.path[1]) != nil || time.Since(begin) != 0 {
			t.Error("waited for a place")
		}
	})
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	w := newQuiet(t)
	r := w.source.responder
	for i := range maxAnswers {
		q := &question{done: make(chan struct{}), until: start.Add(time.Hour)}
		close(q.done)
		r.asked[sha256.Sum256([]byte{byte(i), byte(i >> 8)})] = q
	}
	if r.question(w.path[0], w.path[1]) == nil || len(r.asked) > maxAnswers {
		t.Errorf("%d are remembered", len(r.asked))
	}
}

func TestLogNamesTheServerAndNeitherSecretNorCertificate(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, func(url string) Config { return Config{OCSP: url + "?key=secret"} })
	w.source.responder.logger = slog.New(slog.NewTextHandler(&log, nil))
	w.answer(body([]byte("no")))
	q := w.source.responder.question(w.path[0], w.path[1])
	w.source.responder.settle(t.Context(), q)
	if text := log.String(); !strings.Contains(text, w.server.URL) || strings.Contains(text, "secret") || strings.Contains(text, w.path[0].X509.Subject.CommonName) {
		t.Errorf("the log says %q", text)
	}
}
