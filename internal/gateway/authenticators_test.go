package gateway

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/wire"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

func TestTheListSaysHowEachStands(t *testing.T) {
	h := open(t)
	h.enrolled()
	b := h.browser()
	page := b.signIn()
	for _, said := range []string{"but only just", "can recover your account", "Last proved to work", "never", "Device certificate"} {
		wantPage(t, page, http.StatusOK, said)
	}
	b.fill(b.begun("passphrase"), finishOf("passphrase"), good)
	page = b.get(list, "same-origin")
	for _, said := range []string{"but only just", "new; from", "counts for recovery, but is not enough alone", "Recovery passphrase", "Replace: Recovery passphrase"} {
		wantPage(t, page, http.StatusOK, said)
	}
}

// Nothing is ended by the press of one button in a list: each has a page that says what ending it means.
func TestAnAuthenticatorIsRemovedOrReportedLostOnItsOwnPage(t *testing.T) {
	for action, words := range map[string]string{"": "It was removed", "/recovery/report-lost": "It was reported lost"} {
		h := open(t)
		b := h.browser()
		own := list + "/" + b.withCodes().ID
		page := b.get(list, "same-origin")
		wantPage(t, page, http.StatusOK, `href="`+own+`"`)
		if forms(t, page)[own] != nil || forms(t, page)["/recovery/report-lost"] != nil {
			t.Error("ended from the list")
		}
		if action == "" {
			action = own
		}
		page = b.get(own, "same-origin")
		wantPage(t, page, http.StatusOK, "you are signed out here")
		wantPage(t, b.fill(page, action, nil), http.StatusOK, words)
		if len(h.bound()) > 0 || b.cookies[selfCookie] != "" {
			t.Errorf("%s: bound %+v, cookies %v", words, h.bound(), b.cookies)
		}
		wantPage(t, b.get(own, "same-origin"), http.StatusOK, "Sign in to see your recovery methods")
		wantPage(t, b.fill(page, action, nil), http.StatusForbidden, "You are no longer signed in here")
		b.signIn()
		wantPage(t, b.get(own, "same-origin"), http.StatusNotFound, "no such page")
	}
}

func TestSomebodyElsesAuthenticatorIsNotThere(t *testing.T) {
	h := open(t)
	id := h.browser().withCodes().ID
	h.idp.who.AccountID = "account-of-bob"
	b := h.browser()
	b.signIn()
	wantPage(t, b.get(list+"/"+id, "same-origin"), http.StatusNotFound, "no such page")
	wantPage(t, b.post(list+"/"+id, "same-origin", map[string][]string{"csrf": {b.token()}}), http.StatusNotFound, "no such page")
	wantPage(t, b.post("/recovery/report-lost", "same-origin", map[string][]string{"csrf": {b.token()}, "id": {id}}), http.StatusNotFound, "no such page")
	wantProblem(t, b.json(http.MethodDelete, list+"/"+id, "", b.token()), http.StatusNotFound, wire.ProblemNotFound, "")
	h.only()
}

// A button leads to the sign-in that is needed, and from there back to the change.
func TestAWeakSignInIsToldWhatIsNeeded(t *testing.T) {
	h := open(t)
	h.idp.acr = map[string]upstream.Assurance{"gold": {AAL: upstream.AAL2, PhishingResistant: true}}
	strong := h.browser()
	h.idp.who.AMR = []string{"hwk", "pin"}
	id := strong.withCodes().ID
	b := h.browser()
	h.idp.who.AMR = []string{"pwd"}
	b.signIn()
	refused := map[string]*httptest.ResponseRecorder{
		"adding":   b.fill(b.get(list, "same-origin"), beginOf("passkey"), nil),
		"removing": b.fill(b.get(list+"/"+id, "same-origin"), list+"/"+id, nil),
	}
	for what, w := range refused {
		wantPage(t, w, http.StatusForbidden, "has a factor that cannot be phished")
		wantPage(t, w, http.StatusForbidden, "Sign in again")
		if h.only().ID != id {
			t.Fatal(what)
		}
	}
	wantProblem(t, b.json(http.MethodPost, beginOf("passkey"), "{}", b.token()), http.StatusForbidden, wire.ProblemSignIn, "")
	again := b.press(refused["adding"])
	if location(t, again, http.StatusSeeOther, origin); h.idp.login.ACR == nil || h.idp.login.ACR[0] != "gold" {
		t.Errorf("asked for %q", h.idp.login.ACR)
	}
	h.idp.who.ACR = "gold"
	b.landed(map[string][]string{"state": {h.idp.login.State}})
	b.begun("passkey")
}

