package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
)

func newRoot(e *env) *cobra.Command {
	root := &cobra.Command{
		Use:           "regrant",
		Short:         "Get back into an account with a device that was enrolled for it",
		Long:          "Get back into an account with a device that was enrolled for it, or with a recovery key that is kept offline.\n\n" + exitCodes,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          help,
	}
	root.SetIn(e.in)
	root.SetOut(e.out)
	root.SetErr(e.err)
	root.CompletionOptions.HiddenDefaultCmd = true

	device := &cobra.Command{
		Use:   "device",
		Short: "Enrol this device, recover an account with it, show it",
		Args:  cobra.NoArgs,
		RunE:  help,
	}
	device.AddCommand(newEnroll(e), newRecover(e), newShow(e))
	version := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintf(e.out, "regrant %s %s\n", buildVersion(), runtime.Version())
			return nil
		},
	}
	root.AddCommand(device, newProof(e), newAppraise(e), version)
	return root
}

func help(c *cobra.Command, _ []string) error { return c.Help() }

func buildVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}

// connection is what every command that speaks to a gateway can be told about it.
type connection struct {
	caFile  string
	timeout time.Duration
}

func (c *connection) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.caFile, "ca-file", "", "trust the certificates in this `FILE` (PEM) instead of the system's")
	cmd.Flags().DurationVar(&c.timeout, "timeout", 30*time.Second, "how long to wait for each answer of the gateway")
}
