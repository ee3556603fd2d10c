package login

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// session is one that was begun at noon.
func session(a upstream.Assurance) Session {
	return Session{record{AccountID: "alice-1", AuthenticatedAt: noon, Assurance: a}}
}

// and phishing-resistant if the account has such a factor.
func TestWhatMayBeBoundInASession(t *testing.T) {
	const (
		code, password = attest.ClassSavedCode, attest.ClassPassword
		single, multi  = attest.ClassSingleFactorCryptographic, attest.ClassMultiFactorCryptographic
		other, unknown = attest.ClassAlternative, attest.Class("of tomorrow")
	)
	level := func(l upstream.AAL) upstream.Assurance { return upstream.Assurance{AAL: l} }
	safe := func(l upstream.AAL) upstream.Assurance { return upstream.Assurance{AAL: l, PhishingResistant: true} }
	every := []attest.Class{code, password, single, multi, other, unknown}
	for _, c := range []struct {
		session, account upstream.Assurance
		may              []attest.Class
	}{
		// An account with one factor.
		{level(1), level(1), every},
		{level(2), level(1), every},
		// One with two: the password alone binds nothing.
		{level(1), level(2), nil},
		{level(2), level(2), every},
		{safe(1), level(2), nil},
		{safe(2), level(2), every},
		// One whose second factor cannot be phished.
		{level(2), safe(2), nil},
		{safe(1), safe(2), nil},
		{safe(2), safe(2), every},
		{level(1), safe(1), nil},
		// One that reaches level 3: what is never used there needs level 2.
		{level(2), level(3), []attest.Class{code, password}},
		{safe(2), safe(3), []attest.Class{code, password}},
		{level(2), safe(3), nil},
		{safe(3), safe(3), every},
		// One of which nothing is known.
		{level(1), level(0), nil},
		{level(2), level(0), []attest.Class{code, password}},
		{level(3), level(0), every},
	} {
		for _, class := range every {
			want := false
			for _, m := range c.may {
				want = want || m == class
			}
			err := MayBind(session(c.session), c.account, class, noon)
			if (err == nil) != want {
				t.Errorf("session %+v, account %+v, %s: %v, want allowed: %v", c.session, c.account, class, err, want)
			}
			if refusal, ok := errors.AsType[*Refusal](err); err != nil && (!ok || refusal.Stale || MayBind(session(refusal.Need), c.account, class, noon) != nil) {
				t.Errorf("session %+v, account %+v, %s: what is said to be needed does not do: %+v", c.session, c.account, class, refusal)
			}
		}
	}
}

func TestOnlyAFreshSignInBinds(t *testing.T) {
	for age, want := range map[time.Duration]bool{
		0: true, Life: true, Life + time.Second: false, 24 * time.Hour: false, -skew: true, -skew - time.Second: false,
	} {
		err := MayBind(session(upstream.Assurance{AAL: upstream.AAL2}), upstream.Assurance{AAL: upstream.AAL2}, attest.ClassSavedCode, noon.Add(age))
		refusal, refused := errors.AsType[*Refusal](err)
		if (err == nil) != want || refused == want || refused && !refusal.Stale {
			t.Errorf("%s after the sign-in: %v", age, err)
		}
	}
}

func TestNobodyBindsNothing(t *testing.T) {
	if err := MayBind(Session{}, upstream.Assurance{AAL: upstream.AAL1}, attest.ClassSavedCode, noon); !errors.Is(err, ErrNone) {
		t.Errorf("%v", err)
	}
}

func TestARefusalSaysWhatIsNeededAndWhatToDo(t *testing.T) {
	for _, r := range []Refusal{
		{Need: upstream.Assurance{AAL: upstream.AAL2}},
		{Need: upstream.Assurance{AAL: upstream.AAL3}},
		{Need: upstream.Assurance{AAL: upstream.AAL2, PhishingResistant: true}},
		{Need: upstream.Assurance{AAL: upstream.AAL2}, Stale: true},
	} {
		if text := r.Error(); !strings.Contains(text, "Sign in again") || !strings.HasSuffix(text, ".") {
			t.Errorf("%+v: %q", r, text)
		}
	}
}
