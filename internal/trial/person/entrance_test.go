package person

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/regrant/regrant/upstream"
)

// forgetful is a person before a gateway and an identity provider whose sign-in page has these links.
func forgetful(t *testing.T, path upstream.TrialPath, links ...string) *person {
	t.Helper()
	says := func(pages *http.ServeMux, at, body string) {
		pages.HandleFunc(at, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
	}
	mux := http.NewServeMux()
	says(mux, "/recovery", "<title>Recover</title>")
	says(mux, "/recovery/oidc/authorize", "<title>Recover</title>")
	says(mux, "/recovery/authenticators", `<form method=post action="/recovery/login"></form>`)
	says(mux, "/mailed", "<title>We mail you a link</title>")
	says(mux, "/sign-in", "<form></form>"+strings.Join(links, ""))
	mux.Handle("/recovery/login", http.RedirectHandler("/sign-in", http.StatusSeeOther))
	mux.Handle("/broker/regrant/login", http.RedirectHandler("/recovery/oidc/authorize", http.StatusSeeOther))
	mux.Handle("/forgot", http.RedirectHandler("/recovery/oidc/authorize", http.StatusSeeOther))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	if path.URL != "" {
		path.URL = server.URL + path.URL
	}
	issuer, err := url.Parse(server.URL + "/recovery")
	must(t, err)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &person{Trial: Trial{Issuer: issuer.String(), Path: path}, issuer: issuer, transport: transport, away: newBrowser(transport)}
}

func TestWhoForgotThePasswordGoesTheWayThatThereIs(t *testing.T) {
	const forgot, button, mails = `<a href="/forgot?x=1">Forgot?</a>`, `<a href="/broker/regrant/login?x=1">Recover</a>`, `<a href="/mailed">Forgot?</a>`
	strict, assist := upstream.TrialPath{Link: "/forgot"}, upstream.TrialPath{Link: "/broker/regrant/login", Assist: true}
	for name, c := range map[string]struct {
		path  upstream.TrialPath
		links []string
		want  Outcome
		seen  string
	}{
		"strict, by the link":               {strict, []string{forgot}, Held, "own way"},
		"strict, by an address":             {upstream.TrialPath{URL: "/forgot"}, nil, Held, "own way"},
		"strict, and there is no link":      {strict, []string{button}, Failed, "has no link"},
		"strict, and the link leads away":   {upstream.TrialPath{Link: "/mailed"}, []string{mails}, Failed, "does not arrive"},
		"assist, by the button":             {assist, []string{mails, button}, Held, "the button"},
		"assist, and there is no button":    {assist, []string{mails}, Held, "no button for the gateway; whoever goes to the gateway's own start page"},
		"assist, where nothing is to click": {upstream.TrialPath{Assist: true}, nil, Held, "start page"},
	} {
		t.Run(name, func(t *testing.T) {
			seen, err := forgetful(t, c.path, c.links...).forget(t.Context())
			if step := StepOf("forgotten", seen, err); step.Outcome != c.want || !strings.Contains(step.Seen, c.seen) {
				t.Errorf("%+v", step)
			}
		})
	}
}

// The mode has a line of its own, whatever comes after it.
func TestATrialSaysThatTheModeIsAssist(t *testing.T) {
	for _, assist := range []bool{true, false} {
		var steps []Step
		_, err := Run(t.Context(), Trial{Issuer: "https://127.0.0.1:1/recovery", Path: upstream.TrialPath{Assist: assist}}, &observer{}, nil, func(s Step) { steps = append(steps, s) })
		must(t, err)
		if said := len(steps) > 0 && steps[0].Name == "mode"; said != assist {
			t.Errorf("assist %v: %+v", assist, steps)
		} else if said && (steps[0].Outcome != Skipped || !strings.Contains(steps[0].Seen, "mode assist")) {
			t.Errorf("%+v", steps[0])
		}
	}
}
