package integration

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/story"
)

func TestTheStoryHoldsInFrontOfTheDemoIdentityProvider(t *testing.T) {
	tell(t, own(t, env.Options{IdP: env.Demo}))
}

func TestTheStoryHoldsInFrontOfARealKeycloak(t *testing.T) {
	tell(t, own(t, env.Options{IdP: env.Keycloak}))
}

// The operator's part is told of this one: the commands have tests of their own.
func TestTheStoryHoldsInFrontOfARealKratos(t *testing.T) {
	e := own(t, env.Options{IdP: env.Kratos, Site: story.GoodSite})
	tell(t, e)
	var transcript bytes.Buffer
	if err := story.New(e, &transcript).Operate(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, transcript.String())
	}
}

func TestTheStoryHoldsInFrontOfARealHydra(t *testing.T) {
	tell(t, own(t, env.Options{IdP: env.Hydra}))
}

func TestTheStoryHoldsInFrontOfARealKratosThatIsTheLoginOfAHydra(t *testing.T) {
	tell(t, own(t, env.Options{IdP: env.KratosHydra}))
}

func tell(t *testing.T, e *env.Env) {
	t.Helper()
	var transcript bytes.Buffer
	if err := story.New(e, &transcript).Run(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, transcript.String())
	}
	t.Log(transcript.String())
}

// lenient answers as a gateway would that had let the attempt through: whatever was refused comes back as accepted.
type lenient struct{ inner http.RoundTripper }

func (l lenient) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.inner.RoundTrip(r)
	if err != nil || resp.StatusCode < 400 && !strings.Contains(resp.Header.Get("Location"), "/broker/") {
		return resp, err
	}
	_ = resp.Body.Close()
	body := `{"outcome":"granted","recovery_token":"x","reference":"x"}`
	resp.StatusCode, resp.Status, resp.Body = http.StatusOK, "200 OK", io.NopCloser(strings.NewReader(body))
	resp.Header.Del("Location")
	return resp, nil
}

// Each refusal of the story is broken once, and the story must then not be told to its end.
func TestTheStoryFailsWhenARefusalIsBroken(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo})
	s := story.New(e, io.Discard)
	fatal(t, s.Enrol(t.Context()))
	refusals, err := s.Refusals(t.Context())
	fatal(t, err)
	for _, r := range refusals {
		t.Run(r.Name, func(t *testing.T) {
			if err := r.Try(t.Context(), lenient{brokenReset{e.Client.Transport, e}}); err == nil {
				t.Fatal("the story did not notice that this was accepted")
			}
		})
	}
}

// brokenReset shows the provider's own reset form where the gateway should have been.
type brokenReset struct {
	inner http.RoundTripper
	e     *env.Env
}

func (b brokenReset) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.inner.RoundTrip(r)
	if err == nil && strings.Contains(resp.Header.Get("Location"), "/recovery/") {
		_ = resp.Body.Close()
		resp.StatusCode, resp.Status = http.StatusOK, "200 OK"
		resp.Body = io.NopCloser(strings.NewReader("<title>Forgot Your Password?</title><form></form>"))
		resp.Header.Del("Location")
	}
	return resp, err
}

func TestEveryMethodIsBoundAndRecoversAsTheStoryTells(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo, Patient: true, Gateway: env.EveryMethod, Users: story.Users()})
	var transcript bytes.Buffer
	s := story.New(e, &transcript)
	for _, chapter := range []func(context.Context) error{s.Ways, s.Hardware, s.Standard} {
		if err := chapter(t.Context()); err != nil {
			t.Fatalf("%v\n%s", err, transcript.String())
		}
	}
	t.Log(transcript.String())
	for _, proved := range []string{
		"a recovery code and an SSH key", "a recovery key (regrant proof sign) and a recovery code", "a recovery key and, beside it, the passphrase",
		"a device certificate and a recovery code", "android-key is accepted", "apple-device is accepted",
	} {
		if !strings.Contains(transcript.String(), proved) {
			t.Errorf("nothing was proved with %s", proved)
		}
	}
	refused := "with one byte of its certificate changed: refused (untrusted)"
	if n := strings.Count(transcript.String(), refused); n != 2 {
		t.Errorf("%d times: %s", n, refused)
	}
}
