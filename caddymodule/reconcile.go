package caddymodule

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/regrant/regrant/internal/reconcile"
)

// reconcileRequest asks for what is done once a day anyway.
type reconcileRequest struct {
	As string `json:"as"`
}

func reconcileNow(ctx context.Context, c adminCall) (any, error) {
	var in reconcileRequest
	if err := c.decodeChange(&in, &in.As); err != nil {
		return nil, err
	}
	if !c.adapter.Facts().Admin {
		return nil, refuse(http.StatusNotFound, "this identity provider cannot be asked about accounts")
	}
	return c.reconcile.Pass(ctx, in.As)
}

func reconcileCommand() *cobra.Command {
	var in reconcileRequest
	cmd := &cobra.Command{
		Use:   "reconcile --as <name>",
		Short: "Looks now what became of the accounts at the identity provider",
		Long: `
Looks now what became of the accounts at the identity provider, which is done once
a day anyway: takes new names over, cancels the recoveries of whoever is disabled or
gone, and revokes what could recover an account that has been gone for a day.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return call(cmd, http.MethodPost, "reconcile", in, printReconciled)
		},
	}
	asFlag(cmd, &in.As)
	return cmd
}

func printReconciled(w io.Writer, s reconcile.Summary) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer t.Flush()
	row(t, "Accounts", strconv.Itoa(s.Accounts))
	row(t, "Renamed", strconv.Itoa(s.Renamed))
	row(t, "Disabled", strconv.Itoa(s.Disabled))
	row(t, "Gone", strconv.Itoa(s.Gone))
	row(t, "Unseen", strconv.Itoa(s.Unseen))
	row(t, "Authenticators revoked", strconv.Itoa(s.Revoked))
	if s.Doubted {
		row(t, "Doubt", "so many are gone that nothing was revoked: does the gateway ask the right identity provider?")
	}
}
