package main

import (
	"github.com/spf13/cobra"
)

func newProof(e *env) *cobra.Command {
	proof := &cobra.Command{
		Use:   "proof",
		Short: "Make a recovery key, and prove with it; no network is needed",
		Long: `Make a recovery key, and prove with it; no network is needed.

A recovery key is a key that you keep offline, on paper or in a file, for the day on which every device is lost. Only its
public half is enrolled. On that day the sign-in page shows a statement; you carry it to wherever the key is, read there what it
says, sign it, and carry the proof back.

` + exitCodes,
		Args: cobra.NoArgs,
		RunE: help,
	}
	proof.AddCommand(newProofNew(e), newProofShow(e), newProofSign(e))
	return proof
}
