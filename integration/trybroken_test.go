package integration

import (
	"bufio"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/keycloak"
)

// brokenRealm is one thing that is wrong in a realm, and what try makes of it.
type brokenRealm struct {
	name, step, mend string
	realm            map[string]any // members to change
	provider         map[string]any // of the identity provider that is the gateway
	config           map[string]any // of that one's configuration
}

var brokenRealms = []brokenRealm{
	{name: "the identity provider is disabled", step: "forgotten", mend: "must be enabled", provider: map[string]any{"enabled": false}},
	{name: "the realm's own reset flow", step: "forgotten", mend: "reset credentials flow", realm: map[string]any{"resetCredentialsFlow": "reset credentials"}},
	{name: "no way for who forgot", step: "forgotten", mend: "must be on", realm: map[string]any{"resetPasswordAllowed": false}},
	{name: "another client id", step: "forgotten", mend: "caddy regrant broker", config: map[string]any{"clientId": "somebody"}},
	{name: "the wrong address", step: "forgotten", mend: "caddy regrant broker", config: map[string]any{"authorizationUrl": "https://localhost:1/authorize"}},
	{name: "the wrong secret", step: "session", mend: "client secret", config: map[string]any{"clientSecret": "not-the-secret-of-the-gateway-at-all"}},
	{name: "the wrong token address", step: "session", mend: "token URL", config: map[string]any{"tokenUrl": "https://localhost:1/token"}},
	{name: "the wrong keys", step: "session", mend: "JWKS URL", config: map[string]any{"jwksUrl": "https://localhost:1/jwks"}},
	{name: "the grant is off", step: "program", mend: "jwtAuthorizationGrantEnabled", config: map[string]any{"jwtAuthorizationGrantEnabled": "false"}},
}

func TestTryIsRedInARealmThatIsBroken(t *testing.T) {
	t.Parallel()
	e := own(t, env.Options{IdP: env.Keycloak, Patient: true, Probation: "72h"})
	for _, m := range brokenRealms {
		t.Run(m.name, func(t *testing.T) {
			restore := m.make(t, realServer(e))
			defer restore()
			out := try(t, e)
			if said := out.step(m.step); out.Green || out.status != 1 || !strings.HasPrefix(said, "failed: ") || !strings.Contains(said, m.mend) {
				t.Errorf("%+v", out)
			}
			nothingLeft(t, e)
		})
	}
	try(t, e).mustBeGreen(t)
}

// Kratos tells nobody whether it has this flag.
func TestTryIsRedWhereKratosGivesProgramsNothing(t *testing.T) {
	t.Parallel()
	e := own(t, env.Options{IdP: env.Kratos, Kratos: "feature_flags: {use_continue_with_transitions: false}\n", Probation: "72h"})
	out := try(t, e)
	if said := out.step("program"); out.Green || out.status != 1 || !strings.HasPrefix(said, "failed: ") || !strings.Contains(said, "use_continue_with_transitions") {
		t.Errorf("%+v", out)
	}
	noIdentityLeft(t, e)
}

// make makes the mistake, and restore takes it back.
func (m brokenRealm) make(t *testing.T, s *keycloak.Server) (restore func()) {
	t.Helper()
	const path = "/identity-provider/instances/" + keycloak.Alias
	var before, provider map[string]any
	fatal(t, s.Admin(t.Context(), "GET", "", nil, &before))
	fatal(t, s.Admin(t.Context(), "GET", path, nil, &provider))
	was := maps.Clone(provider)
	config := maps.Clone(provider["config"].(map[string]any))
	maps.Copy(config, m.config)
	if m.config["clientSecret"] == nil { // the server shows it as asterisks
		config["clientSecret"] = s.BrokerSecret
	}
	maps.Copy(provider, m.provider)
	provider["config"] = config
	fatal(t, s.Admin(t.Context(), "PUT", path, provider, nil))
	old := map[string]any{"realm": s.Realm}
	for name := range m.realm {
		old[name] = before[name]
	}
	if m.realm != nil {
		fatal(t, s.Admin(t.Context(), "PUT", "", m.realm, nil))
	}
	return func() {
		was["config"].(map[string]any)["clientSecret"] = s.BrokerSecret
		fatal(t, s.Admin(t.Context(), "PUT", "", old, nil))
		fatal(t, s.Admin(t.Context(), "PUT", path, was, nil))
	}
}

// trying is `caddy regrant try` that runs; it has come to a step.
func trying(t *testing.T, e *env.Env, step string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(e.Bin, "caddy"), "regrant", "try", "--as", "Olga", "--address", e.Admin, "--ca-file", e.CAFile)
	cmd.Env = append(os.Environ(), "HOME="+e.Dir)
	out, err := cmd.StdoutPipe()
	fatal(t, err)
	fatal(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "✓ "+step+":") {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return cmd
		}
	}
	t.Fatalf("it ended before %s: %v", step, cmd.Wait())
	return nil
}

func TestNothingIsLeftOfATryThatIsKilled(t *testing.T) {
	t.Parallel()
	e := own(t, env.Options{IdP: env.Keycloak, Patient: true, Probation: "72h"})
	gone := func(t *testing.T) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
		defer cancel()
		for tick := time.NewTicker(time.Second); len(trialAccounts(t, e)) > 0; {
			select {
			case <-ctx.Done():
				t.Fatalf("accounts are left: %v", trialAccounts(t, e))
			case <-tick.C:
			}
		}
	}
	t.Run("interrupted", func(t *testing.T) {
		cmd := trying(t, e, "authenticators")
		fatal(t, cmd.Process.Signal(os.Interrupt))
		if exit, ok := errors.AsType[*exec.ExitError](cmd.Wait()); !ok || exit.ExitCode() != 2 {
			t.Errorf("it ended with %v", exit)
		}
		nothingLeft(t, e)
	})
	for _, step := range []string{"account", "proof", "program's token"} {
		t.Run("the command, after "+step, func(t *testing.T) {
			before := trialAccounts(t, e)
			for range 5 { // on a busy machine, the command may get to the end first, and clean up
				cmd := trying(t, e, step)
				fatal(t, cmd.Process.Kill())
				_ = cmd.Wait()
				if slices.ContainsFunc(trialAccounts(t, e), func(name string) bool { return !slices.Contains(before, name) }) {
					return
				}
			}
			t.Fatal("there was no account to be left")
		})
	}
	t.Run("what the commands left", gone) // of all at once: each is left for a minute
	t.Run("the gateway", func(t *testing.T) {
		cmd := trying(t, e, "authenticators")
		e.KillCaddy()
		if exit, ok := errors.AsType[*exec.ExitError](cmd.Wait()); !ok || exit.ExitCode() != 2 {
			t.Errorf("it ended with %v", exit)
		}
		fatal(t, e.StartCaddy(t.Context()))
		gone(t)
	})
}
