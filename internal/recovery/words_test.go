package recovery

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/storage"
)

// wordFormat is a method whose proof is a word: "selector secret". It stands for codes and passphrases, which have rooms of their own.
type wordFormat struct {
	method attest.Method
	h      *house
	judged int
	made   atomic.Int32 // replacements
}

func (f *wordFormat) Method() attest.Method { return f.method }

func (f *wordFormat) Locate(body []byte, accountID string) ([]byte, error) {
	selector, _, err := f.split(body)
	if f.method.Guessable() { // found by its account
		selector = accountID
	}
	return []byte(string(f.method) + " " + selector), err
}

func (f *wordFormat) Verify(in attest.Input) (attest.Claims, error) {
	f.h.mu.Lock()
	f.judged++
	f.h.mu.Unlock()
	_, secret, err := f.split(in.Body)
	if secret == "denied" {
		return attest.Claims{}, attest.Signed(attest.Refuse(attest.ReasonPolicy, "denied"))
	}
	if err != nil {
		return attest.Claims{}, err
	}
	if secret != string(in.Bound.Reference) {
		refused := attest.WrongGuess("wrong")
		refused.Guess = in.Bound.Authenticator != ""
		return attest.Claims{}, refused
	}
	return attest.Claims{Handle: in.Bound.Handle}, nil
}

func (f *wordFormat) split(body []byte) (selector, secret string, err error) {
	var m struct{ Word string }
	if err := json.Unmarshal(body, &m); err != nil {
		return "", "", attest.Refuse(attest.ReasonMalformed, "no word")
	}
	selector, secret, _ = strings.Cut(m.Word, " ")
	return selector, secret, nil
}

func (f *wordFormat) Replace(attest.Enrolling) (attest.Handle, string, error) {
	selector := "fresh" + strings.Repeat("er", int(f.made.Add(1))-1)
	return attest.Handle{Value: []byte("recovery-code " + selector), Reference: []byte("new"), OneTime: true}, selector + " new", nil
}

func word(m attest.Method, text string) attest.Evidence {
	return attest.Evidence{Method: m, Body: fmt.Appendf(nil, `{"word":%q}`, text)}
}

// bind binds an authenticator with those words to the account.
func (h *house) bind(m attest.Method, accountID string, words ...string) *account.Authenticator {
	h.t.Helper()
	a := h.good(m, accountID, words...)
	must(h.t, h.db.Update(h.t.Context(), func(tx storage.Tx) error { return h.Accounts.Bind(tx, a) }))
	return a
}

func (h *house) good(m attest.Method, accountID string, words ...string) *account.Authenticator {
	a := &account.Authenticator{
		Upstream: "main", AccountID: accountID, Identifiers: []string{alice}, Method: m, Label: "Alice's " + string(m),
		BoundAt: h.Clock(), EffectiveAt: h.Clock(), BoundBy: "test",
	}
	for _, w := range words {
		selector, secret, _ := strings.Cut(w, " ")
		a.Handles = append(a.Handles, account.Handle{
			Value: []byte(string(m) + " " + selector), Reference: []byte(secret), OneTime: m == attest.MethodRecoveryCode,
		})
	}
	return a
}

func (h *house) authenticator(id string) (a *account.Authenticator) {
	h.t.Helper()
	must(h.t, h.db.View(h.t.Context(), func(r storage.Reader) (err error) {
		a, err = h.Accounts.Get(r, id)
		return err
	}))
	return a
}
