package integration

import (
	"crypto/rand"
	"net/http"
	"testing"

	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/env"
)

// application is a client with a key of its own, and what the Caddyfile says of it.
func application(id string) (*claimant.Application, string) {
	app := &claimant.Application{ID: id, Key: claimant.NewKey()}
	return app, "client " + id + " {\n jwks `" + app.JWKS() + "`\n}"
}

// A program of the operator's own recovers accounts for people: it authenticates with its key, its user with theirs.
func TestAConfiguredClientRecoversFromBeginningToEnd(t *testing.T) {
	app, block := application("help-desk-app")
	other, otherBlock := application("other-app")
	batch := &claimant.Application{ID: "batch", Secret: rand.Text() + rand.Text()}
	e := own(t, env.Options{IdP: env.Demo, Patient: true, Gateway: []string{block, otherBlock, "client batch {\n secret " + batch.Secret + "\n}"}, Users: newcomers()})
	app.Issuer, other.Issuer = e.Issuer, e.Issuer

	for _, as := range []*claimant.Application{app, batch} {
		t.Run(as.ID, func(t *testing.T) {
			p := enrolled(t, e, newcomer(t, e))
			p.As = as
			token := p.granted().RecoveryToken
			p.wantActive(token, true)
			access := p.exchanged(token)
			p.wantActive(token, false)
			p.wantActive(access, true)
			done, a, err := p.Complete(t.Context(), access)
			fatal(t, err)
			if a.Status != http.StatusOK || done.Outcome != "handoff" {
				t.Fatalf("complete: %d %s", a.Status, a.Body)
			}
			b, err := waiting(t.Context(), e)
			fatal(t, err)
			page, err := confirmation(t.Context(), b, e, done.Code)
			fatal(t, err)
			page, err = b.Submit(t.Context(), page, "continue", nil)
			fatal(t, err)
			if page.Status != http.StatusOK {
				t.Fatalf("%d at %s", page.Status, page.URL.Path)
			}
		})
	}
	t.Run("nobody else redeems its token", func(t *testing.T) {
		p := enrolled(t, e, newcomer(t, e))
		p.As = app
		token := p.granted().RecoveryToken
		for _, as := range []*claimant.Application{nil, other, batch, {ID: app.ID, Issuer: e.Issuer, Key: other.Key}} {
			p.As = as
			_, a, err := p.Exchange(t.Context(), token)
			fatal(t, err)
			if a.Code() != "invalid_grant" && a.Code() != "invalid_client" {
				t.Errorf("%+v: %d %s", as, a.Status, a.Body)
			}
		}
		p.As = app
		p.exchanged(token)
	})
	t.Run("it revokes", func(t *testing.T) {
		p := enrolled(t, e, newcomer(t, e))
		p.As = app
		access := p.exchanged(p.granted().RecoveryToken)
		p.As = other
		if a, err := p.Revoke(t.Context(), access); err != nil || a.Code() != "invalid_grant" {
			t.Fatalf("another client's: %d %s, %v", a.Status, a.Body, err)
		}
		p.As = app
		for range 2 {
			if a, err := p.Revoke(t.Context(), access); err != nil || a.Status != http.StatusOK {
				t.Fatalf("%d %s, %v", a.Status, a.Body, err)
			}
		}
		p.wantActive(access, false)
		if _, a, err := p.Complete(t.Context(), access); err != nil || a.Status == http.StatusOK {
			t.Fatalf("complete: %d %s, %v", a.Status, a.Body, err)
		}
	})
}

func (p *person) exchanged(token string) string {
	p.t.Helper()
	out, a, err := p.Exchange(p.t.Context(), token)
	fatal(p.t, err)
	if a.Status != http.StatusOK {
		p.t.Fatalf("token: %d %s", a.Status, a.Body)
	}
	return out.AccessToken
}

func (p *person) wantActive(token string, want bool) {
	p.t.Helper()
	out, a, err := p.Introspect(p.t.Context(), token)
	fatal(p.t, err)
	if a.Status != http.StatusOK || out.Active != want || !want && string(a.Body) != `{"active":false}` {
		p.t.Fatalf("introspect: %d %s, want active %v", a.Status, a.Body, want)
	}
}

// Where the operator demands nonces, the program on a device gets on with it.
func TestDemandedNoncesCostAProgramNothing(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo, Patient: true, Gateway: []string{"dpop_nonce"}})
	p := enrolled(t, e, "alice")
	access := p.exchanged(p.granted().RecoveryToken)
	if done, a, err := p.Complete(t.Context(), access); err != nil || done.Outcome != "handoff" {
		t.Fatalf("complete: %d %s, %v", a.Status, a.Body, err)
	}
	out, err := e.Run(t.Context(), "regrant", "device", "recover", "--account", p.account,
		"--issuer", e.Issuer, "--dir", p.dir, "--ca-file", e.CAFile, "--yes", "--print-token")
	if err != nil {
		t.Fatalf("%s: %v", out, err)
	}
}
