package gateway

import (
	"bytes"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/regrant/regrant/internal/enrolment"
)

const list = "/recovery/authenticators"

// forms are those of a page, by their action.
func forms(t testing.TB, w *httptest.ResponseRecorder) map[string]url.Values {
	t.Helper()
	doc, err := html.Parse(bytes.NewReader(w.Body.Bytes()))
	must(t, err)
	found := map[string]url.Values{}
	for form := range doc.Descendants() {
		if form.Data != "form" {
			continue
		}
		fields := url.Values{}
		for n := range form.Descendants() {
			if name := attribute(n, "name"); name != "" {
				fields.Set(name, attribute(n, "value"))
			}
		}
		found[attribute(form, "action")] = fields
	}
	return found
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// fill sends the form of page with that action, with these values in its fields.
func (b *browser) fill(page *httptest.ResponseRecorder, action string, values map[string]string) *httptest.ResponseRecorder {
	b.h.t.Helper()
	fields, ok := forms(b.h.t, page)[action]
	if !ok {
		b.h.t.Fatalf("no form for %s, but for %q\n%s", action, slices.Sorted(maps.Keys(forms(b.h.t, page))), page.Body)
	}
	for name, value := range values {
		if !fields.Has(name) {
			b.h.t.Fatalf("the form has no field %q: %v", name, fields)
		}
		fields.Set(name, value)
	}
	return b.post(action, "same-origin", fields)
}

func beginOf(method string) string  { return list + "/" + method + "/begin" }
func finishOf(method string) string { return list + "/" + method + "/finish" }

// begun is the page that asks for what a method needs.
func (b *browser) begun(method string) *httptest.ResponseRecorder {
	b.h.t.Helper()
	w := b.fill(b.get(list, "same-origin"), beginOf(method), nil)
	wantPage(b.h.t, w, http.StatusOK, "Finish before")
	return w
}

// withCodes signs alice in and makes codes, which is what takes least.
func (b *browser) withCodes() enrolment.Item {
	b.h.t.Helper()
	b.signIn()
	wantPage(b.h.t, b.fill(b.begun("recovery-code"), finishOf("recovery-code"), nil), http.StatusOK, "Your recovery codes")
	return b.h.only()
}

const words = "umbrella quarry ninety violins"

var good = map[string]string{"passphrase": words, "again": words}

// bound is what alice has and still counts.
func (h *house) bound() []enrolment.Item {
	h.t.Helper()
	items, _, err := h.Enrolment.List(h.t.Context(), aliceID)
	must(h.t, err)
	return items
}

func (h *house) only() enrolment.Item {
	h.t.Helper()
	all := h.bound()
	if len(all) != 1 {
		h.t.Fatalf("bound: %+v", all)
	}
	return all[0]
}

// json sends it as a program does that has the browser's cookies and token.
func (b *browser) json(method, path, body, token string) *httptest.ResponseRecorder {
	b.h.t.Helper()
	r := request(b.h.t, method, path, strings.NewReader(body), "Origin", origin, csrfHeader, token)
	if body != "" {
		r.Header.Set("Content-Type", jsonType)
	}
	return b.send(r, "same-origin")
}

// token is that of the forms with which authenticators change in this browser.
func (b *browser) token() string { return b.h.formToken(formChange, b.cookies[selfCookie]) }
