package story

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/regrant/regrant/integration/browser"
)

// recover is the person's own way: from the application's sign-in, through "Forgot password?", back into it.
func (s *Story) recover(ctx context.Context) error {
	if _, err := s.Lose(ctx, s.person); err != nil {
		return err
	}
	page, err := s.byProgram(ctx, s.person, machine{s.account, s.device, "Alice's laptop", ""})
	if err != nil {
		return err
	}
	if s.renew != nil {
		if page, err = s.NewPassword(ctx, s.person, page); err != nil {
			return err
		}
	}
	if err := s.saw(page.Status == http.StatusOK && strings.Contains(page.Text(), s.Env.Welcome("alice")),
		"the sign-in that the person came from was completed: %q", page.Text()); err != nil {
		return err
	}
	return s.after(ctx)
}

// Lose opens the application, finds that the password is forgotten, and clicks the provider's own link.
func (s *Story) Lose(ctx context.Context, b *browser.Browser) (*browser.Page, error) {
	login, err := b.Open(ctx, s.Env.Entrance())
	if err != nil {
		return nil, err
	}
	if err := s.saw(login.Status == http.StatusOK && len(login.Forms) > 0, "the application sends the person to the sign-in page: %q", login.Title); err != nil {
		return nil, err
	}
	start, err := b.Click(ctx, login, "Forgot")
	if err != nil {
		return nil, err
	}
	err = s.saw(start.Status == http.StatusOK && strings.HasPrefix(start.URL.String(), s.Env.Issuer+s.arrives),
		"its own \"Forgot password?\" leads to the gateway: %q at %s%s", start.Title, start.URL.Host, start.URL.Path)
	return start, err
}

// machine is an enrolled device, and what its owner types there.
type machine struct{ account, dir, label, typed string }

// byProgram runs `regrant device recover` and goes on in b, as far as the page after the gateway.
func (s *Story) byProgram(ctx context.Context, b *browser.Browser, m machine) (*browser.Page, error) {
	address, finish, err := s.runRecover(ctx, m)
	if err != nil {
		return nil, err
	}
	loopback, err := b.Open(ctx, address)
	if err != nil {
		return nil, err
	}
	confirm, err := b.Submit(ctx, loopback, "/continue", nil)
	if err != nil {
		return nil, err
	}
	if err := finish(); err != nil {
		return nil, err
	}
	if err := s.saw(confirm.Status == http.StatusOK && strings.Contains(confirm.Text(), m.account) && strings.Contains(confirm.Text(), m.label),
		"the browser is asked once more, with account and device: %q", confirm.Title); err != nil {
		return nil, err
	}
	page, err := b.Submit(ctx, confirm, "/continue", nil)
	if err != nil {
		return nil, err
	}
	s.show("by way of " + strings.Join(page.Via, "\n  → "))
	return page, nil
}

// runRecover starts the program, shows the statement that it signs, and returns the address that it wants opened.
func (s *Story) runRecover(ctx context.Context, m machine) (address string, finish func() error, err error) {
	args := []string{"device", "recover", "--account", m.account, "--issuer", s.Env.Issuer, "--dir", m.dir, "--ca-file", s.Env.CAFile, "--yes", "--no-browser"}
	cmd := exec.CommandContext(ctx, filepath.Join(s.Env.Bin, "regrant"), args...) //nolint:gosec // a program of this repository
	cmd.Stdin = strings.NewReader(m.typed)
	var said strings.Builder
	cmd.Stderr = &said
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	line, _ := bufio.NewReader(stdout).ReadString('\n')
	address = strings.TrimSpace(line)
	if address == "" {
		return "", nil, fmt.Errorf("regrant device recover: %v: %s", cmd.Wait(), said.String())
	}
	finish = func() error {
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("regrant device recover: %w: %s", err, said.String())
		}
		s.show(codePattern.ReplaceAllString(said.String(), "(a new recovery code)"))
		return s.saw(strings.Contains(said.String(), "account: "+m.account), "the device showed the statement and signed it; the verdict is granted (regrant device recover)")
	}
	return address, finish, nil
}

// NewPassword fills in the provider's own form, which is what `reset-password` asked for.
func (s *Story) NewPassword(ctx context.Context, b *browser.Browser, page *browser.Page) (*browser.Page, error) {
	asked := slices.ContainsFunc(page.Forms, func(f browser.Form) bool { return f.Values.Has(s.password) })
	if err := s.saw(page.Status == http.StatusOK && asked, "the identity provider asks for a new password in its own form, at %s", page.URL.Path); err != nil {
		return nil, err
	}
	return s.renew(ctx, b, page, s.new)
}

// after looks at what is left behind.
func (s *Story) after(ctx context.Context) error {
	if s.cookie != "" {
		if err := s.saw(s.person.Cookie("localhost", s.cookie) != "", "the browser holds the identity provider's own session cookie, %s", s.cookie); err != nil {
			return err
		}
	}
	n, err := s.Env.Provider.Sessions(ctx, s.user)
	if err != nil {
		return err
	}
	if err := s.saw(n == 1, "the identity provider's own API lists exactly one session of %s", s.user); err != nil {
		return err
	}
	gone, err := await(ctx, 75*time.Second, func() (bool, error) {
		n, err := s.Env.Provider.Links(ctx, s.user)
		return n == 0, err
	})
	if err != nil {
		return err
	}
	if err := s.saw(gone, "no federated link is left at the account"); err != nil {
		return err
	}
	if err := s.notice("recovery-granted"); err != nil {
		return err
	}
	if err := s.notice("recovery-done"); err != nil {
		return err
	}
	if s.renew != nil {
		if err := s.passwords(ctx); err != nil {
			return err
		}
	}
	return s.journal(ctx, "done")
}

// passwords tries the lost one and the new one at the provider's login page.
func (s *Story) passwords(ctx context.Context) error {
	for _, try := range []struct {
		password, what string
		works          bool
	}{{s.old, "the lost password opens nothing", false}, {s.new, "the new password works", true}} {
		b := s.browser()
		login, err := b.Open(ctx, s.Env.Entrance())
		if err != nil {
			return err
		}
		after, err := s.signIn(ctx, b, login, s.account, try.password)
		if err != nil {
			return err
		}
		if err := s.saw(strings.Contains(after.Text(), s.Env.Welcome("alice")) == try.works, "%s", try.what); err != nil {
			return fmt.Errorf("%w: %d %q", err, after.Status, after.Text())
		}
	}
	return nil
}

// journal asks the operator's side for the newest recovery.
func (s *Story) journal(ctx context.Context, state string) error {
	var list []struct {
		Reference string `json:"reference"`
		State     string `json:"state"`
		Device    string `json:"device"`
	}
	if err := s.Env.Operator(ctx, &list, "recoveries"); err != nil {
		return err
	}
	return s.saw(len(list) > 0 && list[0].State == state, "the operator finds it: reference %s, with %s, %s (caddy regrant recoveries)", list[0].Reference, list[0].Device, list[0].State)
}
