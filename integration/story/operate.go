package story

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/faults"
	"github.com/regrant/regrant/internal/doctor"
)

// try recovers an account that is thrown away.
func (s *Story) try(ctx context.Context) error {
	out, err := s.Env.Run(ctx, "caddy", "regrant", "try", "--as", "Demo Operator", "--address", s.Env.Admin, "--ca-file", s.Env.CAFile)
	s.show(out)
	if err != nil {
		return err
	}
	return s.saw(strings.Contains(out, "✓ session: ") && strings.Contains(out, "✓ program's token: "),
		"an account that was made for it recovered, in a browser and as a program, and is gone (caddy regrant try)")
}

// examine has the doctor look at a good deployment.
func (s *Story) examine(ctx context.Context) error {
	if k, ok := s.Env.Provider.(env.KeycloakProvider); ok {
		if err := errors.Join(k.Server.NewInspector(ctx, inspector, inspectorSecret), os.WriteFile(s.inspectorFile(), []byte(inspectorSecret), 0o600)); err != nil {
			return err
		}
	}
	report, err := s.doctor(ctx)
	if err != nil {
		return err
	}
	counts := map[doctor.Status]int{}
	for _, f := range report.Findings {
		counts[f.Status]++
		if f.Status != doctor.StatusPass || strings.HasSuffix(f.Check, "-closed") {
			s.show(string(f.Status) + " " + f.Check + ": " + f.Seen)
		}
	}
	return s.saw(report.Exit() == 0 && counts[doctor.StatusPass] > 30,
		"of %d checks, %d passed, %d warn, none failed (caddy regrant doctor)", len(report.Findings), counts[doctor.StatusPass], counts[doctor.StatusWarn])
}

// faults weakens the deployment and has the doctor name every fault.
func (s *Story) faults(ctx context.Context) error {
	planted, release, err := faults.Plant(ctx, s.Env)
	if err != nil {
		return err
	}
	defer release()
	report, err := s.doctor(ctx)
	if err != nil {
		return err
	}
	found := 0
	for _, f := range report.Findings {
		if want, was := planted[f.Check]; was && f.Status == want && f.Remedy != "" {
			found++
			s.show(string(f.Status) + " " + f.Check + ": " + f.Seen)
		}
	}
	return s.saw(found == len(planted) && found > 20, "of %d faults that were planted, the doctor names %d, each with its remedy", len(planted), found)
}

// The doctor reads the realm of a Keycloak with a client of its own.
const inspector, inspectorSecret = "regrant-inspector", "inspector-0123456789-0123456789-012345"

func (s *Story) inspectorFile() string { return filepath.Join(s.Env.Dir, "inspector.secret") }

// doctor runs the command, which ends with another status than 0 where it finds something.
func (s *Story) doctor(ctx context.Context) (report doctor.Report, err error) {
	args := []string{"regrant", "doctor", "--address", s.Env.Admin, "--ca-file", s.Env.CAFile, "--json"}
	if s.Env.Kind == env.Keycloak {
		args = append(args, "--inspector", inspector, "--inspector-secret", s.inspectorFile())
	}
	text, err := s.Env.Run(ctx, "caddy", args...)
	if _, found := errors.AsType[*env.ExitError](err); err != nil && !found {
		return report, err
	}
	if json.Unmarshal([]byte(text), &report) != nil {
		return report, errors.Join(err, errors.New("the doctor's report is no JSON"))
	}
	return report, nil
}
