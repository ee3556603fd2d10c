package gateway

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest/wallet"
)

// begins asks for a recovery by the form of the start page, and is asked for a proof.
func (b *browser) begins(lost string) *httptest.ResponseRecorder {
	b.h.t.Helper()
	return b.fill(b.get("/recovery", "same-origin"), "/recovery/start", map[string]string{"account": alice, "lost": lost})
}

// asking begins a recovery with everything that a person can hold.
func asking(t *testing.T) (*resident, *browser, *httptest.ResponseRecorder) {
	t.Helper()
	r := newResident(t, nil)
	b := r.h.browser()
	page := b.begins("rehearse")
	wantPage(t, page, http.StatusOK, "Prove that the account is yours")
	return r, b, page
}

// proofForm is the form of a page that brings a proof of a method.
func proofForm(t testing.TB, page *httptest.ResponseRecorder, method string) url.Values {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page.Body.String()))
	must(t, err)
	for form := range doc.Descendants() {
		fields := url.Values{}
		for n := range form.Descendants() {
			if name := attribute(n, "name"); form.Data == "form" && name != "" {
				fields.Set(name, attribute(n, "value"))
			}
		}
		if fields.Get("method") == method {
			return fields
		}
	}
	t.Fatalf("no form for %s:\n%s", method, page.Body)
	return nil
}

// prove sends a proof by the form of the page; field and value are what the person fills in.
func (b *browser) prove(page *httptest.ResponseRecorder, method, field, value string) *httptest.ResponseRecorder {
	b.h.t.Helper()
	fields := proofForm(b.h.t, page, method)
	fields.Set(field, value)
	return b.post("/recovery/prove", "same-origin", fields)
}

func (r *resident) code(t *testing.T) string {
	t.Helper()
	codes, ok := r.having(attest.MethodRecoveryCode).(*wallet.Codes)
	if !ok {
		t.Fatal("no codes")
	}
	return codes.Left[0]
}

// statementOn is the text that a page asks to be signed.
func statementOn(t *testing.T, page *httptest.ResponseRecorder) string {
	t.Helper()
	text := html.UnescapeString(page.Body.String())
	_, rest, _ := strings.Cut(text, "regrant recovery proof v1\n")
	rest, _, found := strings.Cut(rest, "</code>")
	if !found {
		t.Fatalf("nothing to sign on\n%s", text)
	}
	return "regrant recovery proof v1\n" + rest
}

// member is one of what a client of the JSON endpoint would send.
func member(t *testing.T, evidence []byte, name string) string {
	t.Helper()
	var members map[string]json.RawMessage
	must(t, json.Unmarshal(evidence, &members))
	var text string
	if json.Unmarshal(members[name], &text) == nil {
		return text
	}
	return string(members[name])
}

func TestAPersonProvesByFormsOneProofAfterTheOther(t *testing.T) {
	r, b, page := asking(t)
	more := b.prove(page, "recovery-code", "code", strings.ToLower(r.code(t)))
	wantPage(t, more, http.StatusOK, "One more proof is needed")
	key := r.having(attest.MethodSSHKey)
	end := b.prove(more, "ssh-key", "signature", member(t, key.Evidence(statementOn(t, more)), "signature"))
	wantPage(t, end, http.StatusOK, "Recovery works")
}

func TestAPasskeyIsProvedByTheFormThatTheScriptSends(t *testing.T) {
	r, b, page := asking(t)
	passkey := r.having(attest.MethodPasskey)
	end := b.prove(page, "passkey", "credential", member(t, passkey.Evidence(statementOn(t, page)), "credential"))
	wantPage(t, end, http.StatusOK, "Recovery works")
}

func TestACodeWithATypoIsToldAndBurnsNothing(t *testing.T) {
	r, b, page := asking(t)
	code := r.code(t)
	typo := code[:len(code)-1] + map[bool]string{true: "1", false: "0"}[code[len(code)-1] == '0']
	wantPage(t, b.prove(page, "recovery-code", "code", typo), http.StatusBadRequest, "The seventh group has a typo")
	wantPage(t, b.prove(page, "recovery-code", "code", code), http.StatusOK, "One more proof is needed")
}

func TestWhatCannotBeReadIsToldAndBurnsNothing(t *testing.T) {
	r, b, page := asking(t)
	for _, c := range []struct{ method, field, value string }{
		{"passkey", "credential", "{"},
		{"recovery-key", "proof", "-----BEGIN REGRANT PROOF-----"},
		{"recovery-code", "method", "device-certificate"}, // there is no connection with a certificate
		{"recovery-code", "method", "tpm"},
		{"recovery-code", "method", "knock-knock"},
		{"recovery-code", "method", ""},
	} {
		if w := b.prove(page, c.method, c.field, c.value); w.Code != http.StatusBadRequest {
			t.Errorf("%s %s=%q: %d %s", c.method, c.field, c.value, w.Code, w.Body)
		}
	}
	wantPage(t, b.prove(page, "recovery-code", "code", r.code(t)), http.StatusOK, "One more proof is needed")
}

func TestAWrongProofIsRefusedAndTheRecoveryIsOver(t *testing.T) {
	r, b, page := asking(t)
	key := r.having(attest.MethodSSHKey)
	wrong := member(t, key.Evidence(statementOn(t, page)+"x"), "signature")
	wantPage(t, b.prove(page, "ssh-key", "signature", wrong), http.StatusForbidden, "")
	if w := b.prove(page, "recovery-code", "code", r.code(t)); w.Code != http.StatusBadRequest {
		t.Errorf("tried again: %d", w.Code)
	}
}

