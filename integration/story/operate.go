package story

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/regrant/regrant/integration/env"
)

// GoodSite is what a good site has, as directives of an environment's, which comes and goes on one name and leaves them out by itself.
const GoodSite = "header Strict-Transport-Security \"max-age=31536000\"\n\trequest_header -Client-Cert*"

// Operate tells what an operator does before anybody depends on it: tries a whole recovery out with an account that is thrown away, and has the
// deployment examined. It is for environments whose Site is [GoodSite].
func (s *Story) Operate(ctx context.Context) error {
	s.title("The operator tries it out")
	if err := s.try(ctx); err != nil {
		return err
	}
	s.title("The deployment is examined")
	return s.examine(ctx)
}

func (s *Story) try(ctx context.Context) error {
	out, err := s.Env.Run(ctx, "caddy", "regrant", "try", "--as", "Demo Operator", "--address", s.Env.Admin, "--ca-file", s.Env.CAFile)
	s.show(out)
	if err != nil {
		return err
	}
	return s.saw(strings.Contains(out, "session"), "an account that was made for it recovered, and is gone (caddy regrant try)")
}

// examine runs the doctor, which reads the realm of a Keycloak with a client of its own.
func (s *Story) examine(ctx context.Context) error {
	args := []string{"regrant", "doctor", "--address", s.Env.Admin, "--ca-file", s.Env.CAFile, "--json"}
	if k, ok := s.Env.Provider.(env.KeycloakProvider); ok {
		const id, secret = "regrant-inspector", "inspector-0123456789-0123456789-012345"
		file := filepath.Join(s.Env.Dir, "inspector.secret")
		if err := errors.Join(k.Server.NewInspector(ctx, id, secret), os.WriteFile(file, []byte(secret), 0o600)); err != nil {
			return err
		}
		args = append(args, "--inspector", id, "--inspector-secret", file)
	}
	text, err := s.Env.Run(ctx, "caddy", args...)
	var report struct {
		Findings []struct {
			Check  string `json:"check"`
			Status string `json:"status"`
			Seen   string `json:"seen"`
			Remedy string `json:"remedy"`
		} `json:"findings"`
	}
	if json.Unmarshal([]byte(text), &report) != nil {
		return errors.Join(err, errors.New("the doctor's report is no JSON"))
	}
	counts := map[string]int{}
	for _, f := range report.Findings {
		counts[f.Status]++
		if f.Status != "pass" {
			s.show(f.Status + " " + f.Check + ": " + f.Seen)
		}
	}
	return s.saw(err == nil && counts["fail"]+counts["unknown"] == 0 && counts["pass"] > 30,
		"of %d checks, %d passed, %d warn, none failed (caddy regrant doctor)", len(report.Findings), counts["pass"], counts["warn"])
}
