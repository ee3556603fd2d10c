package revocation

import (
	"context"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/certpath"
)

// withCRL is a world whose source has fetched a CRL that is good for a day.
func withCRL(t testing.TB) (*world, *crl) {
	t.Helper()
	w := newWorld(t, func(url string) Config { return Config{CRLs: []string{url}} })
	c := w.source.crls[0]
	if age := w.source.Age(); age != 0 {
		t.Errorf("age %v at the start", age)
	}
	w.answer(body(w.crl(start.Add(-time.Hour), start.Add(24*time.Hour), w.ca.Key)))
	if _, err := c.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w, c
}

func TestCRLIsUsedForAnHourAtMost(t *testing.T) {
	w, c := withCRL(t)
	for after, want := range map[time.Duration]bool{0: true, maxAge - time.Second: true, maxAge: false, 2 * maxAge: false} {
		if got := c.current(start.Add(after)) != nil; got != want {
			t.Errorf("%v after it was fetched: used is %v", after, got)
		}
	}
	if w.source.crls[0].held.Load().statement == nil {
		t.Error("there is nothing to judge")
	}
}

func TestAgeIsThatOfTheLastFetchThatWorked(t *testing.T) {
	w, c := withCRL(t)
	w.at(start.Add(time.Minute))
	w.answer(body(nil))
	if _, err := c.refresh(t.Context()); err == nil || w.source.Age() != time.Minute {
		t.Errorf("age %v, error %v", w.source.Age(), err)
	}
	w.answer(body(w.crl(start, start.Add(time.Hour), w.ca.Key)))
	if _, err := c.refresh(t.Context()); err != nil || w.source.Age() != 0 {
		t.Errorf("age %v, error %v", w.source.Age(), err)
	}
	if (*Source)(nil).Age() != 0 {
		t.Error("nothing has an age")
	}
}

func TestCRLIsUsedUntilItsNextUpdateAtMost(t *testing.T) {
	w, c := withCRL(t)
	w.answer(body(w.crl(start, start.Add(10*time.Minute), w.ca.Key)))
	wait, err := c.refresh(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if wait > 8*time.Minute || wait < 4*time.Minute {
		t.Errorf("the next is fetched after %v, and this one ends after 10 minutes", wait)
	}
	if c.current(start.Add(10*time.Minute)) != nil {
		t.Error("used beyond its nextUpdate")
	}
}

func TestWhatCannotBeUsedLeavesTheLastCRLInPlace(t *testing.T) {
	w, c := withCRL(t)
	other := attesttest.NewCA(t)
	good := w.crl(start, start.Add(time.Hour), w.ca.Key)
	for name, answer := range map[string]http.HandlerFunc{
		"nothing":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
		"no CRL":        body([]byte("<html>")),
		"half a CRL":    body(good[:len(good)/2]),
		"two CRLs":      body(append(pemCRL(good), pemCRL(good)...)),
		"other PEM":     body(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: good})),
		"out of date":   body(w.crl(start.Add(-time.Hour), start, w.ca.Key)),
		"not valid yet": body(w.crl(start.Add(time.Second), start.Add(time.Hour), w.ca.Key)),
		"an older one":  body(w.crl(start.Add(-2*time.Hour), start.Add(time.Hour), w.ca.Key)),
		"a forged one":  body(w.crl(start, start.Add(time.Hour), other.Key)),
		"another CA's":  body(crlOf(t, other.Certificate, start, start.Add(time.Hour), other.Key)),
		"a cut-off body": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "999999")
			_, _ = w.Write(good)
		},
	} {
		before := c.held.Load()
		w.answer(answer)
		if _, err := c.refresh(t.Context()); err == nil {
			t.Errorf("%s was let in", name)
		}
		if c.held.Load() != before {
			t.Errorf("%s took the place of a good CRL", name)
		}
	}
	first := w.ca.CRL(t, start, func(l *attesttest.CRL) { l.Version, l.Extensions, l.ThisUpdate = -1, nil, start })
	for name, answer := range map[string][]byte{"DER": good, "PEM": pemCRL(good), "version 1": first} {
		w.answer(body(answer))
		if _, err := c.refresh(t.Context()); err != nil {
			t.Errorf("a good CRL in %s: %v", name, err)
		}
	}
}

