package keycloak_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/integration/directory"
	server "github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/keycloak"
)

// federate has the realm take users from a real directory, until the test ends.
func (w *world) federate(t *testing.T, editMode string, people ...string) {
	t.Helper()
	if err := directory.Missing(); err != nil && os.Getenv("CI") != "true" {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	port, err := server.FreePort()
	must(t, err)
	d, err := directory.Start(t.Context(), t.TempDir(), port, io.Discard, people...)
	must(t, err)
	t.Cleanup(d.Stop)
	var realm struct {
		ID string `json:"id"`
	}
	must(t, w.Admin(t.Context(), http.MethodGet, "", nil, &realm))
	config := map[string][]string{}
	for name, value := range map[string]string{
		"enabled": "true", "vendor": "other", "connectionUrl": d.URL, "bindDn": directory.Admin, "bindCredential": directory.Password,
		"authType": "simple", "usersDn": directory.People, "editMode": editMode, "importEnabled": "true", "searchScope": "1",
		"usernameLDAPAttribute": "uid", "rdnLDAPAttribute": "uid", "uuidLDAPAttribute": "entryUUID", "userObjectClasses": "inetOrgPerson",
	} {
		config[name] = []string{value}
	}
	must(t, w.Admin(t.Context(), http.MethodPost, "/components", map[string]any{
		"name": "directory", "providerId": "ldap", "providerType": "org.keycloak.storage.UserStorageProvider", "parentId": realm.ID, "config": config,
	}, nil))
	var made []struct {
		ID string `json:"id"`
	}
	must(t, w.Admin(t.Context(), http.MethodGet, "/components?name=directory", nil, &made))
	ctx := context.WithoutCancel(t.Context())
	t.Cleanup(func() { must(t, w.Admin(ctx, http.MethodDelete, "/components/"+made[0].ID, nil, nil)) })
}

func TestAUserFromAReadOnlyDirectoryIsDemandedNothingThatItRefuses(t *testing.T) {
	w := realKeycloak(t)
	w.federate(t, "READ_ONLY", "lena")
	account, err := w.adapter.Resolve(t.Context(), "lena@example.com")
	must(t, err)
	state, err := w.adapter.State(t.Context(), account.ID)
	must(t, err)
	if !slices.Equal(state.Impossible, []attest.Action{attest.ActionResetPassword}) || !state.Enabled || state.Privilege != upstream.PrivilegeOrdinary {
		t.Errorf("state %+v", state)
	}
	with := []attest.Action{attest.ActionSignIn, attest.ActionResetPassword}
	if err := w.adapter.Prepare(t.Context(), account.ID, with); !errors.Is(err, upstream.ErrRefused) {
		t.Errorf("preparing a new password: %v, want refused", err)
	}
	var u struct {
		RequiredActions []string `json:"requiredActions"`
	}
	must(t, w.Admin(t.Context(), http.MethodGet, "/users/"+account.ID, nil, &u))
	if len(u.RequiredActions) > 0 {
		t.Errorf("demanded of the person: %q", u.RequiredActions)
	}
	now := time.Now()
	s := upstream.Session{AccountID: account.ID, Subject: "recovery-of-lena", Actions: []attest.Action{attest.ActionSignIn}, GrantedAt: now, Now: now}
	w.recovered(t, s)
	if !w.finish(t, s) {
		t.Error("the recovery of a user from a directory does not come to its end")
	}
	local, err := w.adapter.State(t.Context(), w.user(t, "alice"))
	if err != nil || len(local.Impossible) > 0 {
		t.Errorf("of the realm's own user: %+v, %v", local, err)
	}
}

func TestAUserFromADirectoryThatTakesPasswordsGetsANewOne(t *testing.T) {
	w := realKeycloak(t)
	w.federate(t, "WRITABLE", "lars")
	a, err := keycloak.New(keycloak.Config{
		URL: w.URL, PublicURL: w.origin.URL, Realm: w.Realm, ClientID: server.ClientID, ClientSecret: w.ClientSecret, Strict: true, FederatedPasswords: true,
	})
	must(t, err)
	account, err := a.Resolve(t.Context(), "lars")
	must(t, err)
	now := time.Now()
	s := upstream.Session{
		AccountID: account.ID, Subject: "recovery-of-lars", Actions: []attest.Action{attest.ActionSignIn, attest.ActionResetPassword}, GrantedAt: now, Now: now,
	}
	must(t, a.Prepare(t.Context(), s.AccountID, s.Actions))
	outcome, err := a.Session(t.Context(), s)
	must(t, err)
	w.broker.present(outcome.BrokerSubject)
	b := newBrowser(t, w)
	address, verifier := w.appURL(url.Values{"kc_idp_hint": {"regrant"}})
	const renewed = "a-new-Passw0rd-of-lars"
	landed := b.submit(b.open(address), url.Values{"password-new": {renewed}, "password-confirm": {renewed}})
	b.redeem(w, landed, verifier)
	must(t, a.Abandon(t.Context(), s))
	newBrowser(t, w).signIn(w, "lars", renewed, nil)
}
