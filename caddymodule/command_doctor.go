package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/regrant/regrant/internal/doctor"
	doctorhydra "github.com/regrant/regrant/internal/doctor/hydra"
	doctorkeycloak "github.com/regrant/regrant/internal/doctor/keycloak"
	doctorkratos "github.com/regrant/regrant/internal/doctor/kratos"
)

func doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor [--strict] [--accept <check>=<reason>] [--ca-file <file>] [--inspector <client id> --inspector-secret <file>] [--hydra <url>]",
		Short: "Looks for what is open in the running deployment",
		Long: `
Looks for what is open in the running deployment, and says what to do about it. Run it
on the machine of the gateway: it asks Caddy's admin endpoint, the site as people
reach it, and the identity provider at its own address.

It changes nothing that anybody has. The realm of a Keycloak is read with a client of
your own, --inspector: confidential, with a service account that has view-realm and
view-identity-providers of realm-management, and no more. The gateway's own may not
read it. A Hydra whose login app is Kratos is looked for at the site; --hydra says where
people reach it, if that is another one.

The exit status is 0 if nothing failed, 1 if something did, and 2 if something could
not be told. docs/doctor.md lists the checks.`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.Bool("strict", false, "A warning counts as a failure")
	flags.StringArray("accept", nil, "A check and why its warning, or that nobody could tell, counts for nothing: check=reason; may be given again")
	flags.String("ca-file", "", "Certificates in PEM that are trusted for the site and the identity provider, beside the system's")
	flags.String("inspector", "", "Client of the realm that may read its configuration")
	flags.String("inspector-secret", "", "File with the secret of that client; - is standard input")
	flags.String("hydra", "", "Public address of the Hydra whose login app Kratos is, if it is not that of the site")
	cmd.MarkFlagsRequiredTogether("inspector", "inspector-secret")
	cmd.RunE = caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) {
		report, err := runDoctor(cmd)
		if err != nil {
			return 2, err
		}
		cmd.SilenceUsage, cmd.SilenceErrors = true, true
		if asJSON, _ := flags.GetBool("json"); asJSON {
			err = report.JSON(cmd.OutOrStdout())
		} else {
			report.Table(cmd.OutOrStdout())
		}
		if status := report.Exit(); err == nil && status > 0 {
			return status, fmt.Errorf("doctor: %s", report.Status)
		}
		return 0, err
	})
	return cmd
}

// runDoctor makes every check that this deployment has.
func runDoctor(cmd *cobra.Command) (doctor.Report, error) {
	accepting, _ := cmd.Flags().GetStringArray("accept")
	accepted, err := parseAccepted(accepting)
	if err != nil {
		return doctor.Report{}, err
	}
	var inside examined
	if err := askGateway(cmd, http.MethodPost, "doctor", struct{}{}, &inside); err != nil {
		return doctor.Report{}, fmt.Errorf("asking the gateway: %w", err)
	}
	hydra, err := hydraAddress(cmd, inside.Deployment.Provider)
	if err != nil {
		return doctor.Report{}, err
	}
	config, err := runningConfig(cmd, inside.Deployment)
	if err != nil {
		return doctor.Report{}, err
	}
	file, _ := cmd.Flags().GetString("ca-file")
	roots, err := readMoreRoots(file)
	if err != nil {
		return doctor.Report{}, err
	}
	ctx, site := cmd.Context(), doctor.NewSite(inside.Deployment, roots)
	findings := append(inside.Findings, doctor.Examine(ctx, config, doctor.ConfigChecks)...)
	findings = append(findings, doctor.Examine(ctx, site, doctor.SiteChecks)...)
	findings = append(findings, examineProvider(ctx, cmd, site.Bypass(), hydra)...)
	strict, _ := cmd.Flags().GetBool("strict")
	return doctor.NewReport(findings, strict, accepted), nil
}

// examineProvider makes the checks that are particular to the identity provider, and to the Hydra whose login app it is.
func examineProvider(ctx context.Context, cmd *cobra.Command, server *doctor.Server, hydra string) []doctor.Finding {
	var findings []doctor.Finding
	switch server.Provider.Kind {
	case "keycloak":
		findings = append(doctor.Examine(ctx, server, doctorkeycloak.ServerChecks), inspect(ctx, cmd, server)...)
	case "kratos":
		findings = doctor.Examine(ctx, server, doctorkratos.Checks)
	case "hydra":
		findings = doctor.Examine(ctx, server, doctorhydra.Checks)
	}
	if server.Provider.HydraURL != "" {
		findings = append(findings, doctorhydra.ExamineWithKratos(ctx, server, hydra)...)
	}
	return findings
}

// hydraAddress is where people reach that Hydra's public API; "": not said.
func hydraAddress(cmd *cobra.Command, provider doctor.Provider) (string, error) {
	public, _ := cmd.Flags().GetString("hydra")
	switch {
	case public == "":
		return "", nil
	case provider.HydraURL == "":
		return "", errors.New("--hydra: the upstream has no option hydra, so no Hydra is known whose login app it is")
	case !strings.HasPrefix(public, "https://"):
		return "", fmt.Errorf("--hydra %q: write the https address at which people reach Hydra's public API", public)
	}
	return strings.TrimSuffix(public, "/"), checkURL("--hydra", public)
}

// inspect reads the realm, if there is a client that may.
func inspect(ctx context.Context, cmd *cobra.Command, server *doctor.Server) []doctor.Finding {
	id, _ := cmd.Flags().GetString("inspector")
	file, _ := cmd.Flags().GetString("inspector-secret")
	if id == "" {
		return doctor.CouldNotTell("no --inspector was given that may read the realm", doctorkeycloak.RealmChecks)
	}
	if file == "" {
		return doctor.CouldNotTell("--inspector-secret names no file", doctorkeycloak.RealmChecks)
	}
	secret, err := askPassword(cmd, file, "", "")
	if err != nil {
		return doctor.CouldNotTell(err.Error(), doctorkeycloak.RealmChecks)
	}
	realm, err := doctorkeycloak.Inspect(ctx, server, doctorkeycloak.Inspector{ID: id, Secret: secret})
	if err != nil {
		return doctor.CouldNotTell(err.Error(), doctorkeycloak.RealmChecks)
	}
	return doctor.Examine(ctx, realm, doctorkeycloak.RealmChecks)
}

// runningConfig is what Caddy runs. It may hold secrets, and nothing of it is shown as it is.
func runningConfig(cmd *cobra.Command, d doctor.Deployment) (doctor.Config, error) {
	raw, err := callAdmin(cmd, http.MethodGet, "/config/", nil)
	if err != nil {
		return doctor.Config{}, fmt.Errorf("reading the configuration of Caddy: %w", err)
	}
	config, err := doctor.ParseConfig(raw, d)
	if err != nil {
		return doctor.Config{}, err
	}
	config.LookUp(cmd.Context())
	return config, nil
}