// Whoever is in between holds fetches up until nothing is in use, or slips another CA's CRL in, and then brings the old one.
func TestAnOldCRLNeverComesBack(t *testing.T) {
	other := attesttest.NewCA(t)
	late := start.Add(2 * maxAge)
	end := late.Add(time.Hour)
	for name, between := range map[string]func(*world) []byte{
		"after a gap":        nil,
		"after a stranger's": func(*world) []byte { return crlOf(t, other.Certificate, start, end, other.Key) },
		"after another known CA's": func(w *world) []byte {
			w.source.issuers.learn(parsed(t, other.Certificate))
			return crlOf(t, other.Certificate, start, end, other.Key)
		},
	} {
		w, c := withCRL(t)
		old := w.crl(start.Add(-2*time.Hour), end, w.ca.Key)
		w.at(late)
		if between != nil {
			w.answer(body(between(w)))
			if _, err := c.refresh(t.Context()); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		w.answer(body(old))
		if _, err := c.refresh(t.Context()); err == nil {
			t.Errorf("%s, an old CRL is let in", name)
		}
		w.answer(body(w.crl(start, end, w.ca.Key)))
		if _, err := c.refresh(t.Context()); err != nil {
			t.Errorf("%s, a newer one: %v", name, err)
		}
	}
}

func TestAnOldCRLOfACAThatBecameKnownMeanwhileNeverComesBack(t *testing.T) {
	w, _ := withCRL(t)
	below := w.ca.Intermediate(t, nil)
	c := newCRL(w.server.URL, newFetcher(), w.clock, &w.source.issuers, slog.New(slog.DiscardHandler))
	w.answer(body(crlOf(t, below.Certificate, start, start.Add(time.Hour), below.Key)))
	if _, err := c.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.source.issuers.learn(parsed(t, below.Certificate))
	w.answer(body(crlOf(t, below.Certificate, start.Add(-time.Hour), start.Add(time.Hour), below.Key)))
	if _, err := c.refresh(t.Context()); err == nil {
		t.Error("an old CRL is let in")
	}
}

func pemCRL(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}) }

func TestCRLOfACAThatIsNotKnownYetIsLookedAtAgainSoon(t *testing.T) {
	w, _ := withCRL(t)
	below := w.ca.Intermediate(t, nil)
	c := newCRL(w.server.URL, newFetcher(), w.clock, &w.source.issuers, slog.New(slog.DiscardHandler))
	w.answer(body(crlOf(t, below.Certificate, start, start.Add(time.Hour), below.Key)))
	wait, err := c.refresh(t.Context())
	if err != nil || wait > doubtful {
		t.Errorf("looked at again after %v: %v", wait, err)
	}
	w.source.issuers.learn(parsed(t, below.Certificate))
	if wait, err = c.refresh(t.Context()); err != nil || wait <= doubtful {
		t.Errorf("now that it is known: %v, %v", wait, err)
	}
}

func TestFetchingGoesOnUntilItIsEndedAndSoonerAfterAFailure(t *testing.T) {
	w, _ := withCRL(t)
	var failures atomic.Int32
	good := w.crl(start, start.Add(time.Hour), w.ca.Key)
	w.answer(func(out http.ResponseWriter, _ *http.Request) {
		if failures.Add(1) < 3 {
			out.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = out.Write(good)
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- w.source.Run(ctx) }()
	deadline := time.After(20 * time.Second)
	for failures.Load() < 3 {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatal("not fetched again")
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestPausesGrowAndEnd(t *testing.T) {
	var p pauses
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		want *= time.Second
		if got := p.next(); got > want || got < want*2/3-time.Millisecond {
			t.Errorf("pause %d is %v, want up to a third less than %v", i, got, want)
		}
	}
}

func TestClaimantWaitsForTheFirstFetchAndNotForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Source{clock: time.Now, patience: patience, crls: []*crl{newCRL("", nil, time.Now, new(issuers), nil)}}
		begin := time.Now()
		if held := s.Statements(certpath.Path{nil}); len(held.CRLs) != 0 {
			t.Error("a CRL from nowhere")
		}
		if took := time.Since(begin); took != patience {
			t.Errorf("waited for %v", took)
		}
		close(s.crls[0].tried)
		begin = time.Now()
		s.Statements(certpath.Path{nil})
		if took := time.Since(begin); took != 0 {
			t.Errorf("waited for %v after the first fetch has failed", took)
		}
	})
}

func TestConfigurationThatSaysNothingOrTooMuchIsRefused(t *testing.T) {
	many := make([]string, MaxCRLs+1)
	for i := range many {
		many[i] = "http://pki.example.com/" + big.NewInt(int64(i)).String()
	}
	for name, c := range map[string]Config{
		"nothing":    {},
		"twice":      {CRLs: []string{"http://pki.example.com/a", "http://pki.example.com/a"}},
		"too many":   {CRLs: many},
		"ldap":       {CRLs: []string{"ldap://pki.example.com/"}},
		"file":       {CRLs: []string{"file:///etc/passwd"}},
		"a password": {OCSP: "http://user:word@pki.example.com/"},
		"a fragment": {OCSP: "http://pki.example.com/#a"},
		"no host":    {OCSP: "http:///ocsp"},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s was let through", name)
		}
	}
}

func FuzzWhatIsLetInEndsInTime(f *testing.F) {
	w, c := withCRL(f)
	good := w.crl(start, start.Add(time.Hour), w.ca.Key)
	other := attesttest.NewCA(f)
	f.Add(good)
	f.Add(pemCRL(good))
	f.Add(append(pemCRL(good), pemCRL(good)...))
	f.Add(good[:len(good)-1])
	f.Add(crlOf(f, other.Certificate, start, start.Add(24*time.Hour), other.Key))
	f.Add([]byte("-----BEGIN X509 CRL-----\n-----END X509 CRL-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := c.read(data, start)
		if err != nil {
			if h != nil {
				t.Fatal("a CRL beside an error")
			}
			return
		}
		if h.statement == nil || !h.until.After(start) || h.until.After(start.Add(maxAge)) {
			t.Fatalf("used until %v", h.until)
		}
	})
}
