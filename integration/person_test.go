package integration

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/internal/wire"
)

// person is the owner of an account, with a device enrolled for this test alone.
type person struct {
	*claimant.Claimant
	t       *testing.T
	e       *env.Env
	user    string // at the identity provider
	account string
	subject string
	dir     string
	codes   []string // see bindCodes

	password string // the last that renewsInBrowser has set; "": none yet
}

var devices atomic.Int32

// enrolled binds a new device to the account of user, such as a [newcomer].
func enrolled(t *testing.T, e *env.Env, user string) *person {
	t.Helper()
	p := &person{t: t, e: e, user: user, account: user + "@example.com", dir: filepath.Join(t.TempDir(), "device")}
	args := []string{"activation-code"}
	switch e.Kind {
	case env.Demo:
		p.account, p.subject = user+"@demo.example", user+"-0001"
	case env.Hydra:
		p.subject = e.User(user)
	case env.KeycloakOIDC: // with the link that an operator makes there, for good
		p.subject = linkedForGood(t, e, user)
	}
	if p.subject != "" { // the provider cannot be asked
		args = append(args, "--subject", p.subject)
	}
	var code struct {
		Code string `json:"code"`
	}
	fatal(t, e.Operator(t.Context(), &code, append(args, p.account, "--as", "Test Operator")...))
	_, err := e.Run(t.Context(), "regrant", "device", "enroll", "--issuer", e.Issuer, "--code", code.Code, "--dir", p.dir,
		"--label", fmt.Sprintf("device %d", devices.Add(1)), "--ca-file", e.CAFile)
	fatal(t, err)
	p.Claimant, err = claimant.FromDevice(e.Issuer, e.Client, p.dir)
	fatal(t, err)
	return p
}

// granted is a good recovery as far as its token.
func (p *person) granted() wire.AttestResponse {
	p.t.Helper()
	out, a, err := p.Recover(p.t.Context(), p.account)
	fatal(p.t, err)
	if a.Status != http.StatusOK {
		p.t.Fatalf("attest: %d %s", a.Status, a.Body)
	}
	return out
}

// initiated is a good recovery as far as its statement.
func (p *person) initiated() wire.InitiateResponse {
	p.t.Helper()
	in, a, err := p.Initiate(p.t.Context(), p.account)
	fatal(p.t, err)
	if a.Status != http.StatusOK {
		p.t.Fatalf("initiate: %d %s", a.Status, a.Body)
	}
	return in
}

// handoff is a good recovery as far as the browser's code.
func (p *person) handoff() string {
	p.t.Helper()
	out, a, err := p.Handoff(p.t.Context(), p.granted().RecoveryToken)
	fatal(p.t, err)
	if a.Status != http.StatusOK {
		p.t.Fatalf("handoff: %d %s", a.Status, a.Body)
	}
	return out.Code
}

// waiting is a browser in which an application waits for its sign-in: the person has clicked "Forgot password?".
func waiting(ctx context.Context, e *env.Env) (*browser.Browser, error) {
	b := browser.New(e.Roots)
	return b, forgetting(ctx, e, b)
}

// forgetting leads b there.
func forgetting(ctx context.Context, e *env.Env, b *browser.Browser) error {
	login, err := b.Open(ctx, e.Entrance())
	if err != nil {
		return err
	}
	start, err := b.Click(ctx, login, "Forgot")
	if err != nil {
		return err
	}
	if start.Status != http.StatusOK {
		return fmt.Errorf("the start page answers %d", start.Status)
	}
	return nil
}

// confirmation is the page that a handoff code leads to, as the program's loopback page would bring it.
func confirmation(ctx context.Context, b *browser.Browser, e *env.Env, code string) (*browser.Page, error) {
	return b.Post(ctx, "http://127.0.0.1:9/", e.Issuer+"/continue", map[string]string{"code": code})
}
