package gateway

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
)

const settings = "https://id.example.com/ui/settings?flow=1"

// direct is a house whose identity provider makes sessions itself.
func direct(t *testing.T) *house {
	h := open(t)
	h.idp.direct = &upstream.Direct{Location: settings, Cookies: []string{"csrf=1; Path=/", "session=2; Path=/; HttpOnly"}}
	return h
}

func TestWhoAsksTheServerForARecoveryIsLedHereAndGoesOnAfterwards(t *testing.T) {
	h := direct(t)
	p, b := h.enrolled(), h.browser()
	h.idp.verdict = upstream.Verdict{Kind: upstream.Entrance, Entry: "return_to=https%3A%2F%2Fapp.example.com"}
	w := b.get("/self-service/recovery/browser?return_to=x", "same-origin")
	location(t, w, http.StatusSeeOther, issuer)
	if b.cookies[holderCookie] == "" || b.cookies[loginCookie] == "" || strings.Contains(b.cookies[loginCookie], "app.example") {
		t.Errorf("cookies %v", b.cookies)
	}
	w = b.press(b.confirmed(p.handoffCode("sign-in", "reset-password")))
	location(t, w, http.StatusSeeOther, settings)
	if h.idp.way.Entry != "return_to=https%3A%2F%2Fapp.example.com" {
		t.Errorf("went on from %q", h.idp.way.Entry)
	}
	set := w.Header().Values("Set-Cookie")
	for _, line := range h.idp.direct.Cookies {
		if !slices.Contains(set, line) {
			t.Errorf("%q was not handed on as it came: %q", line, set)
		}
	}
	if _, waits := b.cookies[loginCookie]; waits {
		t.Error("what waited still waits")
	}
}

func TestWhoIsLedHereByAnotherSiteHoldsNothing(t *testing.T) {
	h := direct(t)
	b := h.browser()
	h.idp.verdict = upstream.Verdict{Kind: upstream.Entrance}
	location(t, b.get("/self-service/recovery/browser", "cross-site"), http.StatusSeeOther, issuer)
	if len(b.cookies) > 0 {
		t.Errorf("cookies %v", b.cookies)
	}
}

func TestAnEntryThatNoBrowserWouldKeepIsLeftOut(t *testing.T) {
	h := direct(t)
	b := h.browser()
	h.idp.verdict = upstream.Verdict{Kind: upstream.Entrance, Entry: strings.Repeat("e", maxLogin+1)}
	location(t, b.get("/self-service/recovery/browser", "same-origin"), http.StatusSeeOther, issuer)
	if b.cookies[loginCookie] != "" {
		t.Error("it is kept")
	}
}

func TestClientsThatAskForJSONAreAnsweredInTheServersOwnShape(t *testing.T) {
	h := direct(t)
	reply := &upstream.Reply{Status: http.StatusUnprocessableEntity, Body: []byte(`{"error":{"id":"browser_location_change_required"}}`)}
	for _, kind := range []upstream.VerdictKind{upstream.Entrance, upstream.Recovery} {
		h.idp.verdict = upstream.Verdict{Kind: kind, JSON: reply}
		for _, header := range [][]string{{"Accept", "application/json"}, {"Content-Type", "application/json; charset=utf-8"}} {
			w := h.serve(request(t, http.MethodGet, "/self-service/recovery/api", nil, header...))
			if w.Code != reply.Status || w.Body.String() != string(reply.Body) || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("%v: %d %s", header, w.Code, w.Body)
			}
		}
		w := h.serve(request(t, http.MethodGet, "/self-service/recovery/browser", nil, "Accept", "text/html,application/json"))
		if w.Code == reply.Status {
			t.Errorf("a person got JSON: %s", w.Body)
		}
	}
}

func TestAProgramIsGivenTheServersSession(t *testing.T) {
	h := direct(t)
	h.idp.programs = []attest.Action{attest.ActionSignIn}
	p := h.enrolled()
	var tok struct {
		AccessToken string `json:"access_token"`
	}
	must(t, json.Unmarshal(p.exchange(p.granted("sign-in")).Body.Bytes(), &tok))
	w := p.complete(tok.AccessToken)
	var out struct {
		Outcome      string `json:"outcome"`
		SessionToken string `json:"session_token"`
		ExpiresIn    int    `json:"expires_in"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || out.Outcome != "session" || out.SessionToken != "ory_st_secret" || out.ExpiresIn != 3600 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w.Header().Get("Cache-Control") != "no-store" || !h.idp.way.Program {
		t.Errorf("%v for %+v", w.Header(), h.idp.way)
	}
}

func TestASignInThatComesBackWithCookiesNeedsNoCode(t *testing.T) {
	h := direct(t)
	b := h.browser()
	w := b.press(b.get("/recovery/authenticators", "same-origin"))
	q := location(t, w, http.StatusSeeOther, origin+"/realms/acme/auth?")
	wantPage(t, b.get("/recovery/login/callback?"+url.Values{"state": {"another"}}.Encode(), "same-origin"), http.StatusOK, "sign")
	w = b.get("/recovery/login/callback?"+url.Values{"state": q["state"]}.Encode(), "same-origin")
	if b.cookies[selfCookie] == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestWhatAPersonComesToTheStartPageWithIsPutBy(t *testing.T) {
	h := direct(t)
	b := h.browser()
	wantPage(t, b.get("/recovery?login_challenge=c", "same-origin"), http.StatusOK, "Recover") // the identity provider knows nothing of it
	h.idp.verdict = upstream.Verdict{Kind: upstream.Entrance, Entry: "login_challenge=c"}
	location(t, b.get("/recovery?login_challenge=c", "same-origin"), http.StatusSeeOther, issuer)
	if b.cookies[loginCookie] == "" {
		t.Error("it is lost")
	}
	wantPage(t, b.get("/recovery", "same-origin"), http.StatusOK, "Recover")
}

func TestARecoveryThatIsReadyGoesOnWhenItsPersonBringsALogin(t *testing.T) {
	h := direct(t)
	p, b := h.enrolled(), h.browser()
	h.idp.set(func(f *fakeIDP) { f.sessionErr = upstream.ErrNoLogin })
	w := b.press(b.confirmed(p.handoffCode("sign-in")))
	wantPage(t, w, http.StatusOK, "open your application")
	h.idp.set(func(f *fakeIDP) {
		f.sessionErr, f.verdict = nil, upstream.Verdict{Kind: upstream.Entrance, Entry: "login_challenge=c"}
	})
	location(t, b.get("/ui/recovery?login_challenge=c", "same-origin"), http.StatusSeeOther, issuer+"/continue")
	location(t, b.press(b.get("/recovery/continue", "same-origin")), http.StatusSeeOther, settings)
	if h.idp.way.Entry != "login_challenge=c" {
		t.Errorf("went on with %q", h.idp.way.Entry)
	}
}

// A login that cannot be answered waits no more, and those that wait for other gateways of the host go on waiting.
func TestALoginThatIsOverIsDroppedForThisGatewayAlone(t *testing.T) {
	h := direct(t)
	p, b := h.enrolled(), h.browser()
	h.Path = "/recovery/acme" // names the cookies
	own := h.cookie(loginCookie)
	b.cookies[own], b.cookies[loginCookie] = "ours", "another gateway's"
	h.idp.set(func(f *fakeIDP) { f.sessionErr = upstream.ErrNoLogin })
	wantPage(t, b.press(b.confirmed(p.handoffCode("sign-in"))), http.StatusOK, "open your application")
	if _, waits := b.cookies[own]; waits || b.cookies[loginCookie] == "" {
		t.Errorf("cookies %v", b.cookies)
	}
}
