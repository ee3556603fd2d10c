package story

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/env"
)

// Accounts of the story besides alice and bob; see [env.Options.Users]. After a recovery an account's methods stay as they are for seven days.
const (
	Carol = "carol" // has passkeys
	dave  = "dave"  // has a device and codes
)

// Users are all of them.
func Users() []string { return []string{Carol, dave} }

// held is what a person keeps at home.
type held struct {
	name    string
	account string // as its owner types it
	person  *browser.Browser
	codes   []string
	dir     string // of the person's keys
}

// laptop is what the person calls it.
func (h *held) laptop() string { return strings.ToUpper(h.name[:1]) + h.name[1:] + "'s laptop" }

// owns tells whether a notice is to that person.
func (h *held) owns(n env.Notice) bool { return slices.Contains(n.Identifiers, h.account) }

// home prepares a person's.
func (s *Story) home(name string) (*held, error) {
	h := &held{name: name, account: s.named(s.account, name), person: s.browser(), dir: filepath.Join(s.Env.Dir, name)}
	return h, os.MkdirAll(h.dir, 0o700)
}

// Ways tells, in front of the demo identity provider with [env.EveryMethod] and the accounts of [Users], what other methods there are: it binds one authenticator of each method that can be shown on any machine, and recovers with each.
func (s *Story) Ways(ctx context.Context) error {
	s.title("Every other way to prove")
	h, err := s.home("bob")
	if err != nil {
		return err
	}
	bind := []func(context.Context, *held) error{s.signInForSelf, s.bindSSHKey, s.bindRecoveryKey, s.bindPassphrase, s.bindCodes, s.rehearse}
	recoveries := []func(context.Context, *held) error{s.withCodeAndSSHKey, s.withCodeAndRecoveryKey, s.withKeyAndPassphrase}
	for _, chapter := range append(bind, recoveries...) {
		if err := chapter(ctx, h); err != nil {
			return err
		}
	}
	return s.passkey(ctx)
}

// signInForSelf opens the page of recovery methods and signs in at the identity provider.
func (s *Story) signInForSelf(ctx context.Context, h *held) error {
	page, err := h.person.Open(ctx, s.Env.Issuer+"/authenticators")
	if err != nil {
		return err
	}
	login, err := h.person.Submit(ctx, page, "/login", nil)
	if err != nil {
		return err
	}
	in, err := s.signIn(ctx, h.person, login, h.account, h.name+"-password")
	if err != nil {
		return err
	}
	return s.saw(in.Status == http.StatusOK && strings.Contains(in.Text(), "Signed in as"), "%s signs in at the page of recovery methods: %q", h.name, in.Title)
}

// begin opens the page on which an authenticator of the method is bound.
func (s *Story) begin(ctx context.Context, h *held, method string) (*browser.Page, error) {
	list, err := h.person.Open(ctx, s.Env.Issuer+"/authenticators")
	if err != nil {
		return nil, err
	}
	return h.person.Submit(ctx, list, "/authenticators/"+method+"/begin", nil)
}

func (s *Story) finish(ctx context.Context, h *held, page *browser.Page, method string, fields url.Values) (*browser.Page, error) {
	bound, err := h.person.Submit(ctx, page, "/authenticators/"+method+"/finish", fields)
	if err != nil {
		return nil, err
	}
	if err := s.saw(bound.Status == http.StatusOK, "%s is bound: %q", method, bound.Title); err != nil {
		return nil, fmt.Errorf("%w: %d %s", err, bound.Status, bound.Text())
	}
	return bound, s.told("authenticator-bound", func(n env.Notice) bool { return h.owns(n) && strings.Contains(n.Text, method) })
}

func (s *Story) bindSSHKey(ctx context.Context, h *held) error {
	key := filepath.Join(h.dir, "id_ed25519")
	if _, err := s.command(ctx, nil, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key); err != nil {
		return err
	}
	page, err := s.begin(ctx, h, "ssh-key")
	if err != nil {
		return err
	}
	signature, err := s.sshSign(ctx, h, page)
	if err != nil {
		return err
	}
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		return err
	}
	_, err = s.finish(ctx, h, page, "ssh-key", url.Values{"label": {"Bob's SSH key"}, "public_key": {string(public)}, "signature": {signature}})
	return err
}

// sshSign runs the command that the page shows, with the path of the person's own key.
func (s *Story) sshSign(ctx context.Context, h *held, page *browser.Page) (string, error) {
	shown := strings.ReplaceAll(page.Copy("printf"), "~/.ssh/id_ed25519", filepath.Join(h.dir, "id_ed25519"))
	return s.command(ctx, nil, "sh", "-c", shown)
}

func (s *Story) bindRecoveryKey(ctx context.Context, h *held) error {
	if _, err := s.command(ctx, nil, "regrant", "proof", "new", "--issuer", s.Env.Issuer, "--out", s.recoveryKey(h), "--sheet", filepath.Join(h.dir, "recovery-key.html")); err != nil {
		return err
	}
	page, err := s.begin(ctx, h, "recovery-key")
	if err != nil {
		return err
	}
	proof, err := s.proofSign(ctx, h, page.Copy("regrant enrolment v1"))
	if err != nil {
		return err
	}
	_, err = s.finish(ctx, h, page, "recovery-key", url.Values{"label": {"Bob's recovery key"}, "proof": {proof}})
	return err
}

func (s *Story) recoveryKey(h *held) string { return filepath.Join(h.dir, "recovery.key") }

// proofSign has `regrant proof sign` sign a text, without a network as at home.
func (s *Story) proofSign(ctx context.Context, h *held, text string) (string, error) {
	file := filepath.Join(h.dir, "statement.txt")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return "", err
	}
	return s.command(ctx, []byte("y\n"), "regrant", "proof", "sign", "--key", s.recoveryKey(h), file)
}

// remembered is Bob's passphrase.
const remembered = "oxide lantern gravel thirteen plums"

func (s *Story) bindPassphrase(ctx context.Context, h *held) error {
	page, err := s.begin(ctx, h, "passphrase")
	if err != nil {
		return err
	}
	_, err = s.finish(ctx, h, page, "passphrase", url.Values{"passphrase": {remembered}, "again": {remembered}})
	return err
}

// Codes are the recovery codes on a page.
func Codes(p *browser.Page) []string { return codePattern.FindAllString(p.Text(), -1) }

var codePattern = regexp.MustCompile(`\b(?:[0-9A-Z]{6}-){6}[0-9A-Z]{6}\b`)

func (s *Story) bindCodes(ctx context.Context, h *held) error {
	page, err := s.begin(ctx, h, "recovery-code")
	if err != nil {
		return err
	}
	sheet, err := s.finish(ctx, h, page, "recovery-code", nil)
	if err != nil {
		return err
	}
	h.codes = Codes(sheet)
	return s.saw(len(h.codes) == 10, "the sheet shows %d codes", len(h.codes))
}
