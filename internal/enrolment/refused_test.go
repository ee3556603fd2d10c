package enrolment

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/internal/login"
	"github.com/regrant/regrant/storage"
)

// Each starts from the good case and changes one thing.
func TestWhatIsNotThisEnrolmentBindsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		change func(h *house, v *Visitor, m *attest.Method, a *Answer)
		want   error
	}{
		"another session of hers":         {func(h *house, v *Visitor, _ *attest.Method, _ *Answer) { *v = h.alice() }, ErrOver},
		"somebody else's session":         {func(h *house, v *Visitor, _ *attest.Method, _ *Answer) { *v = h.visit(bobID, "pwd") }, ErrOver},
		"nobody's session":                {func(_ *house, v *Visitor, _ *attest.Method, _ *Answer) { v.Secret = "" }, ErrOver},
		"begun for another method":        {func(_ *house, _ *Visitor, m *attest.Method, _ *Answer) { *m = attest.MethodPasskey }, ErrOver},
		"a method that is not bound here": {func(_ *house, _ *Visitor, m *attest.Method, _ *Answer) { *m = attest.MethodDeviceCertificate }, ErrMethod},
		"a method that is not configured": {func(_ *house, _ *Visitor, m *attest.Method, _ *Answer) { *m = attest.MethodTPM }, ErrMethod},
		"no state":                        {func(_ *house, _ *Visitor, _ *attest.Method, a *Answer) { a.State = "" }, ErrOver},
		"an altered state":                {func(_ *house, _ *Visitor, _ *attest.Method, a *Answer) { a.State = flipped(a.State) }, ErrOver},
		"a state sealed for another use": {func(h *house, v *Visitor, _ *attest.Method, a *Answer) {
			a.State = h.Ring.Box(keys.OwnLogin).Seal([]byte("{}"), h.ad(*v))
		}, ErrOver},
		"too late": {func(h *house, _ *Visitor, _ *attest.Method, _ *Answer) { h.wait(Life) }, ErrOver},
		"signed out meanwhile": {func(h *house, v *Visitor, _ *attest.Method, _ *Answer) {
			must(h.t, h.Logins.End(h.t.Context(), v.Secret))
		}, login.ErrNone},
		"the account changed meanwhile": {func(h *house, _ *Visitor, _ *attest.Method, _ *Answer) {
			h.update(func(tx storage.Tx) error { return h.Accounts.RaiseEpoch(tx, aliceID) })
		}, login.ErrNone},
		"a label with a line break":        {label("a\nb"), ErrLabel},
		"a label with a control character": {label("a\x1b[2Jb"), ErrLabel},
		"a label that turns text around":   {label("a\u202eb"), ErrLabel},
		"a label that is no text":          {label("\xff"), ErrLabel},
		"a label too long":                 {label(strings.Repeat("ä", account.MaxLabel+1)), ErrLabel},
		"a second factor was seen meanwhile": {func(h *house, _ *Visitor, _ *attest.Method, _ *Answer) {
			h.begun(h.visit(aliceID, "pwd", "otp"), key)
		}, &login.Refusal{}},
		"bound to somebody else": {func(h *house, _ *Visitor, _ *attest.Method, _ *Answer) { h.bind(h.visit(bobID, "pwd"), key, "blue") }, ErrBound},
		"was bound once": {func(h *house, v *Visitor, _ *attest.Method, a *Answer) {
			must(h.t, h.Remove(h.t.Context(), *v, h.bind(*v, key, "blue").ID))
			*v = h.alice()
			a.State = h.begun(*v, key).State
		}, ErrBound},
		"refused":           {body("refuse"), &attest.Error{}},
		"a parser panics":   {body("panic"), &attest.Error{}},
		"cannot be told":    {body("cannot tell"), io.ErrUnexpectedEOF},
		"the store is down": {func(h *house, _ *Visitor, _ *attest.Method, _ *Answer) { h.db.writesDown.Store(true) }, io.ErrClosedPipe},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			v, m := h.alice(), key
			a := Answer{State: h.begun(v, m).State, Body: []byte("blue")}
			c.change(h, &v, &m, &a)
			before := len(h.all(aliceID))
			bound, err := h.Finish(t.Context(), v, m, a)
			if !matches(err, c.want) || bound.ID != "" || bound.Shown != nil {
				t.Errorf("%+v, %v, want %v", bound, err, c.want)
			}
			if got := h.all(aliceID); len(got) != before {
				t.Errorf("bound: %+v", got)
			}
		})
	}
}

func label(s string) func(*house, *Visitor, *attest.Method, *Answer) {
	return func(_ *house, _ *Visitor, _ *attest.Method, a *Answer) { a.Label = s }
}

func body(s string) func(*house, *Visitor, *attest.Method, *Answer) {
	return func(_ *house, _ *Visitor, _ *attest.Method, a *Answer) { a.Body = []byte(s) }
}

// flipped is s with another character in its middle.
func flipped(s string) string {
	i, c := len(s)/2, "A"
	if s[i] == 'A' {
		c = "B"
	}
	return s[:i] + c + s[i+1:]
}

// matches compares refusals by their type and everything else by what it is.
func matches(err, want error) bool {
	switch want.(type) { //nolint:errorlint // want is the bare error
	case *attest.Error:
		_, ok := errors.AsType[*attest.Error](err)
		return ok
	case *login.Refusal:
		_, ok := errors.AsType[*login.Refusal](err)
		return ok
	}
	return errors.Is(err, want)
}

// What recovery names among decoys can be told from them by registering a key of that id. An operator sees who does.
func TestWhoProbesForWhatIsBoundIsJournalled(t *testing.T) {
	h := open(t)
	h.bind(h.visit(bobID, "pwd"), attest.MethodPasskey, "bob's")
	v := h.alice()
	probe := func(id string) error {
		_, err := h.Finish(t.Context(), v, attest.MethodPasskey, Answer{State: h.begun(v, attest.MethodPasskey).State, Body: []byte(id)})
		return err
	}
	must(t, probe("a decoy"))
	if got := h.entries(journal.KindEnrolmentRefused); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	if err := probe("bob's"); !errors.Is(err, ErrBound) {
		t.Errorf("%v, want bound", err)
	}
	got := h.entries(journal.KindEnrolmentRefused)
	if len(got) != 1 || got[0].AccountID != aliceID || got[0].Detail["reason"] != "bound already" ||
		got[0].Detail["method"] != string(attest.MethodPasskey) || got[0].Detail["network"] != "203.0.113.0/24" {
		t.Errorf("%+v", got)
	}
}
