package caddymodule

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/regrant/regrant/internal/setup/hydra"
)

// initHydra is one run of the command.
type initHydra struct {
	initFlags
	o                      hydra.Options
	issuer, format, caFile string
}

func initHydraCommand() *cobra.Command {
	var in initHydra
	cmd := &cobra.Command{
		Use:   "hydra --issuer <url>",
		Short: "Makes the gateway's clients at Ory Hydra what they have to be, and back",
		Long: `
Asks Hydra's admin API which clients it has, and shows what would change and why.
With --apply they are made or changed; their secrets are kept in files, and appear
nowhere else. What only Hydra's own configuration can say is shown, and never
changed; --format hydra-yaml prints it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return in.execute(cmd) },
	}
	in.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&in.o.URL, "url", "http://127.0.0.1:4444", "Where the gateway is going to call the public API")
	flags.StringVar(&in.o.Admin, "admin", "http://127.0.0.1:4445", "Where the gateway is going to call the admin API")
	flags.StringVar(&in.issuer, "issuer", "", "The gateway, such as https://id.example.com/recovery")
	flags.StringVar(&in.o.RecoveryUI, "recovery-ui", "", "Path of the login app's page for recovery at the gateway's site, such as /ui/forgot")
	flags.StringVar(&in.o.RiskAnalysis, "risk-analysis", "", "Document in which you accept that nobody can be asked who has power over others")
	flags.StringArrayVar(&in.o.GrantScope, "upstream-grant", nil, "Let programs get access tokens of this scope for a recovery (may be given again)")
	flags.StringVar(&in.format, "format", "", "Print it as hydra-yaml instead, and call nobody")
	flags.StringVar(&in.caFile, "ca-file", "", "PEM file of the authorities to trust for HTTPS to Hydra")
	_ = cmd.MarkFlagRequired("issuer") // fails only for a flag that is not there
	cmd.MarkFlagsMutuallyExclusive("format", "apply")
	cmd.MarkFlagsMutuallyExclusive("format", "undo")
	return cmd
}

func (in *initHydra) execute(cmd *cobra.Command) error {
	if err := in.options(); err != nil {
		return err
	}
	if in.format != "" {
		_, err := fmt.Fprint(cmd.OutOrStdout(), in.o.Fragment())
		return err
	}
	server, err := hydra.Connect(cmd.Context(), in.o)
	if err != nil {
		return err
	}
	return in.run(cmd, initTarget{
		name: in.o.Target(), record: filepath.Join(in.dir, "init-hydra.json"), secrets: in.secrets(),
		plan: server.Plan, find: server.Find, caddyfile: server.Caddyfile(), next: in.next(cmd),
	})
}

// options reads the flags into what Hydra's clients are to become.
func (in *initHydra) options() error {
	var err error
	if in.o.Origin, in.o.Path, err = placeOf(in.issuer); err != nil {
		return err
	}
	if in.format != "" && in.format != "hydra-yaml" {
		return fmt.Errorf("--format %q is not known: write hydra-yaml", in.format)
	}
	if in.dir, err = filepath.Abs(in.dir); err != nil {
		return err
	}
	in.o.ClientSecretFile, in.o.GrantSecretFile = filepath.Join(in.dir, "hydra.secret"), filepath.Join(in.dir, "programs.secret")
	if in.o.HTTPClient, err = trusting(in.caFile); err != nil {
		return err
	}
	return in.o.Check()
}

// secrets are the files of those that the gateway has.
func (in *initHydra) secrets() []string {
	files := []string{in.o.ClientSecretFile}
	if len(in.o.GrantScope) > 0 {
		files = append(files, in.o.GrantSecretFile)
	}
	return files
}

// next is what people do once the clients are as they should be.
func (in *initHydra) next(cmd *cobra.Command) string {
	issuer := in.o.Origin + in.o.Path
	return fmt.Sprintf(`Next:
  1. Let the user that Caddy runs as read %s, and load the Caddyfile,
     with the login app in it if that is at %s.
  2. Let the login app's "Forgot password?" lead to %s?login_challenge=...,
     with the challenge that it got.
  3. %s
  4. Sign in at %s/authenticators, bind two methods, and rehearse each.`, listed(in.secrets()), in.o.Origin, issuer, lookThen(cmd), issuer)
}
