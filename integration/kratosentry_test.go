package integration

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/env"
)

// A link of the login app's own leads to the gateway's start page, with what Kratos' flow says of where the login was going. In mode assist
// it is the only way there.
func TestALinkOfTheLoginAppsKeepsWhereTheLoginWasGoing(t *testing.T) {
	people := []string{"carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "kim"}
	e := own(t, env.Options{IdP: env.KratosHydra, Patient: true, Users: people})
	link := func(_ *testing.T, query url.Values) string { return e.Issuer + "?" + query.Encode() }
	t.Run("strict", func(t *testing.T) { keepsWhereTheLoginWasGoing(t, e, people[:3], link) })
	t.Run("strict, fetched", func(t *testing.T) {
		keepsWhereTheLoginWasGoing(t, e, people[3:6], func(t *testing.T, query url.Values) string { return whereScriptsAreLed(t, e, query) })
	})
	fatal(t, e.Configure(t.Context(), assisting))
	t.Run("assist", func(t *testing.T) { keepsWhereTheLoginWasGoing(t, e, people[6:], link) })
}

// whereScriptsAreLed is where a login app that fetches JSON is told to send the browser when it begins Kratos' recovery.
func whereScriptsAreLed(t *testing.T, e *env.Env, query url.Values) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, e.Origin+"/self-service/recovery/browser?"+query.Encode(), nil)
	fatal(t, err)
	req.Header.Set("Accept", "application/json")
	resp, err := e.Client.Do(req)
	fatal(t, err)
	defer resp.Body.Close()
	var answer struct {
		To string `json:"redirect_browser_to"`
	}
	fatal(t, json.NewDecoder(resp.Body).Decode(&answer))
	if resp.StatusCode != http.StatusUnprocessableEntity {
		t.Fatalf("%s: %+v", resp.Status, answer)
	}
	return answer.To
}

func keepsWhereTheLoginWasGoing(t *testing.T, e *env.Env, people []string, way func(*testing.T, url.Values) string) {
	t.Helper()
	v, p := newVisitor(t, e), enrolled(t, e, people[0])
	login, err := v.Open(t.Context(), e.Entrance())
	fatal(t, err)
	forgot, err := login.Link("Forgot")
	fatal(t, err)
	v.wantAtApp(v.recoversFrom(p, way(t, forgot.Query())), p.user) // a login of Hydra's

	v, p = newVisitor(t, e), enrolled(t, e, people[1])
	app := e.Origin + "/ui/?from=here"
	page := v.recoversFrom(p, way(t, url.Values{"return_to": {app}}))
	if page.URL.String() != app || !strings.Contains(page.Text(), p.account+" by ") {
		t.Errorf("%d at %s, want %s at %s: %s", page.Status, page.URL, p.account, app, page.Text())
	}

	v, p = newVisitor(t, e), enrolled(t, e, people[2])
	page = v.recoversFrom(p, way(t, url.Values{"return_to": {"https://evil.example/"}})) // which Kratos does not allow
	if page.Status != http.StatusOK || !strings.HasPrefix(page.URL.String(), e.Origin+"/ui/settings?") {
		t.Errorf("%d at %s: %s", page.Status, page.URL, page.Text())
	}
}

// recoversFrom follows such a link, and is where p's recovery ends in this browser.
func (v *visitor) recoversFrom(p *person, link string) *browser.Page {
	v.t.Helper()
	start, err := v.Open(v.t.Context(), link)
	fatal(v.t, err)
	if start.Status != http.StatusOK || start.URL.String() != v.e.Issuer {
		v.t.Fatalf("%d at %s: %s", start.Status, start.URL, start.Text())
	}
	return v.presses(v.confirms(p.handoff()))
}
