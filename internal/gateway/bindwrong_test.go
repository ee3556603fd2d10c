package gateway

import (
	"net/http"
	"net/url"
	"testing"
)

// Each starts from the good case and changes one thing.
func TestAWrongEnrolmentIsExplainedAndBindsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		change func(h *house, b *browser, sent url.Values)
		status int
		words  string
	}{
		"no state": {func(_ *house, _ *browser, sent url.Values) { sent.Set("state", "") }, http.StatusBadRequest, "served its time"},
		"another session": {func(_ *house, b *browser, sent url.Values) {
			delete(b.cookies, selfCookie)
			b.signIn()
			sent.Set("csrf", b.token())
		}, http.StatusBadRequest, "served its time"},
		"no token": {func(_ *house, _ *browser, sent url.Values) { sent.Set("csrf", "") }, http.StatusForbidden, "out of date"},
		"another form's token": {func(h *house, b *browser, sent url.Values) {
			sent.Set("csrf", h.formToken(formLogout, b.cookies[selfCookie]))
		}, http.StatusForbidden, "out of date"},
		"another's token":       {func(h *house, _ *browser, sent url.Values) { sent.Set("csrf", h.formToken(formChange, newSecret())) }, http.StatusForbidden, "out of date"},
		"nobody":                {func(_ *house, b *browser, _ url.Values) { delete(b.cookies, selfCookie) }, http.StatusForbidden, "You are no longer signed in here"},
		"signed out meanwhile":  {func(_ *house, b *browser, _ url.Values) { b.press(b.get(list, "same-origin")) }, http.StatusForbidden, "You are no longer signed in here"},
		"a name that is no use": {func(_ *house, _ *browser, sent url.Values) { sent.Set("label", "a\nb") }, http.StatusBadRequest, "The name is too long, or has characters"},
		"a name twice":          {func(_ *house, _ *browser, sent url.Values) { sent.Add("again", words) }, http.StatusBadRequest, "<h1>"},
		"the store is down":     {func(h *house, _ *browser, _ url.Values) { h.db.down.Store(true) }, http.StatusServiceUnavailable, "try again"},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			b := h.browser()
			b.signIn()
			sent := forms(t, b.begun("passphrase"))[finishOf("passphrase")]
			sent.Set("passphrase", words)
			sent.Set("again", words)
			c.change(h, b, sent)
			wantPage(t, b.post(finishOf("passphrase"), "same-origin", sent), c.status, c.words)
			h.db.down.Store(false)
			if len(h.bound()) > 0 {
				t.Errorf("bound %+v", h.bound())
			}
		})
	}
}

func TestNoOtherSiteChangesAuthenticators(t *testing.T) {
	h := open(t)
	b := h.browser()
	id := b.withCodes().ID
	sent := forms(t, b.begun("passphrase"))[finishOf("passphrase")]
	sent.Set("id", id)
	for _, path := range []string{beginOf("passphrase"), finishOf("passphrase"), list + "/" + id, "/recovery/report-lost"} {
		for _, site := range []string{"cross-site", "same-site", "none"} {
			if w := b.post(path, site, sent); w.Code != http.StatusForbidden {
				t.Errorf("%s from %s: %d", path, site, w.Code)
			}
		}
	}
	if h.only().ID != id {
		t.Error("changed")
	}
}

func TestWhatIsNotBoundByAFormIsNotFound(t *testing.T) {
	b := open(t).browser()
	b.signIn()
	for _, m := range []string{"tpm", "nonsense"} {
		wantPage(t, b.post(beginOf(m), "same-origin", url.Values{"csrf": {b.token()}}), http.StatusNotFound, "no such page")
		wantPage(t, b.post(finishOf(m), "same-origin", url.Values{"csrf": {b.token()}}), http.StatusNotFound, "no such page")
	}
}
