package integration

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/integration/kratos"
	"github.com/regrant/regrant/integration/mailbox"
)

// In mode assist people who have forgotten their password come back by what the identity provider mails them, as they did before, also
// those who have bound something at the gateway. It has no part in that.

const mailedPassword = "a-new-Passw0rd"

func TestInModeAssistALinkThatKeycloakMailsIsGoodToTheEnd(t *testing.T) {
	t.Parallel()
	box, err := mailbox.Start()
	fatal(t, err)
	t.Cleanup(box.Stop)
	e := own(t, env.Options{IdP: env.Keycloak, Bare: true})
	h := &house{t, e, realServer(e), keycloak.Realm, e.IdP, filepath.Join(e.Dir, "etc")}
	smtp := map[string]string{"host": "127.0.0.1", "port": fmt.Sprint(box.Port), "from": "idp@example.com"}
	fatal(t, h.server.Admin(t.Context(), http.MethodPut, "", map[string]any{"resetPasswordAllowed": true, "smtpServer": smtp}, nil))
	plan := h.must("--apply")
	fatal(t, e.Configure(t.Context(), func(now string) string { return asPrinted(t, e, now, plan.Caddyfile) }))

	p, v := &person{t: t, e: e, user: "alice", account: "alice@example.com"}, newVisitor(t, e)
	p.bindCodes()
	sent, err := v.Submit(t.Context(), v.asksForMail(), "reset-credentials", url.Values{"username": {p.user}})
	fatal(t, err)
	if !strings.Contains(sent.Text(), mailSent) {
		t.Fatalf("%d at %s: %s", sent.Status, sent.URL.Path, sent.Text())
	}
	form, err := v.Open(t.Context(), linkIn(mailAfter(t, box, 0)))
	fatal(t, err)
	page, err := v.Submit(t.Context(), form, "required-action", url.Values{"password-new": {mailedPassword}, "password-confirm": {mailedPassword}})
	fatal(t, err)
	v.wantAtApp(page, p.user)
	until(t, 10*time.Second, "the new password is taken", func() bool { // Keycloak turns away who comes while it counts the sign-in before
		_, err := h.server.Token(t.Context(), "admin-cli", p.user, mailedPassword)
		return err == nil
	})
	if _, err := h.server.Token(t.Context(), "admin-cli", p.user, p.user+"-password"); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
		t.Errorf("with the old password: %v", err)
	}
	recoveredNobody(t, e)
}

func TestInModeAssistWhatKratosMailsIsGoodToTheEnd(t *testing.T) {
	t.Parallel()
	k := newKratosSite(t)
	fatal(t, k.e.Configure(t.Context(), assisting))
	for use, user := range map[string]string{"code": "alice", "link": "bob"} {
		t.Run(use, func(t *testing.T) { k.recoversByMail(t, use, user) })
	}
	recoveredNobody(t, k.e)
}

// recoversByMail is a recovery by a code or a link of Kratos', of somebody who has a device at the gateway.
func (k *kratosSite) recoversByMail(t *testing.T, use, user string) {
	t.Helper()
	p, v := enrolled(t, k.e, user), newVisitor(t, k.e)
	k.mailsBy(t, use)
	before := len(k.box.Texts())
	sent, err := v.SubmitWhere(t.Context(), v.asksForMail(), "method", use, url.Values{"email": {p.account}})
	fatal(t, err)
	mail := mailAfter(t, k.box, before)
	var settings *browser.Page
	if use == "code" {
		settings, err = v.SubmitWhere(t.Context(), sent, "method", use, url.Values{"code": {mailedDigits.FindString(mail)}})
	} else {
		settings, err = v.Open(t.Context(), linkIn(mail))
	}
	fatal(t, err)
	_, err = v.SubmitWhere(t.Context(), settings, "method", "password", url.Values{"password": {mailedPassword}})
	fatal(t, err)
	page, err := v.Open(t.Context(), k.e.Entrance())
	fatal(t, err)
	v.wantAtApp(page, p.user)
	if _, err := k.server.SignIn(t.Context(), p.account, mailedPassword); err != nil {
		t.Errorf("with the new password: %v", err)
	}
	if _, err := k.server.SignIn(t.Context(), p.account, p.user+"-password"); !kratos.Refused(err, http.StatusBadRequest) {
		t.Errorf("with the old password: %v", err)
	}
}

// asksForMail follows "Forgot password?", which leads to the identity provider's own page.
func (v *visitor) asksForMail() *browser.Page {
	v.t.Helper()
	login, err := v.Open(v.t.Context(), v.e.Entrance())
	fatal(v.t, err)
	page, err := v.Click(v.t.Context(), login, "Forgot")
	fatal(v.t, err)
	if page.Status != http.StatusOK || strings.HasPrefix(page.URL.String(), v.e.Issuer) {
		v.t.Fatalf("%d at %s: %s", page.Status, page.URL, page.Text())
	}
	return page
}

// mailAfter waits for the mail that comes after n others.
func mailAfter(t *testing.T, box *mailbox.Box, n int) string {
	t.Helper()
	until(t, time.Minute, "the mail is there", func() bool { return len(box.Texts()) > n })
	return box.Texts()[n]
}

// recoveredNobody demands that the gateway has journalled what it was asked to do, but no recovery, and has told nobody of any. It is ended for
// that.
func recoveredNobody(t *testing.T, e *env.Env) {
	t.Helper()
	store := left(t, e)
	if len(store.Journal) == 0 || len(store.Recoveries) > 0 {
		t.Errorf("%d entries in the journal, recoveries %+v", len(store.Journal), store.Recoveries)
	}
	for _, entry := range store.Journal {
		if strings.HasPrefix(entry.Kind, "recovery-") {
			t.Errorf("in the journal: %+v", entry)
		}
	}
	notices, _ := e.Hook.Notices()
	for _, n := range notices {
		if strings.HasPrefix(n.Type, "recovery-") {
			t.Errorf("somebody was told %+v", n)
		}
	}
}
