package oidc_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/oidc"
)

// A recovery calls the provider nowhere, so there is no call at which a crash could leave something there.
func TestARecoveryCallsNobody(t *testing.T) {
	provider := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s %s", r.Method, r.URL) }))
	t.Cleanup(provider.Close)
	a, err := oidc.New(oidc.Config{URL: provider.URL, ClientID: "gateway", ClientSecret: "secret", AssumeUnprivileged: true})
	must(t, err)
	ctx, now := t.Context(), time.Now()
	s := upstream.Session{AccountID: "account-1", Subject: "subject", Actions: []attest.Action{attest.ActionSignIn}, GrantedAt: now, Now: now}
	_, err = a.State(ctx, s.AccountID)
	must(t, err)
	if err := a.Revoke(ctx, s.AccountID); !errors.Is(err, upstream.ErrUnsupported) {
		t.Errorf("revoked: %v", err)
	}
	must(t, a.Prepare(ctx, s.AccountID, s.Actions))
	_, err = a.Session(ctx, s)
	must(t, err)
	s.RedeemedAt = now
	_, err = a.Finish(ctx, s)
	must(t, err)
	must(t, a.Abandon(ctx, s))
}
