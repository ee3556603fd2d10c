package kratos

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/hydra"
)

// answering is an adapter whose server is do.
func answering(t testing.TB, do func(*http.Request) *http.Response) *Adapter {
	t.Helper()
	cfg := plainConfig()
	cfg.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		resp := do(r)
		resp.Request = r
		return resp, nil
	})}
	a, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func reply(status int, text string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(text)),
	}
}

const oneIdentity = `{"id":"4b1d","state":"active","credentials":{"password":{"identifiers":["alice"]}}}`

func TestAVersionBelowTheFloorIsNotSpokenTo(t *testing.T) {
	for version, want := range map[string]error{
		`{"version":"v1.3.0"}`: nil,
		`{"version":"v1.2.0"}`: upstream.ErrTooOld,
		`{"version":null}`:     upstream.ErrUnavailable,
	} {
		a := answering(t, func(r *http.Request) *http.Response {
			if r.URL.Path == "/admin/version" {
				return reply(http.StatusOK, version)
			}
			if want != nil {
				t.Errorf("%s: asked for %s", version, r.URL.Path)
			}
			return reply(http.StatusOK, oneIdentity)
		})
		if _, err := a.State(t.Context(), "4b1d"); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", version, err, want)
		}
	}
}

func TestAGoodVersionIsAskedForOnceAndABadOneAgain(t *testing.T) {
	version, asked := "v1.2.0", 0
	a := answering(t, func(r *http.Request) *http.Response {
		if r.URL.Path == "/admin/version" {
			asked++
			return reply(http.StatusOK, `{"version":"`+version+`"}`)
		}
		return reply(http.StatusOK, oneIdentity)
	})
	for range 2 {
		if _, err := a.State(t.Context(), "4b1d"); !errors.Is(err, upstream.ErrTooOld) {
			t.Fatal(err)
		}
	}
	version = "v1.3.1" // upgraded
	for range 3 {
		if _, err := a.State(t.Context(), "4b1d"); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 3 {
		t.Errorf("asked %d times, want 3", asked)
	}
}

func TestBesideAHydraBelowItsFloorNothingIsAskedOfAnAccount(t *testing.T) {
	for version, want := range map[string]error{`{"version":"v2.3.0"}`: nil, `{"version":"v2.2.0"}`: upstream.ErrTooOld} {
		a := answering(t, func(r *http.Request) *http.Response {
			if want != nil {
				t.Errorf("%s: asked for %s", version, r.URL.Path)
			}
			if r.URL.Path == "/admin/version" {
				return reply(http.StatusOK, `{"version":"v1.3.1"}`)
			}
			return reply(http.StatusOK, oneIdentity)
		})
		var err error
		a.cfg.Hydra, err = hydra.NewAdmin("http://hydra.example", &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			resp := reply(http.StatusOK, version)
			resp.Request = r
			return resp, nil
		})})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.State(t.Context(), "4b1d"); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", version, err, want)
		}
	}
}

// A server that hangs holds up whoever asked, and nobody else.
func TestNobodyWaitsForAnothersQuestion(t *testing.T) {
	hangs, asked := make(chan struct{}), make(chan struct{}, 1)
	first := true
	a := answering(t, func(r *http.Request) *http.Response {
		if r.URL.Path == "/admin/version" && first {
			first = false
			asked <- struct{}{}
			<-hangs
		}
		if r.URL.Path == "/admin/version" {
			return reply(http.StatusOK, `{"version":"v1.3.1"}`)
		}
		return reply(http.StatusOK, oneIdentity)
	})
	ended := make(chan error, 1)
	go func() {
		_, err := a.State(context.WithoutCancel(t.Context()), "4b1d")
		ended <- err
	}()
	<-asked
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := a.State(ctx, "4b1d"); err != nil {
		t.Errorf("the second: %v", err)
	}
	close(hangs)
	if err := <-ended; err != nil {
		t.Errorf("the first: %v", err)
	}
}