func TestALossIsReportedAfterAWeakSignIn(t *testing.T) {
	h := open(t)
	h.idp.who.AMR = []string{"hwk", "pin"}
	own := list + "/" + h.browser().withCodes().ID
	h.idp.who.AMR = []string{"pwd"}
	b := h.browser()
	b.signIn()
	wantPage(t, b.fill(b.get(own, "same-origin"), "/recovery/report-lost", nil), http.StatusOK, "It was reported lost")
}

func TestAfterARecoveryAPersonIsToldToWait(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.withCodes()
	must(t, h.DB.Update(t.Context(), func(tx storage.Tx) error { return h.Accounts.Recovered(tx, aliceID, []string{"x"}) }))
	b.signIn()
	wantPage(t, b.fill(b.get(list, "same-origin"), beginOf("passkey"), nil), http.StatusForbidden, "Not so soon after a recovery")
	wantProblem(t, b.json(http.MethodPost, beginOf("passkey"), "{}", b.token()), http.StatusForbidden, wire.ProblemQuarantine, "")
}

func TestAPersonIsToldWhyThereIsNoRoomForMore(t *testing.T) {
	for words, c := range map[string]struct {
		n      int
		bind   func(*account.Store, storage.Tx, *account.Authenticator) error
		status int
	}{
		"Too many additions":  {account.MaxOwn, (*account.Store).BindOwn, http.StatusTooManyRequests},
		"The account is full": {account.MaxPerAccount, (*account.Store).Bind, http.StatusForbidden},
	} {
		h := open(t)
		b := h.browser()
		b.signIn()
		must(t, h.DB.Update(t.Context(), func(tx storage.Tx) error {
			for i := range c.n {
				bound := &account.Authenticator{
					Upstream: "main", AccountID: aliceID, Method: "ssh-key", Handles: []account.Handle{{Value: []byte{byte(i)}}}, EffectiveAt: tx.Now(),
				}
				if err := c.bind(h.Accounts, tx, bound); err != nil {
					return err
				}
			}
			return nil
		}))
		wantPage(t, b.fill(b.begun("passphrase"), finishOf("passphrase"), good), c.status, words)
		if n := len(h.bound()); n != c.n {
			t.Errorf("%s: %d are bound", words, n)
		}
	}
}

// Whoever has lost something reports it in a flood, too; whoever adds something can wait.
func TestAFloodOfStrangersKeepsNoLossFromBeingReported(t *testing.T) {
	h := open(t)
	b := h.browser()
	id := b.withCodes().ID
	page := b.get(list+"/"+id, "same-origin")
	add := b.get(list, "same-origin")
	fill(t, h.Throttle.Strangers)
	wantPage(t, b.fill(add, beginOf("passkey"), nil), http.StatusTooManyRequests, "wait a little")
	wantPage(t, b.fill(page, "/recovery/report-lost", nil), http.StatusOK, "It was reported lost")
}

func TestASessionThatIsOverShowsNothing(t *testing.T) {
	h := open(t)
	b := h.browser()
	own := list + "/" + b.withCodes().ID
	for _, site := range []string{"cross-site", "same-site"} { // the cookie does not come along
		if w := b.get(own, site); strings.Contains(w.Body.String(), "Recovery codes") {
			t.Errorf("from %s: %s", site, w.Body)
		}
	}
	h.db.down.Store(true)
	wantPage(t, b.get(own, "same-origin"), http.StatusServiceUnavailable, "try again")
	wantPage(t, b.get(list, "same-origin"), http.StatusServiceUnavailable, "try again")
	h.db.down.Store(false)
	must(t, h.DB.Update(t.Context(), func(tx storage.Tx) error { return h.Accounts.RaiseEpoch(tx, aliceID) }))
	wantPage(t, b.get(own, "same-origin"), http.StatusOK, "Sign in to see")
}

func TestRehearsingShowsWhenItWorkedLast(t *testing.T) {
	h := open(t)
	p := h.enrolled()
	begun := p.initiate("rehearse")
	p.post("/recovery/attest", p.evidence(begun))
	b := h.browser()
	wantPage(t, b.signIn(), http.StatusOK, time.Now().UTC().Format("2 January 2006, "))
	if h.only().LastProvenAt.IsZero() {
		t.Error("not noted")
	}
}
