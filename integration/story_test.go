package integration

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/story"
)

func TestTheStoryHoldsInFrontOfTheDemoIdentityProvider(t *testing.T) {
	t.Parallel()
	tell(t, env.Options{IdP: env.Demo}, (*story.Story).Run)
}

func TestTheWholeStoryHoldsInFrontOfARealKeycloak(t *testing.T) {
	t.Parallel()
	tellWhole(t, env.Keycloak)
}

func TestTheWholeStoryHoldsInFrontOfARealKratos(t *testing.T) {
	t.Parallel()
	tellWhole(t, env.Kratos)
}

func TestTheWholeStoryHoldsInFrontOfARealHydra(t *testing.T) {
	t.Parallel()
	tellWhole(t, env.Hydra)
}

func TestTheWholeStoryHoldsInFrontOfARealKratosThatIsTheLoginOfAHydra(t *testing.T) {
	t.Parallel()
	tellWhole(t, env.KratosHydra)
}

// tellWhole tells what make demo tells of that kind.
func tellWhole(t *testing.T, kind string) {
	t.Helper()
	tell(t, story.Whole(env.Options{IdP: kind, Patient: true}), (*story.Story).Whole)
}

// tell tells chapters in an environment of their own, and returns the transcript.
func tell(t *testing.T, o env.Options, chapters ...func(*story.Story, context.Context) error) string {
	t.Helper()
	var transcript bytes.Buffer
	s := story.New(own(t, o), &transcript)
	for _, chapter := range chapters {
		if err := chapter(s, t.Context()); err != nil {
			t.Fatalf("%v\n%s", err, transcript.String())
		}
	}
	if os.Getenv("CI") == "true" && strings.Contains(transcript.String(), "is not shown") {
		t.Error("something is not shown")
	}
	t.Log(transcript.String())
	return transcript.String()
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
	transcript := tell(t, env.Options{IdP: env.Demo, Patient: true, Gateway: env.EveryMethod, Users: story.Users()},
		(*story.Story).Ways, (*story.Story).Hardware, (*story.Story).Standard)
	for _, proved := range []string{
		"a recovery code and an SSH key", "a recovery key (regrant proof sign) and a recovery code", "a recovery key and, beside it, the passphrase",
		"a device certificate and a recovery code", "android-key is accepted", "apple-device is accepted",
	} {
		if !strings.Contains(transcript, proved) {
			t.Errorf("nothing was proved with %s", proved)
		}
	}
	refused := "with one byte of its certificate changed: refused (untrusted)"
	if n := strings.Count(transcript, refused); n != 2 {
		t.Errorf("%d times: %s", n, refused)
	}
}
