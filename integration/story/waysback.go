package story

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/regrant/regrant/integration/browser"
)

// rehearse tries out whether recovery works, and changes nothing.
func (s *Story) rehearse(ctx context.Context, h *held) error {
	b := s.browser()
	start, err := b.Open(ctx, s.Env.Issuer)
	if err != nil {
		return err
	}
	page, err := b.Submit(ctx, start, "/start", url.Values{"account": {h.account}, "lost": {"rehearse"}})
	if err != nil {
		return err
	}
	end, err := s.codeThenSSHKey(ctx, b, h, page)
	if err != nil {
		return err
	}
	return s.saw(end.Status == http.StatusOK && strings.Contains(end.Text(), "rehearsal"), "a rehearsal with a recovery code and an SSH key: %q", end.Title)
}

// forgot begins a recovery at the application's own sign-in, in a browser of its own.
func (s *Story) forgot(ctx context.Context, h *held) (*browser.Browser, *browser.Page, error) {
	b := s.browser()
	login, err := b.Open(ctx, s.Env.App.URL+"/")
	if err != nil {
		return nil, nil, err
	}
	start, err := b.Click(ctx, login, "Forgot")
	if err != nil {
		return nil, nil, err
	}
	page, err := b.Submit(ctx, start, "/start", url.Values{"account": {h.account}, "lost": {"sign-in"}})
	return b, page, err
}

func (s *Story) codeThenSSHKey(ctx context.Context, b *browser.Browser, h *held, page *browser.Page) (*browser.Page, error) {
	more, err := b.SubmitWhere(ctx, page, "method", "recovery-code", url.Values{"code": {strings.ToLower(h.codes[0])}})
	if err != nil {
		return nil, err
	}
	if err := s.saw(more.Status == http.StatusOK && strings.Contains(more.Title, "One more proof"), "a recovery code alone is not enough: %q", more.Title); err != nil {
		return nil, err
	}
	signature, err := s.sshSign(ctx, h, more)
	if err != nil {
		return nil, err
	}
	return b.SubmitWhere(ctx, more, "method", "ssh-key", url.Values{"signature": {signature}})
}

func (s *Story) withCodeAndSSHKey(ctx context.Context, h *held) error {
	b, page, err := s.forgot(ctx, h)
	if err != nil {
		return err
	}
	sheet, err := s.codeThenSSHKey(ctx, b, h, page)
	if err != nil {
		return err
	}
	return s.replaced(ctx, b, h, sheet, "a recovery code and an SSH key (ssh-keygen -Y sign)")
}

// recoveryKeyThen proves with the recovery key, and returns the page that asks for another proof.
func (s *Story) recoveryKeyThen(ctx context.Context, h *held) (*browser.Browser, *browser.Page, error) {
	b, page, err := s.forgot(ctx, h)
	if err != nil {
		return nil, nil, err
	}
	proof, err := s.proofSign(ctx, h, page.Copy("regrant recovery proof v1"))
	if err != nil {
		return nil, nil, err
	}
	more, err := b.SubmitWhere(ctx, page, "method", "recovery-key", url.Values{"proof": {proof}})
	return b, more, err
}

func (s *Story) withCodeAndRecoveryKey(ctx context.Context, h *held) error {
	b, more, err := s.recoveryKeyThen(ctx, h)
	if err != nil {
		return err
	}
	sheet, err := b.SubmitWhere(ctx, more, "method", "recovery-code", url.Values{"code": {h.codes[1]}})
	if err != nil {
		return err
	}
	return s.replaced(ctx, b, h, sheet, "a recovery key (regrant proof sign) and a recovery code")
}

// withKeyAndPassphrase recovers under the risk analysis that accepts a passphrase: beside a key, and never before it.
func (s *Story) withKeyAndPassphrase(ctx context.Context, h *held) error {
	b, more, err := s.recoveryKeyThen(ctx, h)
	if err != nil {
		return err
	}
	page, err := b.SubmitWhere(ctx, more, "method", "passphrase", url.Values{"passphrase": {remembered}})
	if err != nil {
		return err
	}
	if err := s.signedIn(ctx, b, h, page); err != nil {
		return err
	}
	return s.saw(true, "proved with a recovery key and, beside it, the passphrase, which a risk analysis accepts")
}

// replaced reads the code that takes the place of the used one, and goes on into the application.
func (s *Story) replaced(ctx context.Context, b *browser.Browser, h *held, sheet *browser.Page, with string) error {
	fresh := Codes(sheet)
	if err := s.saw(len(fresh) == 1, "proved with %s; the used code is replaced by a new one: %q", with, sheet.Title); err != nil {
		return fmt.Errorf("%w: %d %s", err, sheet.Status, sheet.Text())
	}
	h.codes = append(h.codes, fresh...)
	page, err := b.Submit(ctx, sheet, "/continue", nil)
	if err != nil {
		return err
	}
	return s.signedIn(ctx, b, h, page)
}

// signedIn goes on from the page behind the gateway into the application.
func (s *Story) signedIn(ctx context.Context, b *browser.Browser, h *held, page *browser.Page) error {
	end, err := page, error(nil)
	if s.renew != nil {
		if end, err = s.NewPassword(ctx, b, page); err != nil {
			return err
		}
	}
	return s.saw(end.Status == http.StatusOK && strings.Contains(end.Text(), s.Env.Welcome(h.name)), "and the application's own sign-in is completed: %q", end.Text())
}

// command runs a program, of this repository or of the system, and returns what it prints.
func (s *Story) command(ctx context.Context, input []byte, name string, args ...string) (string, error) {
	if own := filepath.Join(s.Env.Bin, name); name == "regrant" {
		name = own
	}
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // a program of this repository, or ssh-keygen
	cmd.Stdin = strings.NewReader(string(input))
	cmd.Env = os.Environ()
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", filepath.Base(name), args[0], err, said.String())
	}
	return string(out), nil
}
