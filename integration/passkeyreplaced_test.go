package integration

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/chromium"
	"github.com/regrant/regrant/integration/env"
)

// Both passkeys are made in Keycloak's own form: the one that is lost, and its successor.
func TestALostPasskeyOfKeycloaksIsReplacedInItsOwnForm(t *testing.T) {
	e := use(t, env.Keycloak)
	p, s := enrolled(t, e, newcomer(t, e)), surfingAt(t, e)
	r := realmOf(t, e)
	id, err := r.UserID(t.Context(), p.user)
	fatal(t, err)
	lost := s.loses(r, id, p.user)
	key := s.holds(chromium.Authenticator{})
	p.Wants = []string{"sign-in", "replace-passkey"}
	s.opens(e.App.URL + "/")
	s.clicks(`a[href*="reset-credentials"]`)
	s.reads("Your sign-in is waiting")
	granted := p.granted()
	handoff, _, err := p.Handoff(t.Context(), granted.RecoveryToken)
	fatal(t, err)
	s.brings(handoff.Code)
	s.reads("You register a new passkey and the old ones are removed")
	s.clicks(`form[action$="/continue"] button`)
	s.reads(registration)
	if now := r.passkey(id); now != lost {
		t.Errorf("while the form is open there is %+v, want %+v", now, lost)
	}
	s.registers("key")
	s.reads("Signed in as " + p.user + ". The session says that it came from a recovery.")
	until(t, time.Minute, "the recovery is done", func() bool {
		return slices.ContainsFunc(recoveries(t, e), func(r summary) bool { return r.Reference == granted.Reference && r.State == "done" })
	})
	if now := r.passkey(id); !now.isOf(s.copied(key)) {
		t.Errorf("there is %+v, which is not the passkey on the key", now)
	}
}

// loses a phone, with the passkey that Keycloak had the user register.
func (s *surfer) loses(r acme, id, user string) passkey {
	s.t.Helper()
	r.call(http.MethodPut, "/users/"+id, map[string]any{"requiredActions": []string{"webauthn-register-passwordless"}}, nil)
	phone := s.holds(chromium.Authenticator{Platform: true})
	s.opens(s.e.App.URL + "/")
	s.fills(`[name=username]`, user)
	s.fills(`[name=password]`, user+"-password")
	s.clicks(`[name=login]`)
	s.registers("phone")
	s.reads("Signed in as " + user + ".")
	lost := r.passkey(id)
	if !lost.isOf(s.copied(phone)) {
		s.t.Fatalf("%+v is not the passkey on the phone", lost)
	}
	s.check(phone.Remove())
	s.check(s.ForgetCookies())
	// Keycloak's clock is known to a second: what is made within it before a recovery is not told from what is made after.
	time.Sleep(time.Until(time.UnixMilli(lost.CreatedDate).Add(2 * time.Second)))
	return lost
}

// registration are the words of Keycloak's form for a new passkey.
const registration = "Passkey Registration"

// registers has the authenticator make a passkey in that form, whose script asks for a name.
func (s *surfer) registers(name string) {
	s.t.Helper()
	s.reads(registration)
	_ = evaluates[bool](s, fmt.Sprintf(`new Promise((ready) => {
		window.prompt = () => %s;
		document.readyState === "complete" ? ready(true) : addEventListener("load", () => ready(true));
	})`, inJS(name)))
	s.clicks(`#registerWebAuthn`)
}

// brings the code of a handoff, as the loopback page of the program would.
func (s *surfer) brings(code string) {
	s.t.Helper()
	_ = evaluates[bool](s, fmt.Sprintf(`(() => {
		const form = Object.assign(document.createElement("form"), {method: "post", action: %s});
		form.append(Object.assign(document.createElement("input"), {name: "code", value: %s}));
		document.body.append(form);
		form.submit();
		return true;
	})()`, inJS(s.e.Issuer+"/continue"), inJS(code)))
}

// passkey is one as Keycloak keeps it.
type passkey struct {
	ID             string `json:"id"`
	Type           string `json:"type"`
	CreatedDate    int64  `json:"createdDate"` // milliseconds since 1970
	CredentialData string `json:"credentialData"`
}

// passkey is the one that the user has.
func (r acme) passkey(id string) passkey {
	r.t.Helper()
	var all []passkey
	r.call(http.MethodGet, "/users/"+id+"/credentials", nil, &all)
	all = slices.DeleteFunc(all, func(c passkey) bool { return c.Type != "webauthn-passwordless" })
	if len(all) != 1 {
		r.t.Fatalf("there are %d passkeys: %+v", len(all), all)
	}
	return all[0]
}

// isOf tells whether it is the credential on an authenticator.
func (p passkey) isOf(c chromium.Credential) bool {
	var data struct {
		ID string `json:"credentialId"`
	}
	_ = json.Unmarshal([]byte(p.CredentialData), &data) // without it, there is none
	id, err := base64.StdEncoding.DecodeString(data.ID)
	return err == nil && bytes.Equal(id, c.ID)
}
