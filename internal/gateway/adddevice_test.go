package gateway

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/internal/wire"
)

const addPath = "/recovery/authenticators/device-certificate"

// formsTo are the forms of a page that are sent to action, in order.
func formsTo(t testing.TB, w *httptest.ResponseRecorder, action string) (found []url.Values) {
	t.Helper()
	doc, err := html.Parse(bytes.NewReader(w.Body.Bytes()))
	must(t, err)
	for form := range doc.Descendants() {
		if form.Data != "form" || attribute(form, "action") != action {
			continue
		}
		fields := url.Values{}
		for n := range form.Descendants() {
			if n.Data == "input" {
				fields.Set(attribute(n, "name"), attribute(n, "value"))
			}
		}
		found = append(found, fields)
	}
	if len(found) == 0 {
		t.Fatalf("no form to %s: %d\n%s", action, w.Code, w.Body)
	}
	return found
}

var codeOnPage = regexp.MustCompile(`(?:[0-9A-Z]{4}-){7}[0-9A-Z]{4}`)

// code is an activation code that the browser was shown.
func (b *browser) activationCode() string {
	b.h.t.Helper()
	w := b.post(addPath+"/begin", "same-origin", formsTo(b.h.t, b.get("/recovery/authenticators", "same-origin"), addPath+"/begin")[0])
	wantPage(b.h.t, w, http.StatusOK, "regrant device enroll --issuer "+issuer)
	code := codeOnPage.FindString(w.Body.String())
	if code == "" || w.Header().Get("Cache-Control") != "no-store" || strings.Contains(w.Body.String(), "--code") || strings.Contains(w.Body.String(), "--tpm") {
		b.h.t.Fatalf("code %q, %v:\n%s", code, w.Header(), w.Body)
	}
	return code
}

// arrives is a device that brings the code. The fingerprint is what it shows.
func (h *house) arrives(code string) (fingerprint string) {
	h.t.Helper()
	device := attesttest.NewKey(h.t)
	out := answer[wire.EnrollResponse](h.t, h.postJSON("/recovery/devices/enroll", wire.EnrollRequest{
		ActivationCode: code, CSR: csr(h.t, device), Label: "<b>phone</b>",
	}))
	if out.ConfirmBefore.IsZero() {
		h.t.Error("the device is not told that it has to be confirmed")
	}
	return attest.Fingerprint(spki(h.t, device))
}

func TestAPersonAddsADevice(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.signIn()
	code := b.activationCode()
	wantPage(t, b.get(addPath, "same-origin"), http.StatusOK, "No device waits for you")
	shown := h.arrives(code)
	wantPage(t, b.get("/recovery/authenticators", "same-origin"), http.StatusOK, "counts for nothing until you confirm it")
	w := b.get(addPath, "same-origin")
	wantPage(t, w, http.StatusOK, shown)
	wantPage(t, w, http.StatusOK, "&lt;b&gt;phone&lt;/b&gt;")
	answers := formsTo(t, w, addPath+"/finish")
	if len(answers) != 2 {
		t.Fatalf("%d answers", len(answers))
	}
	mine, notMine := answers[0], answers[1]
	wantPage(t, b.post(addPath+"/finish", "same-origin", mine), http.StatusOK, "It was added: Device certificate")
	wantPage(t, b.get("/recovery/authenticators", "same-origin"), http.StatusOK, "can recover your account")
	for _, again := range []url.Values{mine, notMine} {
		wantPage(t, b.post(addPath+"/finish", "same-origin", again), http.StatusBadRequest, "served its time")
	}
}

func TestAPersonTurnsAStrangersDeviceAway(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.signIn()
	h.arrives(b.activationCode())
	another := h.browser() // of hers, too: it can turn the device away, and not confirm it
	another.signIn()
	w := another.get(addPath, "same-origin")
	answers := formsTo(t, w, addPath+"/finish")
	if len(answers) != 1 || answers[0].Get("answer") != answerNotMine {
		t.Fatalf("another session is asked %v", answers)
	}
	mine := url.Values{"id": answers[0]["id"], "csrf": answers[0]["csrf"], "answer": {answerMine}}
	wantPage(t, another.post(addPath+"/finish", "same-origin", mine), http.StatusBadRequest, "served its time")
	wantPage(t, another.post(addPath+"/finish", "same-origin", answers[0]), http.StatusOK, "turned away")
	wantPage(t, b.get(addPath, "same-origin"), http.StatusOK, "No device waits for you")
}

// Each starts from a good form and changes one thing.
func TestOnlyASignedInPersonsOwnFormsAddDevices(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.signIn()
	h.arrives(b.activationCode())
	list := b.get("/recovery/authenticators", "same-origin")
	asked := b.get(addPath, "same-origin")
	for action, good := range map[string]url.Values{
		addPath + "/begin":  formsTo(t, list, addPath+"/begin")[0],
		addPath + "/finish": formsTo(t, asked, addPath+"/finish")[0],
	} {
		without := func(name, value string) url.Values {
			changed := url.Values{}
			for k, v := range good {
				changed[k] = v
			}
			changed.Set(name, value)
			return changed
		}
		wantPage(t, b.post(action, "cross-site", good), http.StatusForbidden, "<h1>")
		wantPage(t, b.post(action, "same-origin", without("csrf", "x")), http.StatusForbidden, "out of date")
		wantPage(t, b.post(action, "same-origin", without("csrf", h.formToken(formLogout, b.cookies[selfCookie]))), http.StatusForbidden, "out of date")
		wantPage(t, h.browser().post(action, "same-origin", good), http.StatusForbidden, "no longer signed in")
	}
	good := formsTo(t, asked, addPath+"/finish")[0]
	good.Set("answer", "perhaps")
	wantPage(t, b.post(addPath+"/finish", "same-origin", good), http.StatusBadRequest, "<h1>")
	wantPage(t, h.browser().get(addPath, "same-origin"), http.StatusOK, "Sign in to see your recovery methods")
	if w := b.get(addPath, "same-origin"); len(formsTo(t, w, addPath+"/finish")) != 2 {
		t.Error("something was settled")
	}
}

func spki(t testing.TB, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	must(t, err)
	return der
}
