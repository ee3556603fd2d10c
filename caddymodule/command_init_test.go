package caddymodule

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/regrant/regrant/internal/doctor"
	"github.com/regrant/regrant/internal/setup"
	"github.com/regrant/regrant/internal/setup/keycloak"
)

func TestTwoMethodsAreProvenWhenTwoWereProvenAndWork(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	good := []authenticator{{Method: "passkey", Usable: true, LastProvenAt: now}, {Method: "recovery-code", Usable: true, LastProvenAt: now}}
	if proven, pending := provenOf(good); !slices.Equal(proven, []string{"passkey", "recovery-code"}) || pending != "" {
		t.Errorf("%q, %q", proven, pending)
	}
	for name, c := range map[string]struct {
		change func(*authenticator)
		words  string
	}{
		"never rehearsed":    {func(a *authenticator) { a.LastProvenAt = time.Time{} }, "passkey was never rehearsed"},
		"on probation":       {func(a *authenticator) { a.Usable, a.EffectiveAt = false, now }, "passkey cannot be used before 2026-11-22"},
		"revoked":            {func(a *authenticator) { a.Usable, a.RevokedAt = false, now }, ""},
		"of the same method": {func(a *authenticator) { a.Method = "recovery-code" }, ""},
	} {
		list := slices.Clone(good)
		c.change(&list[0])
		proven, pending := provenOf(list)
		if !slices.Equal(proven, []string{"recovery-code"}) || !strings.Contains(pending, c.words) || c.words == "" && pending != "" {
			t.Errorf("%s: %q, %q", name, proven, pending)
		}
	}
}

// Mode strict is for the gateway that this realm has, and each case is another one.
func TestModeStrictAsksTheGatewayOfTheRealm(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "broker.secret"), []byte(testSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	in := initKeycloak{strictFlags: strictFlags{issuer: "https://id.example.com/recovery", mode: modeStrict}}
	in.dir, in.o.Realm, in.o.Alias = dir, "acme", "regrant"
	if err := in.options(); err != nil {
		t.Fatal(err)
	}
	good := brokerSettings{Issuer: "https://id.example.com/recovery/oidc", ClientID: "keycloak-acme", ClientSecret: testSecret, RedirectURIs: []string{"https://id.example.com/realms/acme/broker/regrant/endpoint"}}
	if err := in.sameGateway(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*brokerSettings){
		"issuer": func(b *brokerSettings) { b.Issuer = "https://other.example/recovery/oidc" },
		"client": func(b *brokerSettings) { b.ClientID = "keycloak-other" },
		"secret": func(b *brokerSettings) { b.ClientSecret = "another secret" },
		"alias": func(b *brokerSettings) {
			b.RedirectURIs = []string{"https://id.example.com/realms/acme/broker/recovery/endpoint"}
		},
	} {
		b := good
		change(&b)
		if err := in.sameGateway(b); err == nil || strings.Contains(err.Error(), testSecret) || strings.Contains(err.Error(), "another secret than "+dir) == false {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "broker.secret")); err != nil {
		t.Fatal(err)
	}
	if err := in.sameGateway(good); err == nil || !strings.Contains(err.Error(), "comes after mode assist") {
		t.Errorf("no secret yet: %v", err)
	}
}

