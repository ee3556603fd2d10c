package kratos_test

import (
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	server "github.com/regrant/regrant/integration/kratos"
	"github.com/regrant/regrant/upstream/kratos"
	"github.com/regrant/regrant/upstream/upstreamtest"
)

// signIn is a session with the person's password, as somebody else may have opened it.
func (w *world) signIn(t *testing.T, p upstreamtest.Person) string {
	t.Helper()
	token, err := w.SignIn(t.Context(), p.Identifiers[0], password)
	must(t, err)
	return token
}

func TestTheRecoveryIsDoneWhenThePasswordIsAnotherOne(t *testing.T) {
	w := realKratos(t)
	a, p := w.adapter(t, w.both.URL), w.person(t, "erin")
	s := recovery(p, attest.ActionSignIn, attest.ActionResetPassword)
	token := enterAsProgram(t, a, s)
	later := w.signIn(t, p)
	if finish(t, a, s) {
		t.Fatal("finished, but the password is the lost one")
	}
	late := s
	late.RedeemedAt, late.Now = s.Now, s.Now.Add(31*time.Minute)
	if done, err := a.Finish(t.Context(), late); done || err != nil {
		t.Errorf("never set: %v, %v", done, err)
	}
	wantSession(t, w, later, http.StatusOK) // the owner's too, as far as anybody knows
	must(t, w.SetPassword(t.Context(), token, "another horse of erin"))
	soon := s
	soon.RedeemedAt = s.Now
	if done, err := a.Finish(t.Context(), soon); done || err != nil {
		t.Errorf("finished while the answer may be asked for again: %v, %v", done, err)
	}
	wantSession(t, w, later, http.StatusUnauthorized)
	if !finish(t, a, s) {
		t.Error("not finished")
	}
	wantSession(t, w, token, http.StatusOK)
}

func TestASessionOpenedBeforeTheRecoverysEnds(t *testing.T) {
	w := realKratos(t)
	a, p := w.adapter(t, w.both.URL), w.person(t, "erin")
	s := recovery(p, attest.ActionSignIn)
	must(t, a.Revoke(t.Context(), p.ID))
	stolen := w.signIn(t, p)
	s.Program = true
	out, err := a.Session(t.Context(), s)
	must(t, err)
	later := w.signIn(t, p)
	if !finish(t, a, s) {
		t.Error("not finished")
	}
	wantSession(t, w, stolen, http.StatusUnauthorized)
	wantSession(t, w, out.Token.Value, http.StatusOK)
	wantSession(t, w, later, http.StatusOK)
}

// Whoever logs out right away has recovered all the same.
func TestASessionThatThePersonEndedWasMade(t *testing.T) {
	w := realKratos(t)
	a, p := w.adapter(t, w.both.URL), w.person(t, "erin")
	s := recovery(p, attest.ActionSignIn)
	stolen := w.signIn(t, p)
	s.Program = true
	out, err := a.Session(t.Context(), s)
	must(t, err)
	session, err := w.Whoami(t.Context(), server.Token(out.Token.Value))
	must(t, err)
	must(t, w.Admin(t.Context(), http.MethodDelete, "/sessions/"+session.ID, nil, nil))
	if !finish(t, a, s) {
		t.Error("not finished")
	}
	wantSession(t, w, stolen, http.StatusUnauthorized)

	must(t, a.Revoke(t.Context(), p.ID)) // nothing is known any more
	if finish(t, a, s) {
		t.Error("finished, though the session shows nowhere")
	}
}

// The thief reads the name of the device among the sessions of the account.
func TestNobodyTakesThePlaceOfTheRecoverysSession(t *testing.T) {
	w := realKratos(t)
	a, p := w.adapter(t, w.both.URL), w.person(t, "erin")
	s := recovery(p, attest.ActionSignIn, attest.ActionResetPassword)
	token := enterAsProgram(t, a, s)
	tags := w.recoveries(t, p.ID)
	spying := newBrowser(t, w)
	spying.signsInAs = tags[0] + "none"
	spying.signIn(p.Identifiers[0])
	if got := w.recoveries(t, p.ID); len(got) != 2 {
		t.Fatalf("the thief's session is not like the recovery's: %v", got)
	}
	if finish(t, a, s) {
		t.Error("finished on the word of somebody who signed in")
	}
	wantSession(t, w, token, http.StatusOK)
	must(t, w.SetPassword(t.Context(), token, "another horse of erin"))
	if !finish(t, a, s) {
		t.Error("not finished")
	}
	wantSession(t, w, token, http.StatusOK)
	if status, _ := spying.whoami(); status != http.StatusUnauthorized {
		t.Errorf("the thief's session: %d", status)
	}
}

// Whoever knows the old password opens sessions until the recovery's is out of sight.
func TestNoNumberOfSessionsHidesTheRecoverys(t *testing.T) {
	w := realKratos(t)
	a, p := w.adapter(t, w.both.URL), w.person(t, "erin")
	s := recovery(p, attest.ActionSignIn, attest.ActionResetPassword)
	token := enterAsProgram(t, a, s)
	for range kratos.PerPage { // a whole page
		w.signIn(t, p)
	}
	must(t, w.SetPassword(t.Context(), token, "another horse of erin"))
	if !finish(t, a, s) {
		t.Error("not finished")
	}
	if left, err := w.Sessions(t.Context(), p.ID); err != nil || len(left) != 1 {
		t.Errorf("%d sessions are left, %v", len(left), err)
	}
	wantSession(t, w, token, http.StatusOK)
	must(t, a.Abandon(t.Context(), s))
	wantSession(t, w, token, http.StatusUnauthorized)
}

// imported makes an identity whose password comes from another system.
func (w *world) imported(t *testing.T, name string) upstreamtest.Person {
	t.Helper()
	sum := sha1.Sum([]byte(password + "salt"))
	hash := "{SSHA}" + base64.StdEncoding.EncodeToString(append(sum[:], "salt"...))
	return w.create(t, name, map[string]any{"password": map[string]any{"config": map[string]any{"hashed_password": hash}}})
}

// Kratos writes its own hash of an imported password when somebody signs in with it.
func TestAnotherHashOfTheOldPasswordIsNoNewPassword(t *testing.T) {
	w := realKratos(t)
	a := w.adapter(t, w.both.URL)
	for _, c := range []struct {
		name   string
		signIn bool
		want   bool
	}{{"frank", false, true}, {"grace", true, false}} {
		p := w.imported(t, c.name)
		s := recovery(p, attest.ActionSignIn, attest.ActionResetPassword)
		token := enterAsProgram(t, a, s)
		if c.signIn {
			w.signIn(t, p)
		} else {
			must(t, w.SetPassword(t.Context(), token, "another horse of "+c.name))
		}
		if finish(t, a, s) != c.want {
			t.Errorf("%s: done %v", c.name, !c.want)
		}
		wantSession(t, w, token, http.StatusOK)
	}
}
