package caddymodule

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "regrant",
		Short: "Administers account recovery",
		Long: `
Administers the account-recovery gateway of a running Caddy.

The commands call Caddy's admin API at '` + caddy.DefaultAdminListen + `'. Another
address is given with --address, or with --config to read it from a configuration.

Where there are several upstreams, --upstream names the one that is meant.

What changes an account is done in somebody's name, which --as gives. It is
written into the journal, and the owner of the account is told.`,
		CobraFunc: buildCommand,
	})
}

// maxAnswer bounds what is read from the admin API, in bytes.
const maxAnswer = 16 << 20

func buildCommand(cmd *cobra.Command) {
	cmd.Use = "regrant <command>"
	flags := cmd.PersistentFlags()
	flags.String("address", "", "Address of the administration API listener (if --config is not used)")
	flags.StringP("config", "c", "", "Configuration file (if --address is not used)")
	flags.StringP("adapter", "a", "", "Name of config adapter to apply (if --config is used)")
	flags.Bool("json", false, "Print the answer as JSON")
	flags.String("upstream", "", "Name of the upstream that is meant (needed only where there are several)")
	cmd.AddCommand(
		activationCodeCommand(),
		authenticatorsCommand(),
		revokeCommand(),
		recoveriesCommand(),
		brokerCommand(),
		rotateKeysCommand(),
		reconcileCommand(),
		initCommand(),
		doctorCommand(),
		tryCommand(),
	)
}

func activationCodeCommand() *cobra.Command {
	var in activationCodeRequest
	cmd := &cobra.Command{
		Use:   "activation-code <account> --as <name> [--subject <id>]",
		Short: "Makes the one-time code with which a device is enrolled for an account",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.Account = args[0]
			return call(cmd, http.MethodPost, "activation-codes", in, printActivationCode)
		},
	}
	asFlag(cmd, &in.As)
	cmd.Flags().StringVar(&in.Subject, "subject", "", "Stable id of the account, where the identity provider cannot be asked for it")
	return cmd
}

func authenticatorsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "authenticators <account>",
		Short: "Lists what can recover an account",
		Long:  "Lists what can recover an account. Where the identity provider cannot be asked for accounts, name the account by its stable id.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return call(cmd, http.MethodPost, "accounts/authenticators", accountRequest{args[0]}, printAuthenticators)
		},
	}
}

func revokeCommand() *cobra.Command {
	var in revokeRequest
	cmd := &cobra.Command{
		Use:   "revoke <authenticator> --as <name> --reason <text>",
		Short: "Ends an authenticator at once",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return call(cmd, http.MethodPost, "authenticators/"+url.PathEscape(args[0])+"/revoke", in, printRevoked)
		},
	}
	asFlag(cmd, &in.As)
	cmd.Flags().StringVar(&in.Reason, "reason", "", "Why; written into the journal")
	_ = cmd.MarkFlagRequired("reason") // fails only for a flag that is not there
	return cmd
}

func recoveriesCommand() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "recoveries [--limit <n>]",
		Short: "Lists the latest recoveries",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return call(cmd, http.MethodGet, "recoveries?limit="+strconv.Itoa(limit), nil, printRecoveries)
		},
	}
	cmd.Flags().IntVar(&limit, "limit", defaultRecoveries, "How many")
	return cmd
}

func brokerCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "broker",
		Short: "Shows what to enter at the identity provider, with the client secret",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return call(cmd, http.MethodGet, "broker", nil, printBroker)
		},
	}
}

func rotateKeysCommand() *cobra.Command {
	var in rotateKeysRequest
	cmd := &cobra.Command{
		Use:   "rotate-keys --as <name>",
		Short: "Makes new keys for tokens and for what clients carry, ahead of time",
		Long: `
Makes new keys for tokens and for what clients carry, ahead of time. They come into
use an hour later, when everybody has had the time to read them, and the old ones
are good for an hour more.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return call(cmd, http.MethodPost, "rotate-keys", in, printTurns)
		},
	}
	asFlag(cmd, &in.As)
	return cmd
}

func asFlag(cmd *cobra.Command, target *string) {
	cmd.Flags().StringVar(target, "as", "", "Who does this; written into the journal")
	_ = cmd.MarkFlagRequired("as") // fails only for a flag that is not there
}

// call makes one call of the admin API and prints the answer: with show, or as it
// came if --json is given.
func call[T any](cmd *cobra.Command, method, path string, body any, show func(io.Writer, T)) error {
	raw, err := request(cmd, method, path, body)
	if err != nil {
		return err
	}
	if asJSON, _ := cmd.Flags().GetBool("json"); asJSON {
		var indented bytes.Buffer
		if err := json.Indent(&indented, raw, "", "  "); err != nil {
			return fmt.Errorf("reading the answer of Caddy: %v", err)
		}
		_, err := indented.WriteTo(cmd.OutOrStdout())
		return err
	}
	var answer T
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("reading the answer of Caddy: %v", err)
	}
	show(cmd.OutOrStdout(), answer)
	return nil
}

// withQuery adds a parameter to a path that may have some.
func withQuery(path, name, value string) string {
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	return path + separator + url.Values{name: {value}}.Encode()
}

// askGateway makes one call of the gateway's admin API and decodes the answer.
func askGateway(cmd *cobra.Command, method, path string, body, into any) error {
	raw, err := request(cmd, method, path, body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("reading the answer of Caddy: %v", err)
	}
	return nil
}

// request makes one call of the gateway's admin API, about the upstream that --upstream names.
func request(cmd *cobra.Command, method, path string, body any) ([]byte, error) {
	var payload io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		payload = bytes.NewReader(encoded)
	}
	if upstream, _ := cmd.Flags().GetString("upstream"); upstream != "" {
		path = withQuery(path, "upstream", upstream)
	}
	return callAdmin(cmd, method, adminBase+path, payload)
}

// callAdmin makes one call of Caddy's admin endpoint, which the flags name, and reads the answer.
func callAdmin(cmd *cobra.Command, method, uri string, payload io.Reader) ([]byte, error) {
	flags := cmd.Flags()
	address, _ := flags.GetString("address")
	config, _ := flags.GetString("config")
	adapter, _ := flags.GetString("adapter")
	address, err := caddycmd.DetermineAdminAPIAddress(address, nil, config, adapter)
	if err != nil {
		return nil, fmt.Errorf("finding the admin API: %v", err)
	}
	resp, err := caddycmd.AdminAPIRequest(address, method, uri, make(http.Header), payload)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
}
