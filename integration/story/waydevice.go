package story

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/regrant/regrant/integration/env"
)

// Standard tells how a device recovers where nothing less is accepted than the standard asks: beside a recovery code. Dave binds both
// himself, with no operator; then the operator takes back whatever was accepted in writing.
func (s *Story) Standard(ctx context.Context) error {
	s.title("A device under the built-in policy")
	h, err := s.home(dave)
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context, *held) error{s.signInForSelf, s.bindDevice, s.bindCodes, s.tighten, s.deviceIsNotEnough, s.withDeviceAndCode} {
		if err := step(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

var (
	activation  = regexp.MustCompile(`(?:[0-9A-Z]{4}-){7}[0-9A-Z]{4}`)
	fingerprint = regexp.MustCompile(`\b(?:[0-9A-Z]{4}-){5}[0-9A-Z]{4}\b`)
)

// bindDevice runs the command that the page shows, and confirms the fingerprint that it prints.
func (s *Story) bindDevice(ctx context.Context, h *held) error {
	page, err := s.begin(ctx, h, "device-certificate")
	if err != nil {
		return err
	}
	out, err := s.command(ctx, []byte(activation.FindString(page.Text())+"\n"), "regrant", "device", "enroll", "--issuer", s.Env.Issuer,
		"--dir", filepath.Join(h.dir, "device"), "--label", h.laptop(), "--ca-file", s.Env.CAFile)
	if err != nil {
		return err
	}
	asked, err := h.person.Click(ctx, page, "compare the fingerprint")
	if err != nil {
		return err
	}
	printed := fingerprint.FindString(out)
	if err := s.saw(printed != "" && strings.Contains(asked.Text(), printed), "the page and the device show one fingerprint: %s", printed); err != nil {
		return err
	}
	bound, err := h.person.SubmitWhere(ctx, asked, "answer", "mine", nil)
	if err != nil {
		return err
	}
	if err := s.saw(bound.Status == http.StatusOK, "the device is bound by its owner, with no operator: %q", bound.Title); err != nil {
		return err
	}
	return s.told("device-confirmed", h.owns)
}

func (s *Story) tighten(ctx context.Context, _ *held) error {
	if err := s.Env.Configure(ctx, env.Standard); err != nil {
		return err
	}
	return s.saw(true, "the operator takes every risk analysis out of the configuration, and reloads it")
}

// deviceIsNotEnough types no code.
func (s *Story) deviceIsNotEnough(ctx context.Context, h *held) error {
	_, err := s.Env.Run(ctx, "regrant", "device", "recover", "--account", h.account, "--dir", filepath.Join(h.dir, "device"), "--ca-file", s.Env.CAFile, "--yes", "--print-token")
	exit, failed := errors.AsType[*env.ExitError](err)
	return s.saw(failed && strings.Contains(exit.Stderr, "no recovery code"), "the device alone is not enough: the program asks for a recovery code, and gets no token without")
}

func (s *Story) withDeviceAndCode(ctx context.Context, h *held) error {
	b := s.browser()
	if _, err := s.Lose(ctx, b); err != nil {
		return err
	}
	page, err := s.byProgram(ctx, b, machine{h.account, filepath.Join(h.dir, "device"), h.laptop(), h.codes[0] + "\n"})
	if err != nil {
		return err
	}
	if err := s.signedIn(ctx, b, h, page); err != nil {
		return err
	}
	return s.saw(true, "proved with a device certificate and a recovery code, as SP 800-63B-4 section 4.2.2.2 asks")
}