func TestAPageThatIsTooOldIsRenewedWithoutProvingAgain(t *testing.T) {
	r, b, page := asking(t)
	more := b.prove(page, "recovery-code", "code", r.code(t))
	r.h.offset.Add(int64(10 * time.Minute))
	again := b.post("/recovery/prove", "same-origin", proofForm(t, more, renewal))
	wantPage(t, again, http.StatusOK, "One more proof is needed")
	if statementOn(t, more) == statementOn(t, again) {
		t.Error("the same statement")
	}
	key := r.having(attest.MethodSSHKey)
	wantPage(t, b.prove(again, "ssh-key", "signature", member(t, key.Evidence(statementOn(t, again)), "signature")), http.StatusOK, "Recovery works")
}

// A passkey counts for five minutes; whoever read the page for longer, or even for an hour, proves it once more and types nothing again.
func TestAProofFromAPageThatIsTooOldIsAskedForAgain(t *testing.T) {
	for name, wait := range map[string]time.Duration{"for a passkey": 6 * time.Minute, "for anything": time.Hour} {
		t.Run(name, func(t *testing.T) {
			r, b, page := asking(t)
			passkey := r.having(attest.MethodPasskey)
			credential := func(page *httptest.ResponseRecorder) string {
				return member(t, passkey.Evidence(statementOn(t, page)), "credential")
			}
			made := credential(page)
			r.h.offset.Add(int64(wait))
			again := b.prove(page, "passkey", "credential", made)
			wantPage(t, again, http.StatusOK, "Prove that the account is yours")
			if !strings.Contains(again.Body.String(), "This is a fresh page") || !strings.Contains(again.Body.String(), alice) {
				t.Errorf("not told, or not of the account:\n%s", again.Body)
			}
			wantPage(t, b.prove(again, "passkey", "credential", credential(again)), http.StatusOK, "Recovery works")
		})
	}
}

func TestAProofThatCouldNotBeJudgedIsAskedForAgain(t *testing.T) {
	for name, first := range map[string]bool{"the first": true, "the second": false} {
		t.Run(name, func(t *testing.T) {
			r, b, page := asking(t)
			title := "Prove that the account is yours"
			if !first {
				page, title = b.prove(page, "recovery-code", "code", r.code(t)), "One more proof is needed"
			}
			key := r.having(attest.MethodSSHKey)
			signed := func(page *httptest.ResponseRecorder) string {
				return member(t, key.Evidence(statementOn(t, page)), "signature")
			}
			r.h.idp.set(func(f *fakeIDP) { f.down = true })
			failed := b.prove(page, "ssh-key", "signature", signed(page))
			wantPage(t, failed, http.StatusServiceUnavailable, "Please try again in a moment")
			r.h.idp.set(func(f *fakeIDP) { f.down = false })
			again := b.post("/recovery/prove", "same-origin", proofForm(t, failed, renewal))
			wantPage(t, again, http.StatusOK, title)
			if first {
				again = b.prove(again, "recovery-code", "code", r.code(t))
			}
			wantPage(t, b.prove(again, "ssh-key", "signature", signed(again)), http.StatusOK, "Recovery works")
		})
	}
}

// Each row sends the good form as somebody who must not.
func TestOnlyThePersonsOwnPageBringsAProof(t *testing.T) {
	for name, send := range map[string]func(b *browser, fields url.Values) *httptest.ResponseRecorder{
		"another site": func(b *browser, f url.Values) *httptest.ResponseRecorder {
			return b.post("/recovery/prove", "cross-site", f)
		},
		"a sibling site": func(b *browser, f url.Values) *httptest.ResponseRecorder {
			return b.post("/recovery/prove", "same-site", f)
		},
		"another browser": func(b *browser, f url.Values) *httptest.ResponseRecorder {
			return b.h.browser().post("/recovery/prove", "same-origin", f)
		},
		"no token": func(b *browser, f url.Values) *httptest.ResponseRecorder {
			f.Del("csrf")
			return b.post("/recovery/prove", "same-origin", f)
		},
		"the token of another form": func(b *browser, f url.Values) *httptest.ResponseRecorder {
			f.Set("csrf", b.h.formToken(formStart, b.cookies[holderCookie]))
			return b.post("/recovery/prove", "same-origin", f)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, b, page := asking(t)
			fields := proofForm(t, page, "recovery-code")
			fields.Set("code", r.code(t))
			if w := send(b, fields); w.Code != http.StatusForbidden {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			wantPage(t, b.prove(page, "recovery-code", "code", r.code(t)), http.StatusOK, "One more proof is needed")
		})
	}
}

func TestARecoveryBegunInAnotherBrowserIsRefused(t *testing.T) {
	r, b, page := asking(t)
	other := r.h.browser()
	wantPage(t, other.begins("rehearse"), http.StatusOK, "Prove that")
	fields := proofForm(t, page, "recovery-code")
	fields.Set("code", r.code(t))
	fields.Set("csrf", r.h.formToken(formProve, other.cookies[holderCookie])) // genuine, for that browser
	if w := other.post("/recovery/prove", "same-origin", fields); w.Code != http.StatusForbidden {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	wantPage(t, b.prove(page, "recovery-code", "code", r.code(t)), http.StatusOK, "One more proof is needed")
}

// Whoever asks learns nothing: the page for an account that is not there differs in nothing but what was typed and what is random.
func TestBeginningTellsNothingOfTheAccount(t *testing.T) {
	r := newResident(t, nil)
	shape := func(account string) int {
		b := r.h.browser()
		w := b.fill(b.get("/recovery", "same-origin"), "/recovery/start", map[string]string{"account": account, "lost": "rehearse"})
		wantPage(t, w, http.StatusOK, "Prove that the account is yours")
		return w.Body.Len()
	}
	if known, unknown := shape(alice), shape(strings.Repeat("n", len(alice))); known != unknown {
		t.Errorf("%d bytes for one that is there, %d for one that is not", known, unknown)
	}
}
