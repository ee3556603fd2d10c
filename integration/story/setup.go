package story

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/keycloak"
)

// setUp makes an identity provider that knows nothing of the gateway one that does: the plan, the change, and what is left to change then.
func (s *Story) setUp(ctx context.Context) error {
	plan, err := s.init(ctx)
	if err != nil {
		return err
	}
	s.show(plan)
	if err := s.saw(strings.Contains(plan, "\n    "), "the plan says what would change, and why (caddy regrant init)"); err != nil {
		return err
	}
	if _, err := s.apply(ctx); err != nil {
		return err
	}
	again, err := s.apply(ctx)
	if err != nil {
		return err
	}
	return s.saw(again == 0, "it is done (--apply); a second run finds nothing to change, and the gateway runs with the upstream that was printed")
}

// apply applies what init has planned and gives the gateway the upstream that it prints. It tells how many changes there were.
func (s *Story) apply(ctx context.Context, more ...string) (changes int, err error) {
	text, err := s.init(ctx, append(more, "--apply", "--json")...)
	if err != nil {
		return 0, err
	}
	var done struct {
		Changes   []json.RawMessage `json:"changes"`
		Caddyfile string            `json:"caddyfile"`
	}
	if err := json.Unmarshal([]byte(text), &done); err != nil {
		return 0, err
	}
	printed := upstream.FindString(done.Caddyfile)
	if printed == "" {
		return 0, errors.New("init printed no upstream")
	}
	now, err := os.ReadFile(s.Env.Caddyfile())
	if err != nil {
		return 0, err
	}
	headers := strings.Join(header.FindAllString(done.Caddyfile, -1), "")
	return len(done.Changes), s.Env.Put(ctx, withHeaders(upstream.ReplaceAllLiteralString(string(now), printed), headers))
}

var (
	upstream = regexp.MustCompile(`(?ms)^\t\tupstream .*?\n\t\t}\n`) // the block of a Caddyfile
	header   = regexp.MustCompile(`(?m)^\t(?:request_)?header .*\n`) // a line of its site
)

// withHeaders puts the lines that were printed before the directive of the site, if they are not there yet.
func withHeaders(caddyfile, lines string) string {
	if strings.Contains(caddyfile, lines) {
		return caddyfile
	}
	return strings.Replace(caddyfile, "\n\tregrant\n", "\n"+lines+"\tregrant\n", 1)
}

// init runs `caddy regrant init`.
func (s *Story) init(ctx context.Context, more ...string) (string, error) {
	kind, err := s.initOf()
	if err != nil {
		return "", err
	}
	args := append([]string{"regrant", "init"}, kind...)
	args = append(args, "--issuer", s.Env.Issuer, "--dir", filepath.Join(s.Env.Dir, "etc"), "--address", s.Env.Admin)
	return s.Env.Run(ctx, "caddy", append(args, more...)...)
}

// initOf is what init has to be told of the identity provider.
func (s *Story) initOf() ([]string, error) {
	switch p := s.Env.Provider.(type) {
	case env.KeycloakProvider:
		file := filepath.Join(s.Env.Dir, "admin.password")
		return []string{
			"keycloak", s.Env.IdP, "--realm", p.Server.Realm, "--application", keycloak.AppID, "--upstream-grant", "--admin-user", "admin", "--admin-password-file", file,
		}, os.WriteFile(file, []byte("admin\n"), 0o600)
	case *env.KratosProvider:
		args := []string{
			"kratos", "--kratos-config", filepath.Join(s.Env.Dir, "kratos", "kratos.yml"), "--url", s.Env.IdP, "--admin", p.Server.AdminURL,
			"--recovery-ui", "/ui/recovery", "--session-tokens", "--close-code-login",
		}
		if p.Hydra != nil {
			args = append(args, "--hydra", p.Hydra.AdminURL)
		}
		return args, nil
	case *env.HydraProvider:
		return []string{
			"hydra", "--url", s.Env.IdP, "--admin", p.Server.AdminURL, "--recovery-ui", "/ui/recovery", "--risk-analysis", "RA-DEMO-2",
			"--upstream-grant", "orders:read", "--upstream-grant", "orders:write",
		}, nil
	}
	return nil, fmt.Errorf("init is not told of %s", s.Env.Kind)
}
