package caddymodule

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/regrant/regrant/internal/doctor"
	"github.com/regrant/regrant/internal/setup/kratos"
)

// initKratos is one run of the command.
type initKratos struct {
	initFlags
	strictFlags
	o              kratos.Options
	format, caFile string
}

func initKratosCommand() *cobra.Command {
	var in initKratos
	cmd := &cobra.Command{
		Use:   "kratos --kratos-config <file> --issuer <url>",
		Short: "Brings the configuration of Ory Kratos to what the gateway needs of it, and back",
		Long: `
Reads Kratos' file of configuration, asks the running server, and shows what would
change and why. With --apply the file is changed, comments and order are kept, and
Kratos reads it again by itself.

Mode assist, the default, leaves Kratos' own recovery as it is; mode strict ends
it. Strict is refused until --administrator names somebody who has proven two
methods in a rehearsal or a recovery. What --format prints says that instead,
since it calls nobody.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return in.execute(cmd) },
	}
	in.initFlags.register(cmd)
	in.strictFlags.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&in.o.File, "kratos-config", "", "Kratos' file of configuration, such as /etc/kratos/kratos.yml")
	flags.StringVar(&in.o.URL, "url", "http://127.0.0.1:4433", "Where the gateway is going to call the public API")
	flags.StringVar(&in.o.Admin, "admin", "http://127.0.0.1:4434", "Where the gateway is going to call the admin API")
	flags.StringVar(&in.o.Hydra, "hydra", "", "Where the gateway is going to call the admin API of the Ory Hydra whose login app Kratos is, such as http://127.0.0.1:4445")
	flags.StringVar(&in.issuer, "issuer", "", "The gateway, such as https://id.example.com/recovery")
	flags.StringVar(&in.o.RecoveryUI, "recovery-ui", "", "Path of the login app's page for recovery at the gateway's site, such as /ui/recovery (default: what the file says)")
	flags.BoolVar(&in.o.SessionTokens, "session-tokens", false, "Let programs get session tokens of Kratos for a recovery")
	flags.BoolVar(&in.o.CloseCodeLogin, "close-code-login", false, "End sign-ins by nothing but a mailed code")
	flags.StringVar(&in.format, "format", "", "Print it as kratos-yaml instead, and call nobody")
	flags.StringVar(&in.caFile, "ca-file", "", "PEM file of the authorities to trust for HTTPS to Kratos")
	_ = cmd.MarkFlagRequired("issuer") // fails only for a flag that is not there
	cmd.MarkFlagsMutuallyExclusive("format", "apply")
	cmd.MarkFlagsMutuallyExclusive("format", "undo")
	cmd.MarkFlagsOneRequired("format", "kratos-config")
	return cmd
}

func (in *initKratos) execute(cmd *cobra.Command) error {
	if err := in.options(); err != nil {
		return err
	}
	if in.format != "" {
		return in.print(cmd, in.o.Fragment(), true)
	}
	if in.o.Strict && !in.undo {
		if err := in.ready(cmd); err != nil {
			return err
		}
	}
	server, err := in.server(cmd)
	if err != nil {
		return err
	}
	caddyfile, err := server.Caddyfile()
	if err != nil {
		return err
	}
	return in.run(cmd, initTarget{
		name: in.o.Target(), record: filepath.Join(in.dir, "init-kratos.json"),
		plan: server.Plan, find: server.Find, settled: server.Settled, caddyfile: caddyfile, next: in.next(cmd),
	})
}

// ready refuses mode strict while nobody has shown that the gateway brings people back.
func (in *initKratos) ready(cmd *cobra.Command) error {
	if err := in.named(); err != nil {
		return err
	}
	var d doctor.Deployment
	if err := askGateway(cmd, http.MethodGet, "deployment", nil, &d); err != nil {
		return fmt.Errorf("mode strict needs the gateway that runs: %w", err)
	}
	if err := in.sameGateway(d); err != nil {
		return err
	}
	return in.proven(cmd)
}

// sameGateway refuses a gateway that would not answer for this Kratos.
func (in *initKratos) sameGateway(d doctor.Deployment) error {
	if p := d.Provider; p.Kind != "kratos" || d.Issuer() != in.issuer || p.URL != in.o.URL || p.AdminURL != in.o.Admin {
		return fmt.Errorf("mode strict is refused: the gateway that runs is not the one of this Kratos (its issuer is %s, and it calls %s at %s): load the Caddyfile that was printed, or give --issuer, --url and --admin as there",
			clean(d.Issuer()), clean(p.Kind), clean(strings.Join(append([]string{p.URL}, p.Admins()...), " and ")))
	}
	return nil
}

// server needs no running Kratos to undo.
func (in *initKratos) server(cmd *cobra.Command) (*kratos.Server, error) {
	if in.undo {
		return kratos.Open(in.o)
	}
	return kratos.Connect(cmd.Context(), in.o)
}

// options reads the flags into what the file is to become.
func (in *initKratos) options() error {
	var err error
	if in.o.Origin, in.o.Path, err = in.place(); err != nil {
		return err
	}
	if in.o.Strict, err = in.strict(); err != nil {
		return err
	}
	if in.format != "" && in.format != "kratos-yaml" {
		return fmt.Errorf("--format %q is not known: write kratos-yaml", in.format)
	}
	if in.dir, err = filepath.Abs(in.dir); err != nil {
		return err
	}
	if in.o.File, err = filepath.Abs(in.o.File); err != nil {
		return err
	}
	if in.o.HTTPClient, err = trusting(in.caFile); err != nil {
		return err
	}
	return in.o.Check()
}

// next is what people do once the file is as it should be.
func (in *initKratos) next(cmd *cobra.Command) string {
	if in.o.Strict {
		return nextStrict(cmd)
	}
	return fmt.Sprintf(`Next:
  1. Load the Caddyfile, with the login app in it if that is at %s.
  2. %s
  3. Sign in at %s/authenticators, bind two methods, and rehearse each.
  4. %s
     says what is missing until then, and what mode strict changes.`, in.o.Origin, tryThen(cmd), in.issuer, strictThen(cmd, ""))
}
