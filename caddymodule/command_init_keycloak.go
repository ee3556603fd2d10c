package caddymodule

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/regrant/regrant/internal/setup/keycloak"
)

// initKeycloak is one run of the command.
type initKeycloak struct {
	initFlags
	strictFlags
	o                     keycloak.Options
	format                string
	who                   keycloak.Credentials
	passwordFile, caFile  string
	adminClientSecretFile string
}

func initKeycloakCommand() *cobra.Command {
	var in initKeycloak
	cmd := &cobra.Command{
		Use:   "keycloak <url> --realm <name> --issuer <url> --admin-user <name>",
		Short: "Brings a realm of Keycloak to what the gateway needs of it, and back",
		Long: `
Reads a realm of Keycloak, at the address at which the gateway is going to call it,
and shows what would change and why. With --apply it is changed.

It signs in as an administrator, whose password is asked for, or comes from
--admin-password-file ('-' is standard input) or from $REGRANT_ADMIN_PASSWORD. It
is used for this run and kept nowhere.

Mode assist, the default, leaves Keycloak's own "Forgot password?" as it is; mode
strict leads it to the gateway. Strict is refused until --administrator names
somebody who has proven two methods in a rehearsal or a recovery. What --format
prints says that instead, since it calls nobody.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.o.URL = args[0]
			return in.execute(cmd)
		},
	}
	in.initFlags.register(cmd)
	in.strictFlags.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&in.o.Realm, "realm", "", "The realm")
	flags.StringVar(&in.issuer, "issuer", "", "The gateway, such as https://id.example.com/recovery")
	flags.StringVar(&in.o.Alias, "alias", defaultAlias, "Alias of the gateway among the realm's identity providers")
	flags.BoolVar(&in.o.Button, "button", false, "Show a button on the login page that leads to the gateway")
	flags.BoolVar(&in.o.LinkOnLogin, "link-on-login", false, "Mode strict: show a link on the login page, and where a one-time password is asked for")
	flags.BoolVar(&in.o.Narrow, "narrow", false, "Take away roles of the gateway's that it does not need")
	flags.BoolVar(&in.o.UpstreamGrant, "upstream-grant", false, "Let programs get access tokens of the realm for a recovery")
	flags.StringVar(&in.o.RecoverableGroup, "recoverable-group", "", "Let the gateway recover the members of this group alone (fine-grained permissions)")
	flags.StringArrayVar(&in.o.Applications, "application", nil, "A client of the realm that is to see which sessions began with a recovery (may be given again)")
	flags.StringVar(&in.format, "format", "", "Print it as realm-json or terraform instead, and call nobody")
	flags.StringVar(&in.who.User, "admin-user", "", "Administrator who signs in for this run")
	flags.StringVar(&in.passwordFile, "admin-password-file", "", "File of the administrator's password; - is standard input")
	flags.StringVar(&in.who.ClientID, "admin-client", "", "Client with a service account that signs in instead of a person")
	flags.StringVar(&in.adminClientSecretFile, "admin-client-secret-file", "", "File of that client's secret; - is standard input")
	flags.StringVar(&in.who.Realm, "admin-realm", "master", "Realm in which the administrator signs in")
	flags.StringVar(&in.caFile, "ca-file", "", "PEM file of the authorities to trust for HTTPS to Keycloak")
	for _, name := range []string{"realm", "issuer"} {
		_ = cmd.MarkFlagRequired(name) // fails only for a flag that is not there
	}
	cmd.MarkFlagsMutuallyExclusive("admin-user", "admin-client")
	cmd.MarkFlagsMutuallyExclusive("format", "apply")
	cmd.MarkFlagsMutuallyExclusive("format", "undo")
	for _, name := range []string{"recoverable-group", "application", "link-on-login", "narrow"} { // which depend on what the realm has
		cmd.MarkFlagsMutuallyExclusive("format", name)
	}
	return cmd
}

func (in *initKeycloak) execute(cmd *cobra.Command) error {
	if err := in.options(); err != nil {
		return err
	}
	if in.format != "" {
		return in.print(cmd)
	}
	if err := in.credentials(cmd); err != nil {
		return err
	}
	if in.o.Strict && !in.undo {
		if err := in.ready(cmd); err != nil {
			return err
		}
	}
	realm, err := keycloak.Connect(cmd.Context(), in.o, in.who)
	if err != nil {
		return err
	}
	return in.run(cmd, initTarget{
		name: in.o.Target(), record: filepath.Join(in.dir, "init-keycloak-"+in.o.Realm+".json"), secrets: in.secrets(),
		plan: realm.Plan, find: realm.Find, caddyfile: in.o.Caddyfile(), next: in.next(cmd),
	})
}

// options reads the flags into what the realm is to become.
func (in *initKeycloak) options() error {
	var err error
	if in.o.Origin, in.o.Path, err = in.place(); err != nil {
		return err
	}
	if in.o.Strict, err = in.strict(); err != nil {
		return err
	}
	if in.dir, err = filepath.Abs(in.dir); err != nil {
		return err
	}
	in.o.ClientSecretFile, in.o.BrokerSecretFile = filepath.Join(in.dir, "keycloak.secret"), filepath.Join(in.dir, "broker.secret")
	in.o.GrantSecretFile = filepath.Join(in.dir, "programs.secret")
	return in.o.Check()
}

// print writes the realm down for those who keep it as code.
func (in *initKeycloak) print(cmd *cobra.Command) error {
	var text string
	var err error
	switch in.format {
	case "realm-json":
		text, err = in.o.RealmJSON()
	case "terraform":
		text = in.o.Terraform()
	default:
		err = fmt.Errorf("--format %q is not known: write realm-json or terraform", in.format)
	}
	if err != nil {
		return err
	}
	return in.strictFlags.print(cmd, text, in.format != "realm-json")
}

// credentials reads those of the administrator, and what is trusted on the way to the server.
func (in *initKeycloak) credentials(cmd *cobra.Command) (err error) {
	switch {
	case in.who.User != "":
		in.who.Password, err = askPassword(cmd, in.passwordFile, "REGRANT_ADMIN_PASSWORD", "Password of "+in.who.User+": ")
	case in.who.ClientID != "" && in.adminClientSecretFile != "":
		in.who.ClientSecret, err = askPassword(cmd, in.adminClientSecretFile, "", "")
	default:
		err = errors.New("who signs in? Give --admin-user, or --admin-client with --admin-client-secret-file")
	}
	if err != nil {
		return err
	}
	in.who.HTTPClient, err = trusting(in.caFile)
	return err
}

// secrets are the files of those that the gateway has.
func (in *initKeycloak) secrets() []string {
	files := []string{in.o.ClientSecretFile, in.o.BrokerSecretFile}
	if in.o.UpstreamGrant {
		files = append(files, in.o.GrantSecretFile)
	}
	return files
}

// next is what people do once the realm is as it should be.
func (in *initKeycloak) next(cmd *cobra.Command) string {
	if in.o.Strict {
		return nextStrict(cmd)
	}
	then := tryThen(cmd)
	if in.o.RecoverableGroup != "" { // in which the gateway may make no account
		then = lookThen(cmd)
	}
	return fmt.Sprintf(`Next:
  1. Let the user that Caddy runs as read %s, and load the Caddyfile.
  2. %s
  3. Sign in at %s/authenticators, bind two methods, and rehearse each.
  4. %s
     says what is missing until then, and what mode strict changes.`,
		listed(in.secrets()), then, in.issuer, strictThen(cmd, " "+shell(in.o.URL)))
}
