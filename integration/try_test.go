package integration

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/keycloak"
)

// tried is what `caddy regrant try` said.
type tried struct {
	Green bool `json:"green"`
	Steps []struct {
		Name    string `json:"step"`
		Outcome string `json:"outcome"`
		Seen    string `json:"seen"`
		Mend    string `json:"mend"`
	} `json:"steps"`
	status int
}

// try runs it.
func try(t *testing.T, e *env.Env) (out tried) {
	t.Helper()
	text, err := e.Run(t.Context(), "caddy", "regrant", "try", "--as", "Olga", "--address", e.Admin, "--ca-file", e.CAFile, "--json")
	if exit, ok := errors.AsType[*env.ExitError](err); ok {
		out.status = exit.Code
	} else {
		fatal(t, err)
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out
}

// step is the one of that name.
func (r tried) step(name string) string {
	for _, s := range r.Steps {
		if s.Name == name {
			return s.Outcome + ": " + s.Seen + " " + s.Mend
		}
	}
	return ""
}

// trySteps are those of every trial but the program's, programsSteps of one where programs are given the identity provider's own token.
var (
	trySteps      = []string{"account", "old session", "authenticators", "lost", "forgotten", "proof", "session", "old session ended", "journal", "notices", "deleted"}
	programsSteps = []string{"program", "program's token", "used again", "program's journal"}
)

// mustBeGreen demands that every step held but those named, of which nothing can be said there.
func (r tried) mustBeGreen(t *testing.T, skipped ...string) {
	t.Helper()
	if !r.Green || r.status != 0 {
		t.Errorf("status %d", r.status)
	}
	names := slices.Concat(trySteps, programsSteps)
	if slices.Contains(skipped, "program") {
		names = append(slices.Clone(trySteps), "program")
	}
	for _, name := range names {
		want := "held: "
		if slices.Contains(skipped, name) {
			want = "skipped: "
		}
		if s := r.step(name); !strings.HasPrefix(s, want) {
			t.Errorf("%s: %q", name, s)
		}
	}
	if t.Failed() {
		t.Fatalf("%+v", r)
	}
}

func TestTryIsGreenInFrontOfARealKeycloak(t *testing.T) {
	t.Parallel()
	e := own(t, env.Options{IdP: env.Keycloak, Patient: true, Probation: "72h"})
	try(t, e).mustBeGreen(t)
	nothingLeft(t, e)
	for _, c := range []struct {
		name, methods string
		program       string // why its step is skipped; "": it is not
	}{
		{"by a device and a code", "method recovery_code\n\t\tmethod device_certificate", ""},
		{"by a passkey, under the standard's rules", "method passkey", "in a browser only"},
		{"by a code and a recovery key", "method recovery_code\n\t\tmethod recovery_key", noGrant},
		{"by a code and an SSH key", "method recovery_code\n\t\tmethod ssh_key", noGrant},
	} {
		t.Run(c.name, func(t *testing.T) {
			fatal(t, e.Configure(t.Context(), func(text string) string {
				if c.program == noGrant {
					text = withoutGrant(text)
				}
				return withMethods(text, c.methods)
			}))
			out := try(t, e)
			if c.program == "" {
				out.mustBeGreen(t)
			} else if out.mustBeGreen(t, "program"); !strings.Contains(out.step("program"), c.program) || out.step("program's token") != "" {
				t.Errorf("%+v", out)
			}
			nothingLeft(t, e)
		})
	}
	t.Run("by what nobody can have two of", func(t *testing.T) {
		const methods = "method recovery_code\n\t\tmethod passphrase {\n\t\t\trisk_analysis RA-1\n\t\t}"
		fatal(t, e.Configure(t.Context(), func(text string) string { return withMethods(text, methods) }))
		try(t, e).mustBeGreen(t, "lost", "program")
		nothingLeft(t, e)
	})
}

// noGrant is said where programs are given no tokens.
const noGrant = "the upstream has no upstream_grant"

// withoutGrant gives programs no tokens.
func withoutGrant(caddyfile string) string {
	return strings.Replace(caddyfile, "upstream_grant ", "# upstream_grant ", 1)
}

// withMethods puts methods in the place of those of a Caddyfile.
func withMethods(caddyfile, methods string) string {
	from, to := strings.Index(caddyfile, "\t\tmethod "), strings.Index(caddyfile, "\t\tnotify ")
	return caddyfile[:from] + "\t\t" + methods + "\n\t\tthrottle {\n\t\t\tnetwork 1000000 1m\n\t\t}\n" + caddyfile[to:]
}

func TestTryIsGreenInFrontOfARealKratos(t *testing.T) {
	t.Parallel()
	e := own(t, env.Options{IdP: env.Kratos, Probation: "72h"})
	try(t, e).mustBeGreen(t)
	noIdentityLeft(t, e)
	fatal(t, e.Configure(t.Context(), func(text string) string { return strings.Replace(text, "session_tokens", "# session_tokens", 1) }))
	try(t, e).mustBeGreen(t, "program")
	noIdentityLeft(t, e)
}

func noIdentityLeft(t *testing.T, e *env.Env) {
	t.Helper()
	var people []struct {
		ID string `json:"id"`
	}
	fatal(t, e.Provider.(*env.KratosProvider).Server.Admin(t.Context(), "GET", "/identities?per_page=250", nil, &people))
	if len(people) != 2 { // alice and bob
		t.Errorf("%d identities are there", len(people))
	}
}

func TestTryMakesNoAccountWhereTheGatewayCannot(t *testing.T) {
	out := try(t, use(t, env.Demo))
	if out.Green || out.status != 2 || len(out.Steps) != 1 || !strings.Contains(out.step("account"), "rehearse") {
		t.Errorf("%+v", out)
	}
}

// trialAccounts lists those at a real Keycloak.
func trialAccounts(t *testing.T, e *env.Env) (names []string) {
	t.Helper()
	var users []struct {
		Username string `json:"username"`
	}
	fatal(t, realServer(e).Admin(t.Context(), "GET", "/users?max=100&search=regrant-trial-", nil, &users))
	for _, u := range users {
		names = append(names, u.Username)
	}
	return names
}

func realServer(e *env.Env) *keycloak.Server { return e.Provider.(env.KeycloakProvider).Server }

func nothingLeft(t *testing.T, e *env.Env) {
	t.Helper()
	if names := trialAccounts(t, e); len(names) != 0 {
		t.Errorf("accounts are left: %v", names)
	}
}
