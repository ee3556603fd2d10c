package story

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/regrant/regrant/integration/chromium"
	"github.com/regrant/regrant/integration/env"
)

// whole is a story with what its chapters share.
type whole struct {
	*Story
	admin    *held             // who proves that the gateway brings people back
	passkeys *chromium.Browser // nil: there is none
	loose    string            // the Caddyfile as it accepts a device alone
}

// Whole makes options those of an environment that [Story.Whole] can be told of.
func Whole(o env.Options) env.Options {
	o.Bare, o.Users = true, []string{Carol}
	o.Gateway = append(o.Gateway, methods...)
	return o
}

// methods are there besides devices.
var methods = []string{env.Method("passkey"), env.Method("recovery_code")}

// Whole tells all that becomes of an identity provider that knows nothing of the gateway: how it is set up, tried out and examined, how people
// recover, and how faults in the deployment are found. Its environment is one for [Whole].
func (s *Story) Whole(ctx context.Context) error {
	w := &whole{Story: s}
	defer func() {
		if w.passkeys != nil {
			w.passkeys.Close()
		}
	}()
	proven := []chapter{
		{"Other ways back are not closed too early", w.tooEarly},
		{"An administrator and somebody else bind what they have", w.bind},
		{"The administrator rehearses", w.rehearsed},
		{"Other ways back are closed", w.close},
		{"The operator tries it out", s.try},
	}
	if s.Env.Kind == env.Hydra { // which has none of its own, and no accounts to make one for a trial
		proven = []chapter{proven[1], proven[2]}
	}
	return s.chapters(ctx, slices.Concat([]chapter{{"The identity provider is set up", s.setUp}}, proven, []chapter{
		{"The deployment is examined", s.examine},
		{"A device certificate and a recovery code", w.byDeviceAndCode},
		{"A passkey", w.byPasskey},
		{"Where a device alone is accepted", w.relax},
		{"A device is bound in advance", s.Enrol},
		{"The password is lost", s.recover},
		{"The same by a program (RFC 7523)", s.exchange},
		{"Somebody else tries", s.refusals},
		{"Somebody else tries, past the gateway", s.past},
		{"Faults are planted, and found", s.faults},
	}))
}

// byDeviceAndCode recovers the administrator's account, of which another browser has a session.
func (w *whole) byDeviceAndCode(ctx context.Context) error {
	h, old := w.admin, w.browser()
	login, err := old.Open(ctx, w.Env.Entrance())
	if err != nil {
		return err
	}
	in, err := w.signIn(ctx, old, login, h.account, h.name+"-password")
	if err != nil {
		return err
	}
	if err := w.saw(strings.Contains(in.Text(), w.Env.Welcome(h.name)), "another browser is signed in as %s", h.name); err != nil {
		return err
	}
	if err := w.withDeviceAndCode(ctx, h); err != nil {
		return err
	}
	n, err := w.Env.Provider.Sessions(ctx, w.named(w.user, h.name))
	if err != nil {
		return err
	}
	if err := w.saw(n == 1, "the identity provider's own API lists exactly one session of %s", h.name); err != nil {
		return err
	}
	again, err := old.Open(ctx, w.Env.Entrance())
	if err != nil {
		return err
	}
	return w.saw(len(again.Forms) > 0 && !strings.Contains(again.Text(), w.Env.Welcome(h.name)), "the session of the other browser is dead: %q", again.Title)
}

func (w *whole) byPasskey(context.Context) error {
	if w.passkeys == nil {
		fmt.Fprintln(w.Out, "  – a passkey is not shown")
		return nil
	}
	return w.said(w.passkeys, w.withPasskey)
}