// Mode strict is for the gateway in front of this Kratos, and each case is another one.
func TestModeStrictAsksTheGatewayOfTheKratos(t *testing.T) {
	in := initKratos{strictFlags: strictFlags{issuer: "https://id.example.com/recovery", mode: modeStrict}}
	in.o.URL, in.o.Admin = "http://127.0.0.1:4433", "http://127.0.0.1:4434"
	if err := in.options(); err != nil {
		t.Fatal(err)
	}
	good := doctor.Deployment{Origin: "https://id.example.com", Path: "/recovery", Provider: doctor.Provider{Kind: "kratos", URL: in.o.URL, AdminURL: in.o.Admin}}
	if err := in.sameGateway(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*doctor.Deployment){
		"origin":                   func(d *doctor.Deployment) { d.Origin = "https://other.example" },
		"path":                     func(d *doctor.Deployment) { d.Path = "/recover" },
		"another kind":             func(d *doctor.Deployment) { d.Provider.Kind = "hydra" },
		"another Kratos":           func(d *doctor.Deployment) { d.Provider.URL = "http://127.0.0.1:5433" },
		"another Kratos' accounts": func(d *doctor.Deployment) { d.Provider.AdminURL = "http://127.0.0.1:5434" },
	} {
		d := good
		change(&d)
		if err := in.sameGateway(d); err == nil || !strings.Contains(err.Error(), "not the one of this Kratos") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is printed comes with what nobody was asked, and stays what it is.
func TestWhatIsPrintedForModeStrictSaysWhatNobodyWasAsked(t *testing.T) {
	for _, c := range []struct {
		mode     string
		comments bool
		out, err string
	}{
		{modeAssist, true, "text\n", ""},
		{modeAssist, false, "text\n", ""},
		{modeStrict, true, "# " + strings.Replace(unasked, "\n'", "\n# '", 1) + "text\n", ""},
		{modeStrict, false, "text\n", unasked},
	} {
		var out, errs bytes.Buffer
		cmd := new(cobra.Command)
		cmd.SetOut(&out)
		cmd.SetErr(&errs)
		err := (&strictFlags{mode: c.mode}).print(cmd, "text\n", c.comments)
		if err != nil || out.String() != c.out || errs.String() != c.err {
			t.Errorf("%s, comments %t: %q, %q, %v", c.mode, c.comments, &out, &errs, err)
		}
	}
}

// The commands that are printed are those for the same identity provider and gateway.
func TestTheNextCommandsRepeatWhatWasGiven(t *testing.T) {
	flags := []string{"--upstream", "keycloak-acme", "--address", "unix//run/caddy admin.sock", "--dir", "/etc/regrant/acme", "--ca-file", "/etc/ca.pem", "--json", "--apply"}
	for _, c := range []struct {
		cmd  *cobra.Command
		next func(*cobra.Command) string
		args []string
		want []string
	}{
		{initKeycloakCommand(), (&initKeycloak{o: keycloak.Options{URL: "http://127.0.0.1:8080"}}).next, []string{
			"--realm", "acme", "--issuer", "https://id.example.com", "--alias", "back", "--admin-realm", "acme", "--admin-client", "ops", "--application", "a", "--application", "b", "--button", "--upstream-grant",
		}, []string{
			"4. caddy regrant init keycloak http://127.0.0.1:8080 --address 'unix//run/caddy admin.sock' --admin-client ops --admin-realm acme --alias back --application a --application b --button" +
				" --ca-file /etc/ca.pem --dir /etc/regrant/acme --issuer https://id.example.com --realm acme --upstream keycloak-acme --upstream-grant \\\n       --mode strict --administrator YOU\n",
		}},
		{initKratosCommand(), (&initKratos{}).next, []string{"--kratos-config", "/etc/kratos.yml", "--session-tokens=false"}, []string{
			"4. caddy regrant init kratos --address 'unix//run/caddy admin.sock' --ca-file /etc/ca.pem --dir /etc/regrant/acme --kratos-config /etc/kratos.yml --session-tokens=false --upstream keycloak-acme \\\n       --mode strict",
		}},
		{initHydraCommand(), (&initHydra{}).next, nil, nil},
	} {
		c.cmd.Flags().AddFlagSet(rootFlags())
		if err := c.cmd.ParseFlags(append(c.args, flags...)); err != nil {
			t.Fatal(err)
		}
		got := c.next(c.cmd)
		for _, want := range append(c.want, "caddy regrant doctor --address 'unix//run/caddy admin.sock' --upstream keycloak-acme looks") {
			if !strings.Contains(got, want) {
				t.Errorf("%s: there is no %q in\n%s", c.cmd.Name(), want, got)
			}
		}
	}
}

// rootFlags are those of every command.
func rootFlags() *pflag.FlagSet {
	cmd := new(cobra.Command)
	buildCommand(cmd)
	return cmd.PersistentFlags()
}

// Whoever undoes is told what must not be in the Caddyfile then: before, in the moment, and as a program.
func TestUndoingSaysWhatToTakeOutOfTheCaddyfile(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "a.secret")
	target := initTarget{
		name: "Server x", record: filepath.Join(dir, "init-x.json"), secrets: []string{secret},
		plan: func(ctx context.Context) (setup.Plan, error) {
			return setup.Make(ctx, []setup.Wish{{Object: setup.SecretFile(secret, testSecret), Want: setup.KeptSecret}})
		},
		find: func(_, name string) (setup.Object, error) { return setup.SecretFile(name, ""), nil },
	}
	for _, c := range []struct {
		f     initFlags
		json  bool
		words []string
	}{
		{initFlags{}, true, []string{`"before_undo": "take this out`}},
		{initFlags{apply: true}, false, []string{"Before you undo, take this out of the Caddyfile, and reload it: regrant at the site", "does not start again without the files"}},
		{initFlags{undo: true}, false, []string{"put back: file " + secret, "If you have not done it yet: take this out"}},
		{initFlags{apply: true}, true, []string{`"before_undo": "take this out`}},
		{initFlags{undo: true}, true, []string{`"kind": "file"`, `"name": "` + secret + `"`, `"leave": "take this out`}},
	} {
		var out bytes.Buffer
		cmd := new(cobra.Command)
		cmd.SetContext(t.Context())
		cmd.SetOut(&out)
		cmd.Flags().Bool("json", c.json, "")
		if err := c.f.run(cmd, target); err != nil {
			t.Fatal(err)
		}
		for _, words := range c.words {
			if !strings.Contains(out.String(), words) {
				t.Errorf("%+v: there is no %q in\n%s", c.f, words, &out)
			}
		}
	}
	target.secrets = nil
	if strings.Contains(target.leave(), "secret") {
		t.Error(target.leave())
	}
}

func TestAPasswordComesFromAFileTheInputOrTheEnvironment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("from the file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("REGRANT_TEST_PASSWORD", "from the environment")
	for _, c := range []struct{ file, variable, input, want string }{
		{file, "REGRANT_TEST_PASSWORD", "", "from the file"},
		{"-", "REGRANT_TEST_PASSWORD", "from the input\r\n", "from the input"},
		{"", "REGRANT_TEST_PASSWORD", "", "from the environment"},
		{"", "REGRANT_NO_PASSWORD", "not asked for", ""},
		{file + "x", "REGRANT_TEST_PASSWORD", "", ""},
		{"-", "", "\n", ""},
		{"-", "", strings.Repeat("x", maxPassword+1), ""},
	} {
		cmd := new(cobra.Command)
		cmd.SetIn(strings.NewReader(c.input))
		got, err := askPassword(cmd, c.file, c.variable, "Password: ")
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
	}
}

func TestTheIssuerOfInitIsOriginAndPath(t *testing.T) {
	for issuer, want := range map[string]string{
		"https://id.example.com/recovery":    "https://id.example.com/recovery",
		"https://id.example.com/recovery/":   "https://id.example.com/recovery",
		"https://id.example.com/a/b":         "https://id.example.com/a/b",
		"https://id.example.com":             "https://id.example.com/recovery",
		"https://id.example.com/":            "https://id.example.com/recovery",
		"https://id.example.com/recovery//":  "",
		"https://id.example.com//recovery":   "",
		"https://id.example.com/recovery?a":  "",
		"https://id.example.com/recovery#a":  "",
		"https://id.example.com/{env.X}":     "",
		"https://id.example.com/re covery":   "",
		"https://id.example.com/%zz":         "",
		"https://id.example.com/../recovery": "",
	} {
		s := strictFlags{issuer: issuer}
		origin, path, err := s.place()
		if (err == nil) != (want != "") || origin+path != want || err == nil && s.issuer != want {
			t.Errorf("%s: %s%s, %v", issuer, origin, path, err)
		}
	}
}
