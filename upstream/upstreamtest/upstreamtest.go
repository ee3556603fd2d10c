// Package upstreamtest is the contract of [upstream.Adapter] as tests. Every
// adapter runs it against the real server ([Run]), and once more through a
// proxy that breaks what the server says. What its facts rule out is tested to
// be so; of the fixture, what belongs to that may be missing.
package upstreamtest

import (
	"crypto/rand"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
)

// Person is an account that the fixture prepared at the server.
type Person struct {
	ID          string
	Identifiers []string
}

// Fixture is a real server with accounts, and what a test can do there without
// going through the adapter.
type Fixture struct {
	// URL of the real server.
	URL string
	// New returns an adapter that calls the server at url.
	New func(t testing.TB, url string) upstream.Adapter

	// Alice is ordinary. With Admin, Carol is privileged and Mallory disabled.
	Alice, Carol, Mallory Person

	// Entry begins a login in a browser and says what that would bring to the
	// gateway; Follow leads the browser on from there. Nil: the server makes its
	// sessions without a login that waits.
	Entry  func(t testing.TB) string
	Follow func(t testing.TB, s upstream.Session, d *upstream.Direct)
	// LogIn has Alice sign in at the address to with her own credentials, and
	// returns what came back to RedirectURI. Nil: that is tested elsewhere.
	LogIn       func(t testing.TB, to string, l upstream.Login) upstream.Answer
	RedirectURI string

	// SignIn makes a session and an offline session with the person's own
	// credentials. Sessions counts all that stand.
	SignIn   func(t testing.TB, p Person)
	Sessions func(t testing.TB, p Person) int
	// Lock locks the person out as an attacker would. Nil: the server locks
	// nobody out.
	Lock   func(t testing.TB, p Person)
	Locked func(t testing.TB, p Person) bool
	// WaysIn lists the ways in that lead into the account, by the names that
	// Way gives them: broker subjects, or the sessions of an adapter that is
	// Direct.
	WaysIn func(t testing.TB, p Person) []string
	// Way is how a way in shows that was made for a subject. Nil: as that.
	Way func(subject string) string
	// Reads tells that Finish has nothing to take away.
	Reads bool

	// Assert makes an assertion about a subject, as the gateway's broker does, for
	// an adapter whose facts name an audience.
	Assert func(subject string) (string, error)

	// Faults are ways in which this kind of server can be broken, by name,
	// besides those that are tried on all.
	Faults map[string]Fault
}

// Run holds an adapter to its contract.
func Run(t *testing.T, f Fixture) {
	a := f.New(t, f.URL)
	facts := a.Facts()
	t.Run("facts are constant", func(t *testing.T) { factsAreConstant(t, a) })
	t.Run("what the facts rule out is not supported", func(t *testing.T) { ruledOut(t, a, f) })
	if facts.Admin {
		t.Run("every identifier resolves to the one account", func(t *testing.T) { identifiersResolve(t, a, f) })
		t.Run("state tells who may be recovered", func(t *testing.T) { stateTells(t, a, f) })
		t.Run("nobody has an unknown id", func(t *testing.T) { unknownIDs(t, a, f) })
		t.Run("a disabled account gets no way in", func(t *testing.T) { disabledGetsNone(t, a, f) })
	}
	if facts.Revokes {
		t.Run("revoke leaves no session", func(t *testing.T) { revokeLeavesNone(t, a, f) })
	}
	if f.Lock != nil {
		t.Run("prepare unlocks", func(t *testing.T) { prepareUnlocks(t, a, f) })
	}
	t.Run("prepare refuses what the facts leave out", func(t *testing.T) { prepareRefuses(t, a, f) })
	if f.Entry != nil {
		t.Run("without a login there is no session", func(t *testing.T) { loginIsNeeded(t, a, f) })
	}
	t.Run("a session is one way in", func(t *testing.T) { sessionIsOneWayIn(t, a, f) })
	switch {
	case facts.Direct:
		t.Run("finish leaves the session and ends older ones", func(t *testing.T) { finishLeaves(t, a, f) })
	case f.WaysIn != nil:
		t.Run("finish takes the way in away", func(t *testing.T) { finishTakesAway(t, a, f) })
	default:
		t.Run("finish waits for the code alone", func(t *testing.T) { finishWaits(t, a, f) })
	}
	if f.LogIn != nil {
		t.Run("a login tells who signed in, once", func(t *testing.T) { loginTells(t, a, f) })
	}
	if f.WaysIn == nil { // no verb makes or ends anything at the server
		return
	}
	if len(facts.Programs) > 0 {
		t.Run("a program gets a token", func(t *testing.T) { programGetsToken(t, a, f) })
	}
	t.Run("a broken answer grants nothing", func(t *testing.T) { brokenAnswers(t, f) })
	t.Run("a change that was not made is noticed", func(t *testing.T) { swallowedWrites(t, f) })
	t.Run("every verb resumes after every failure", func(t *testing.T) { verbsResume(t, f) })
}

