// Package story tells the main job in a running environment, as a transcript: a lost password, recovered with a device
// certificate, and the ways in which somebody else is refused. Every line of it says what was observed; a line whose
// observation is another one ends the story with an error.
package story

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/env"
)

// Story is one telling.
type Story struct {
	Env *env.Env
	Out io.Writer

	idp
	old    string // password that is lost
	new    string // password set at the end
	device string // folder of the enrolled device
	person *browser.Browser
}

// New prepares a telling in e.
func New(e *env.Env, out io.Writer) *Story {
	s := &Story{
		Env: e, Out: out, idp: idps(e), old: "alice-password", new: "a-new-Passw0rd-of-alice",
		device: filepath.Join(e.Dir, "device"),
	}
	s.person = s.browser()
	return s
}

// browser is a new one. Whatever stands in the way of the environment's client sees its requests too.
func (s *Story) browser() *browser.Browser {
	return browser.New(s.Env.Roots).Fresh(s.Env.Client.Transport)
}

// Run tells the whole story.
func (s *Story) Run(ctx context.Context) error {
	return s.chapters(ctx, []chapter{
		{"A device is bound in advance", s.Enrol},
		{"The password is lost", s.recover},
		{"The same by a program (RFC 7523)", s.exchange},
		{"Somebody else tries", s.refusals},
	})
}

type chapter struct {
	title string
	tell  func(context.Context) error
}

func (s *Story) chapters(ctx context.Context, list []chapter) error {
	for _, c := range list {
		s.title(c.title)
		if err := c.tell(ctx); err != nil {
			return fmt.Errorf("%s: %w", c.title, err)
		}
	}
	return nil
}

func (s *Story) title(text string) {
	fmt.Fprintf(s.Out, "\n%s\n%s\n", text, strings.Repeat("-", len(text)))
}

// saw writes a line of the transcript if ok holds, and ends the story if not.
func (s *Story) saw(ok bool, format string, args ...any) error {
	line := fmt.Sprintf(format, args...)
	if !ok {
		return fmt.Errorf("not so: %s", line)
	}
	fmt.Fprintln(s.Out, "  ✓ "+line)
	return nil
}

// show indents what was seen.
func (s *Story) show(text string) {
	for line := range strings.Lines(strings.TrimSpace(text) + "\n") {
		fmt.Fprint(s.Out, "      "+line)
	}
}

// Enrol binds a device for the account.
func (s *Story) Enrol(ctx context.Context) error { return s.enrol(ctx, s.device) }

func (s *Story) enrol(ctx context.Context, dir string) error {
	args := []string{"activation-code", s.account, "--as", "Demo Operator"}
	if s.subject != "" {
		args = append(args, "--subject", s.subject)
	}
	var code struct {
		Code string `json:"code"`
	}
	if err := s.Env.Operator(ctx, &code, args...); err != nil {
		return err
	}
	if err := s.saw(code.Code != "", "the operator made an activation code for %s (caddy regrant activation-code)", s.account); err != nil {
		return err
	}
	out, err := s.Env.Run(ctx, "regrant", "device", "enroll", "--issuer", s.Env.Issuer, "--code", code.Code, "--dir", dir,
		"--label", "Alice's laptop", "--ca-file", s.Env.CAFile)
	if err != nil {
		return err
	}
	s.show(out)
	if err := s.saw(true, "the device made its own key and holds a certificate for it (regrant device enroll)"); err != nil {
		return err
	}
	return s.notice("device-enrolled")
}

// notice waits until alice was told.
func (s *Story) notice(kind string) error {
	return s.told(kind, func(n env.Notice) bool { return slices.Contains(n.Identifiers, s.account) })
}

// told waits until an owner was told something of that kind that match accepts.
func (s *Story) told(kind string, match func(env.Notice) bool) error {
	n, ok := s.Env.Hook.Await(60*time.Second, func(n env.Notice) bool { return n.Type == kind && match(n) })
	if err := s.saw(ok, "the owner was told, by a signed webhook: %s", kind); err != nil {
		return err
	}
	s.show(n.Text)
	return nil
}

// claimant is the enrolled device, request by request.
func (s *Story) claimant() (*claimant.Claimant, error) {
	return claimant.FromDevice(s.Env.Issuer, s.Env.Client, s.device)
}

// named is what is somebody else's where text is alice's.
func (s *Story) named(text, name string) string { return strings.Replace(text, "alice", name, 1) }

// digest shortens a secret for the transcript.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return fmt.Sprintf("%d characters, SHA-256 %x…", len(secret), sum[:6])
}

// await polls until ok holds.
func await(ctx context.Context, timeout time.Duration, ok func() (bool, error)) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		if good, err := ok(); good || err != nil {
			return good, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false, nil
		}
	}
}
