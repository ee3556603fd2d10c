package story

import (
	"context"
	"crypto/x509"
	"fmt"
	"strings"

	"github.com/regrant/regrant/integration/chromium"
)

// passkey binds a passkey in a real browser and recovers with it. Where there is none, the story says so.
func (s *Story) passkey(ctx context.Context) error {
	if err := chromium.Missing(); err != nil {
		fmt.Fprintf(s.Out, "  – a passkey is not shown: %v\n", err)
		return nil
	}
	certificates, err := chromium.Chain(ctx, strings.TrimPrefix(s.Env.Origin, "https://"), s.Env.Roots)
	if err != nil {
		return err
	}
	b, err := chromium.Start(ctx, chromium.Options{Accepted: []*x509.Certificate{certificates[len(certificates)-1]}})
	if err != nil {
		return err
	}
	defer b.Close()
	if _, err := b.Add(chromium.Authenticator{Platform: true}); err != nil {
		return err
	}
	for _, step := range []func(*chromium.Browser) error{s.bindPasskey, s.withPasskey} {
		if err := step(b); err != nil {
			text, _ := b.Text()
			return fmt.Errorf("%w: the page says %q", err, text)
		}
	}
	return nil
}

func (s *Story) bindPasskey(b *chromium.Browser) error {
	for _, do := range []func() error{
		func() error { return b.Open(s.Env.Issuer + "/authenticators") },
		func() error { return b.Click(`form[action$="/login"] button`) },
		func() error { return b.Fill(`[name=username]`, Carol) },
		func() error { return b.Fill(`[name=password]`, Carol+"-password") },
		func() error { return b.Click(`main button, form button`) },
		func() error { return b.WaitFor("Signed in as") },
		func() error { return b.Click(`form[action$="/passkey/begin"] button`) },
		func() error { return b.WaitFor("passkey") },
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
		func() error { return b.Open(s.Env.Origin + "/") }, // the sign-in from before is over
		func() error { return b.Click(`form[action="/logout"] button`) },
		func() error { return b.WaitFor("Forgot password?") },
		func() error { return b.Open(s.Env.App.URL + "/") },
		func() error { return b.Click(`a[href*="forgot"]`) },
		func() error { return b.Fill(`[name=account]`, Carol+"@demo.example") },
		func() error { return b.Click(`form[action$="/start"] button`) },
		func() error { return b.WaitFor("Prove that the account is yours") },
		func() error { return b.Click(`form[data-passkey=get] button`) },
		func() error { return b.WaitFor("New password") },
	} {
		if err := do(); err != nil {
			return err
		}
	}
	return s.saw(true, "and a passkey alone recovers the account: its owner is asked for a new password by the identity provider")
}