func factsAreConstant(t *testing.T, a upstream.Adapter) {
	facts := a.Facts()
	if facts.Name == "" || !slices.Contains(facts.Actions, attest.ActionSignIn) {
		t.Errorf("facts %+v lack a name or sign-in", facts)
	}
	facts.Actions[0] = "changed by a caller"
	if again := a.Facts(); again.Actions[0] == facts.Actions[0] || !reflect.DeepEqual(again, a.Facts()) {
		t.Error("a caller can change the facts")
	}
}

func revokeLeavesNone(t *testing.T, a upstream.Adapter, f Fixture) {
	f.SignIn(t, f.Alice)
	if f.Sessions(t, f.Alice) < 2 {
		t.Fatal("the fixture made no session and offline session")
	}
	for range 2 {
		if err := a.Revoke(t.Context(), f.Alice.ID); err != nil {
			t.Fatal(err)
		}
		if n := f.Sessions(t, f.Alice); n != 0 {
			t.Fatalf("%d sessions are left", n)
		}
	}
}

func prepareUnlocks(t *testing.T, a upstream.Adapter, f Fixture) {
	f.Lock(t, f.Alice)
	if !f.Locked(t, f.Alice) {
		t.Fatal("the fixture made no lock")
	}
	for range 2 {
		if err := a.Prepare(t.Context(), f.Alice.ID, []attest.Action{attest.ActionSignIn}); err != nil {
			t.Fatal(err)
		}
	}
	if f.Locked(t, f.Alice) {
		t.Error("the account is still locked")
	}
}

func prepareRefuses(t *testing.T, a upstream.Adapter, f Fixture) {
	for _, action := range []attest.Action{"", "unheard-of", attest.ActionVerifyCaller} {
		err := a.Prepare(t.Context(), f.Alice.ID, []attest.Action{attest.ActionSignIn, action})
		if !errors.Is(err, upstream.ErrUnsupported) {
			t.Errorf("preparing %q: %v, want unsupported", action, err)
		}
	}
}

func sessionIsOneWayIn(t *testing.T, a upstream.Adapter, f Fixture) {
	first, second := newSession(t, f, f.Alice), newSession(t, f, f.Alice)
	for _, s := range []upstream.Session{first, first, second} {
		outcome, err := a.Session(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		presented := s.Subject
		if f.WaysIn == nil { // nothing is made for it
			presented = s.AccountID
		}
		switch direct := a.Facts().Direct; {
		case !direct && (outcome.BrokerSubject != presented || outcome.Direct != nil):
			t.Errorf("the broker is to say %q, want %q", outcome.BrokerSubject, presented)
		case direct && (outcome.BrokerSubject != "" || outcome.Direct == nil || outcome.Direct.Location == ""):
			t.Errorf("outcome %+v leads the browser nowhere", outcome)
		}
		f.follow(t, s, outcome)
		wantWaysIn(t, f, s.Subject)
	}
	late := first
	late.RedeemedAt = first.Now.Add(-time.Hour)
	must(t, a.Abandon(t.Context(), first))
	_, err := a.Finish(t.Context(), late)
	must(t, err)
	wantWaysIn(t, f, second.Subject) // the way in of another recovery
	for range 2 {
		must(t, a.Abandon(t.Context(), second))
		wantWaysIn(t, f)
	}
}

// newSession is a granted recovery that has not been redeemed.
func newSession(t testing.TB, f Fixture, p Person) upstream.Session {
	now, subject := time.Now(), "test-"+strings.ToLower(rand.Text())
	s := upstream.Session{
		AccountID: p.ID, Subject: subject, Txn: "txn-of-" + subject, ACR: "urn:regrant:acr:test", AMR: []string{"pop"},
		Actions: []attest.Action{attest.ActionSignIn}, GrantedAt: now, Now: now,
	}
	if f.Entry != nil {
		s.Entry = f.Entry(t)
	}
	return s
}

func (f Fixture) follow(t testing.TB, s upstream.Session, outcome upstream.Outcome) {
	t.Helper()
	if f.Follow != nil {
		f.Follow(t, s, outcome.Direct)
	}
}

func wantWaysIn(t testing.TB, f Fixture, want ...string) {
	t.Helper()
	if f.WaysIn == nil {
		return
	}
	if f.Way != nil {
		for i := range want {
			want[i] = f.Way(want[i])
		}
	}
	if got := f.WaysIn(t, f.Alice); !slices.Equal(got, want) {
		t.Errorf("ways in %v, want %v", got, want)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
