package caddymodule

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/regrant/regrant/internal/trial"
	"github.com/regrant/regrant/internal/trial/person"
)

// Exit statuses of try, besides 0: everything held.
const (
	exitNotHeld = 1 // something is not as it should be
	exitUntold  = 2 // it could not be looked at
)

// keepEvery is how often a trial is kept alive, well within its grace.
const keepEvery = trial.Grace / 4

const mendAccount = "Nothing was tried. Unless it says so itself, the gateway's client at the identity provider lacks one of the rights that README.md names."

// errNotGreen has been told of by the step that failed.
var errNotGreen = errors.New("the trial is not green")

func tryCommand() *cobra.Command {
	var as, caFile string
	cmd := &cobra.Command{
		Use:   "try --as <name> [--ca-file <file>]",
		Short: "Tries a whole recovery out, with an account that is made for it and deleted again",
		Long: `
Tries a whole recovery out against the running gateway and its identity provider:
makes an account there that is nobody's, binds authenticators in software, loses one,
recovers over the public address as a person would, looks whether the identity
provider has made its own session and ended the one from before, and deletes
everything. The account has no rights, and a name that begins with regrant-trial-.

It comes by the identity provider's own way for who forgot the password. In mode assist,
which leaves that as it is, it comes by the button on the sign-in page or by the gateway's
own start page, and says so in a line of its own.

Where programs without a browser are given the identity provider's own token
(upstream_grant of Keycloak, session_tokens of Kratos), a program recovers the account
once more, and shows its token to the identity provider.

Each step says what was seen, and the end which steps were skipped. The exit status is
0 if everything else held, 1 if something did not, and 2 if it could not be told. If
the command is killed, the gateway deletes the account by itself, a minute later. The
receivers of notices are told of the trial's account as of any other.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			status, err := try(cmd, as, caFile)
			if status == exitUntold {
				return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return status, err })(cmd, args)
			}
			cmd.SilenceErrors = errors.Is(err, errNotGreen)
			return err
		},
	}
	asFlag(cmd, &as)
	cmd.Flags().StringVar(&caFile, "ca-file", "", "Certificates of the CA of the public address, in PEM, if systems do not know it")
	return cmd
}

// try runs one trial, and ends it whatever happens.
func try(cmd *cobra.Command, as, caFile string) (status int, err error) {
	roots, err := readRoots(caFile)
	if err != nil {
		return exitUntold, err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r := newTryReport(cmd)
	t, err := newTriedTrial(cmd, as)
	if err != nil {
		r.tell(person.Step{Name: "account", Outcome: person.Untold, Seen: err.Error(), Mend: mendAccount})
		return r.end()
	}
	r.tell(person.StepOf("account", fmt.Sprintf("made %s at %s, which is nobody's and has no rights", t.Account, t.Upstream), nil))
	t.run(ctx, r, roots)
	left, err := t.end()
	r.tell(deleted(left, err))
	return r.end()
}

// run lets the person of the trial do the steps, and keeps the trial alive meanwhile.
func (t *triedTrial) run(ctx context.Context, r *tryReport, roots *x509.CertPool) {
	ctx, cancel := context.WithDeadline(ctx, t.ExpiresAt)
	defer cancel()
	go t.keep(ctx) // ends with ctx
	_, err := person.Run(ctx, person.Trial{
		Issuer: t.Issuer, Account: t.Account, AccountID: t.AccountID, Password: t.Password, Cookie: t.Cookie, Secret: t.Session, Methods: t.Methods, Programs: t.Programs, Path: t.Path,
	}, t, roots, r.tell)
	if err != nil {
		r.tell(person.StepOf("person", "", err))
	}
}

// triedTrial is one trial, as whoever runs it sees it: by the admin API.
type triedTrial struct {
	trialBegun
	as  string
	cmd *cobra.Command
}

func newTriedTrial(cmd *cobra.Command, as string) (*triedTrial, error) {
	t := &triedTrial{as: as, cmd: cmd}
	return t, t.ask("trials", trialRequest{as}, &t.trialBegun)
}

// ask makes one call of the admin API.
func (t *triedTrial) ask(path string, in, out any) error {
	return askGateway(t.cmd, http.MethodPost, path, in, out)
}

func (t *triedTrial) path(verb string) string { return "trials/" + url.PathEscape(t.ID) + "/" + verb }

// Observe implements [person.Operator].
func (t *triedTrial) Observe(context.Context) (person.Seen, error) {
	var seen trialSeen
	err := t.ask(t.path("observe"), struct{}{}, &seen)
	return person.Seen{Sessions: seen.Sessions, Authenticators: seen.Authenticators, Journal: seen.Journal, Notices: seen.Notices}, err
}

// ActivationCode implements [person.Operator].
func (t *triedTrial) ActivationCode(context.Context) (string, error) {
	var code activationCode
	err := t.ask("activation-codes", activationCodeRequest{Account: t.Account, As: t.as}, &code)
	return code.Code, err
}

// keep keeps the trial alive until ctx ends. That it could not be done shows in the steps.
func (t *triedTrial) keep(ctx context.Context) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = t.ask(t.path("keep"), struct{}{}, &struct{}{})
		}
	}
}

func (t *triedTrial) end() (left trial.Ended, err error) {
	err = t.ask(t.path("end"), struct{}{}, &left)
	return left, err
}

// deleted is the step at the end.
func deleted(left trial.Ended, err error) person.Step {
	const name, later = "deleted", "The gateway deletes the account by itself, a minute after it was last kept; its log says what is in the way."
	switch {
	case err != nil:
		return person.Step{Name: name, Outcome: person.Untold, Seen: err.Error(), Mend: later}
	case !left.Clean():
		return person.Step{Name: name, Outcome: person.Failed, Seen: fmt.Sprintf("something is left: %+v", left), Mend: later}
	}
	return person.StepOf(name, "the identity provider has no such account any more, no authenticator counts, and nothing of the trial is trusted", nil)
}
