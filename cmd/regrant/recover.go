package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/wire"
)

// clientID is the client of the gateway's token endpoint that stands for this program.
const clientID = "regrant-device"

type recoverCommand struct {
	*env
	connection
	account, issuer, dir       string
	actions                    []string
	yes, printToken, noBrowser bool
	tpm                        bool
}

func newRecover(e *env) *cobra.Command {
	c := &recoverCommand{env: e}
	cmd := &cobra.Command{
		Use:   "recover --account ID",
		Short: "Recover an account with this device",
		Long: `Recover an account with this device.

The gateway sends a statement that names the account and what is to happen to it. The program checks that it is what you
asked for, shows it, and signs it only if you agree. Then it opens your browser, where you are signed in and go on.

Agree only if you started this recovery yourself. Nobody who helps you needs you to run this command for them.

` + exitCodes,
		Example: `  regrant device recover --account alice@example.com
  regrant device recover --account alice@example.com --action sign-in --action replace-otp`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.StringVar(&c.account, "account", "", "username or address of the account, its `ID` at sign-in (required)")
	f.StringVar(&c.issuer, "issuer", "", "`URL` of the gateway (default the one that this device is enrolled with)")
	f.StringSliceVar(&c.actions, "action", nil,
		"what is to happen, each with its own --action:\nsign-in, reset-password, replace-passkey, replace-otp, revoke-sessions;\nrehearse tries everything out and changes nothing\n(default sign-in, and reset-password where the gateway offers it)")
	f.BoolVar(&c.yes, "yes", false, "sign without asking, if the statement is what was asked for")
	f.BoolVar(&c.printToken, "print-token", false, "print the recovery token and end there; it is a secret")
	f.BoolVar(&c.noBrowser, "no-browser", false, "print the address of the page to go on with instead of opening it")
	f.StringVar(&c.dir, "dir", "", "`FOLDER` of the device")
	f.BoolVar(&c.tpm, "tpm", false, "refuse to use a device whose key is not in the TPM of this machine")
	c.flags(cmd)
	_ = cmd.MarkFlagRequired("account")
	cmd.MarkFlagsMutuallyExclusive("print-token", "no-browser")
	return cmd
}

func (c *recoverCommand) run(ctx context.Context) error {
	d, err := findDevice(c.dir, c.issuer)
	if err != nil {
		return err
	}
	if c.tpm && d.chip == nil {
		return unusable("Enrol this machine with regrant device enroll --tpm.", "the key of the device in %s is in a file, not in a TPM", d.dir)
	}
	want, err := c.expected(d)
	if err != nil {
		return err
	}
	g, err := c.connect(d.Issuer, c.connection)
	if err != nil {
		return err
	}
	offered, err := g.checkMetadata(ctx)
	if err != nil {
		return err
	}
	if want.actions == nil {
		want.actions = usualActions(offered)
	}
	token, err := c.prove(ctx, g, d, want)
	if err != nil {
		return err
	}
	if token == "" {
		return nil // a rehearsal
	}
	if c.printToken {
		if _, err := fmt.Fprintln(c.out, token); err != nil {
			return unusable("", "printing the token: %v", err)
		}
		return nil
	}
	return c.handOver(ctx, g, d, token, want)
}

// usualActions is what most people come for: a lost password, where the gateway can have a new one set. It is never more
// than that, whatever the gateway offers.
func usualActions(offered []string) []attest.Action {
	actions := []attest.Action{attest.ActionSignIn}
	if slices.Contains(offered, string(attest.ActionResetPassword)) {
		actions = append(actions, attest.ActionResetPassword)
	}
	return actions
}

// expected is what the statement must say. Without --action there are no actions in it yet.
func (c *recoverCommand) expected(d *device) (want expected, err error) {
	want.issuer, want.holder = d.Issuer, wire.Thumbprint(d.holder().Public())
	if want.account, err = attest.ParseIdentifier(c.account); err != nil {
		return want, unusable("", "--account: %v", err)
	}
	if len(c.actions) == 0 {
		return want, nil
	}
	if want.actions, err = attest.ParseActions(c.actions); err != nil {
		return want, unusable("See regrant device recover --help.", "--action: %v", err)
	}
	return want, nil
}

// prove starts a recovery, has the statement agreed to, signs it, and returns the recovery token; none after a rehearsal.
func (c *recoverCommand) prove(ctx context.Context, g *gateway, d *device, want expected) (string, error) {
	request := wire.InitiateRequest{AccountIdentifier: want.account.String(), ClientID: clientID}
	for _, a := range want.actions {
		request.Actions = append(request.Actions, string(a))
	}
	var offer wire.InitiateResponse
	if err := g.post(ctx, "/initiate", d.holder(), request, &offer); err != nil {
		return "", err
	}
	if err := want.check(offer, c.now()); err != nil {
		return "", err
	}
	method, err := d.method(offer)
	if err != nil {
		return "", err
	}
	if err := c.agree(ctx, offer.Statement); err != nil {
		return "", err
	}
	evidence, err := d.prove(offer.Statement, method.Options)
	if err != nil {
		return "", err
	}
	proof := wire.AttestRequest{RecoveryID: offer.RecoveryID}
	proof.Evidence = append(proof.Evidence, evidence)
	var answer wire.AttestResponse
	if err := g.post(ctx, "/attest", d.holder(), proof, &answer); err != nil {
		return "", err
	}
	if answer.Outcome == wire.OutcomeMore {
		if answer, err = c.second(ctx, g, d, want, answer); err != nil {
			return "", err
		}
	}
	return c.end(answer)
}

// agree shows the statement, which was checked, and asks whether to sign it.
func (c *recoverCommand) agree(ctx context.Context, statement string) error {
	fmt.Fprintf(c.err, "To be signed with this device's key:\n\n  %s\n", strings.ReplaceAll(strings.TrimSuffix(statement, "\n"), "\n", "\n  "))
	if c.yes {
		return nil
	}
	fmt.Fprintln(c.err)
	return c.confirm(ctx, "Did you start this recovery yourself, and shall it be signed?")
}
