package oidc_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/oidc"
)

func TestTheProviderIsAskedOnceAndNotBeforeItIsNeeded(t *testing.T) {
	p := newProvider(t)
	a := p.adapter(t)
	if n := p.discovery.Load(); n != 0 {
		t.Fatalf("asked %d times before it was needed", n)
	}
	for range 3 {
		_, err := a.LoginURL(t.Context(), login)
		must(t, err)
	}
	if n := p.discovery.Load(); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
}

func TestAProviderThatFailedIsAskedAgainAfterAWhile(t *testing.T) {
	p := newProvider(t)
	good := p.metadata
	p.metadata = map[string]any{"issuer": "https://elsewhere.example"}
	var later atomic.Int64
	a, err := oidc.New(oidc.Config{
		URL: p.URL, PublicURL: issuer, ClientID: "gateway", ClientSecret: "secret",
		Clock: func() time.Time { return time.Now().Add(time.Duration(later.Load())) },
	})
	must(t, err)
	for range 3 {
		if address, err := a.LoginURL(t.Context(), login); !errors.Is(err, upstream.ErrUnavailable) || address != "" {
			t.Errorf("login at %q, which another issuer named: %v", address, err)
		}
	}
	if n := p.discovery.Load(); n != 1 {
		t.Errorf("asked %d times within a moment, want once", n)
	}
	p.metadata = good
	later.Store(int64(5 * time.Second))
	_, err = a.LoginURL(t.Context(), login)
	must(t, err)
}

func TestNobodyStandsInLineBehindAProviderThatHangs(t *testing.T) {
	p := newProvider(t)
	p.hangs = make(chan struct{})
	a := p.adapter(t)
	impatient, leave := context.WithCancel(t.Context())
	answers := make(chan error)
	ask := func(ctx context.Context) {
		go func() {
			_, err := a.LoginURL(ctx, login)
			answers <- err
		}()
	}
	ask(impatient) // the one for whom the provider is asked
	ask(impatient)
	leave()
	for range 2 {
		if err := <-answers; !errors.Is(err, upstream.ErrUnavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("who left: %v, want unavailable", err)
		}
	}
	ask(t.Context())
	ask(t.Context())
	close(p.hangs)
	for range 2 {
		if err := <-answers; err != nil {
			t.Errorf("who stayed: %v", err)
		}
	}
	if n := p.discovery.Load(); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
}
