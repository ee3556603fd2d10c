package story

import (
	"context"
	"crypto/x509"
	"fmt"
	"strings"

	"github.com/regrant/regrant/integration/chromium"
	"github.com/regrant/regrant/integration/env"
)

// passkey binds a passkey in a real browser and recovers with it. Where there is none, the story says so.
func (s *Story) passkey(ctx context.Context) error {
	b, err := s.chromium(ctx)
	if b == nil || err != nil {
		return err
	}
	defer b.Close()
	for _, step := range []func(*chromium.Browser) error{s.bindPasskey, s.withPasskey} {
		if err := s.said(b, step); err != nil {
			return err
		}
	}
	return nil
}

// said adds to an error what the page says.
func (s *Story) said(b *chromium.Browser, step func(*chromium.Browser) error) error {
	if err := step(b); err != nil {
		text, _ := b.Text()
		return fmt.Errorf("%w: the page says %q", err, text)
	}
	return nil
}

// chromium starts a browser with an authenticator. Where there is none, the story says so, and there is none to return.
func (s *Story) chromium(ctx context.Context) (*chromium.Browser, error) {
	if err := chromium.Missing(); err != nil {
		fmt.Fprintf(s.Out, "  – a passkey is not shown: %v\n", err)
		return nil, nil
	}
	certificates, err := chromium.Chain(ctx, strings.TrimPrefix(s.Env.Origin, "https://"), s.Env.Roots)
	if err != nil {
		return nil, err
	}
	b, err := chromium.Start(ctx, chromium.Options{Accepted: []*x509.Certificate{certificates[len(certificates)-1]}})
	if err != nil {
		return nil, err
	}
	if _, err := b.Add(chromium.Authenticator{Platform: true}); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Forms of an identity provider, and the links to what follows when a password is forgotten, as all of them have them.
const (
	nameField = `form:has([name=password]) :is([name=username], [name=identifier])`
	signIn    = `form:has([name=password]) ` + submit
	submit    = `:is(button:not([type=button]), input[type=submit])`
	forgotten = `a:is([href*="forgot"], [href*="reset-credentials"], [href*="recovery"])`
)

func (s *Story) bindPasskey(b *chromium.Browser) error {
	for _, do := range []func() error{
		func() error { return b.Open(s.Env.Issuer + "/authenticators") },
		func() error { return b.Click(`form[action$="/login"] button`) },
		func() error { return b.Fill(nameField, s.named(s.account, Carol)) },
		func() error { return b.Fill(`[name=password]`, Carol+"-password") },
		func() error { return b.Click(signIn) },
		func() error { return b.WaitFor("Signed in as") },
		func() error { return b.Click(`form[action$="/passkey/begin"] button`) },
		func() error { return b.WaitFor("Finish before") },
		func() error { return b.Click(`form[data-passkey=create] button`) },
		func() error { return b.WaitFor("It was added") },
	} {
		if err := do(); err != nil {
			return err
		}
	}
	return s.saw(true, "a passkey is bound in a real browser (Chromium)")
}

func (s *Story) withPasskey(b *chromium.Browser) error {
	for _, do := range []func() error{
		b.ForgetCookies, // the sign-in from before is over
		func() error { return b.Open(s.Env.Entrance()) },
		func() error { return b.Click(forgotten) },
		func() error { return b.Fill(`[name=account]`, s.named(s.account, Carol)) },
		func() error { return b.Click(`form[action$="/start"] button`) },
		func() error { return b.WaitFor("Prove that the account is yours") },
		func() error { return b.Click(`form[data-passkey=get] button`) },
	} {
		if err := do(); err != nil {
			return err
		}
	}
	if s.renew != nil {
		if err := s.renewIn(b); err != nil {
			return err
		}
	}
	if err := b.WaitFor(s.Env.Welcome(Carol)); err != nil {
		return err
	}
	return s.saw(true, "and a passkey alone recovers the account: the application's own sign-in is completed, %q", s.Env.Welcome(Carol))
}

// renewIn fills in the identity provider's own form for a new password.
func (s *Story) renewIn(b *chromium.Browser) error {
	field := "[name=" + s.password + "]"
	if err := b.Fill(field, s.new); err != nil {
		return err
	}
	if s.again != "" {
		if err := b.Fill("[name="+s.again+"]", s.new); err != nil {
			return err
		}
	}
	if err := s.saw(true, "the identity provider asks its owner for a new password"); err != nil {
		return err
	}
	if err := b.Click("form:has(" + field + ") " + submit); err != nil || s.Env.Kind != env.KratosHydra {
		return err
	}
	if err := b.WaitFor("confirm"); err != nil { // see inSettingsAndOnce
		return err
	}
	if err := b.Fill("[name=password]", s.new); err != nil {
		return err
	}
	return b.Click(signIn)
}
