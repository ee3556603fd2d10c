package story

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/regrant/regrant/integration/env"
)

// administrator is whose account shows that the gateway brings people back, before the identity provider's own ways are closed.
const administrator = "bob"

// mode is what init is told to close them.
func (w *whole) mode() []string {
	return []string{"--mode", "strict", "--administrator", w.named(w.account, administrator)}
}

// tooEarly asks for them to be closed while nobody has proven anything.
func (w *whole) tooEarly(ctx context.Context) error {
	_, err := w.init(ctx, append(w.mode(), "--apply")...)
	return w.saw(err != nil && strings.Contains(err.Error(), "proven 0 of 2"), "mode strict is refused while the administrator has proven no two methods")
}

// bind has an administrator bind a device and codes, and somebody else a passkey.
func (w *whole) bind(ctx context.Context) (err error) {
	if w.admin, err = w.home(administrator); err != nil {
		return err
	}
	for _, step := range []func(context.Context, *held) error{w.signInForSelf, w.bindDevice, w.bindCodes} {
		if err := step(ctx, w.admin); err != nil {
			return err
		}
	}
	if w.passkeys, err = w.chromium(ctx); err != nil || w.passkeys == nil {
		return err
	}
	return w.said(w.passkeys, w.bindPasskey)
}

// rehearsed has the administrator rehearse under the built-in policy.
func (w *whole) rehearsed(ctx context.Context) error {
	text, err := os.ReadFile(w.Env.Caddyfile())
	if err != nil {
		return err
	}
	w.loose = string(text)
	for _, step := range []func(context.Context, *held) error{w.tighten, w.deviceIsNotEnough, w.rehearseWithDevice} {
		if err := step(ctx, w.admin); err != nil {
			return err
		}
	}
	return nil
}

// close closes what the identity provider mails.
func (w *whole) close(ctx context.Context) error {
	if _, err := w.apply(ctx, w.mode()...); err != nil {
		return err
	}
	return w.saw(true, "mode strict is on: the identity provider mails no resets any more (caddy regrant init --mode strict)")
}

// rehearseWithDevice tries out whether recovery works, and changes nothing.
func (s *Story) rehearseWithDevice(ctx context.Context, h *held) error {
	_, err := s.command(ctx, []byte(h.codes[0]+"\n"), "regrant", "device", "recover", "--account", h.account, "--dir", filepath.Join(h.dir, "device"),
		"--ca-file", s.Env.CAFile, "--yes", "--no-browser", "--action", "rehearse")
	if err != nil {
		return err
	}
	return s.saw(true, "%s rehearses with the device and a recovery code", h.name)
}

// relax has the gateway, with the upstream that it has now, accept devices and nothing else, as an operator does who accepts in writing what
// comes with that.
func (w *whole) relax(ctx context.Context) error {
	text := w.loose
	for _, method := range methods {
		text = strings.Replace(text, "\t\t"+method+"\n", "", 1)
	}
	if err := w.Env.Configure(ctx, func(now string) string {
		return upstream.ReplaceAllLiteralString(text, upstream.FindString(now))
	}); err != nil {
		return err
	}
	return w.saw(env.Standard(text) != text, "the operator writes a risk analysis into the configuration, and reloads it: a device alone is enough")
}
