package main

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/regrant/regrant/attest/recoverykey"
)

// maxToSign bounds what is read to be signed, in bytes.
const maxToSign = 4 << 10

const statementArgument = `The statement is the text that the page shows, in a file, or pasted: then an empty line ends it.`

type proofSignCommand struct {
	*env
	key string
}

func newProofShow(e *env) *cobra.Command {
	c := &proofSignCommand{env: e}
	cmd := &cobra.Command{
		Use:   "show [STATEMENT]",
		Short: "Say in clear words what a statement means, and sign nothing",
		Long: `Say in clear words what a statement means, and sign nothing.

` + statementArgument + ` With --key it is also said whether that key would sign it.

` + exitCodes,
		Example: `  regrant proof show statement.txt
  regrant proof show --key recovery-key.txt < statement.txt`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.show(cmd.Context(), args) },
	}
	cmd.Flags().StringVar(&c.key, "key", "", "`FILE` of the recovery key")
	return cmd
}

func newProofSign(e *env) *cobra.Command {
	c := &proofSignCommand{env: e}
	cmd := &cobra.Command{
		Use:   "sign --key FILE [STATEMENT]",
		Short: "Sign a statement with a recovery key, and print the proof",
		Long: `Sign a statement with a recovery key, and print the proof.

` + statementArgument + ` What it means is shown first. Sign it only if you started this
recovery yourself: whoever else has you sign it is let into your account. A statement of an issuer that the key was not made for, or
one that has ended, is not signed.

Paste the proof into the page, with its first and its last line. The text that enrols a key is signed in the same way.

` + exitCodes,
		Example: `  regrant proof sign --key recovery-key.txt statement.txt > proof.txt`,
		Args:    cobra.MaximumNArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return c.sign(cmd.Context(), args) },
	}
	cmd.Flags().StringVar(&c.key, "key", "", "`FILE` of the recovery key (required)")
	_ = cmd.MarkFlagRequired("key")
	return cmd
}

func (c *proofSignCommand) show(ctx context.Context, args []string) error {
	s, err := c.read(ctx, args)
	if err != nil {
		return err
	}
	s.show(c.out)
	if c.key == "" {
		return nil
	}
	k, err := loadRecoveryKey(c.key)
	if err != nil {
		return err
	}
	if err := s.check(k, c.now()); err != nil {
		return err
	}
	fmt.Fprintln(c.err, "The key is made for this issuer.")
	return nil
}

func (c *proofSignCommand) sign(ctx context.Context, args []string) error {
	k, err := loadRecoveryKey(c.key)
	if err != nil {
		return err
	}
	s, err := c.read(ctx, args)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.err, "To be signed with the recovery key %s:\n\n", k.did)
	s.show(c.err)
	fmt.Fprintln(c.err)
	if err := s.check(k, c.now()); err != nil {
		return err
	}
	if err := c.confirm(ctx, s.question); err != nil {
		return err
	}
	text, err := c.unlock(ctx, k)
	if err != nil {
		return err
	}
	private, err := k.private(text)
	if err != nil {
		return unusable("", "reading the key file %s: %v", c.key, err)
	}
	if err := s.check(k, c.now()); err != nil { // the answer may have taken its time
		return err
	}
	return c.print(private, s.text)
}

// print signs a text and prints the proof.
func (c *proofSignCommand) print(private ed25519.PrivateKey, text string) error {
	public, err := recoverykey.NewKey(private.Public())
	if err != nil {
		return unusable("", "signing: %v", err)
	}
	proof, err := public.Proof("Ed25519", ed25519.Sign(private, []byte(text)))
	if err == nil {
		_, err = fmt.Fprint(c.out, proof)
	}
	if err != nil {
		return unusable("", "printing the proof: %v", err)
	}
	return nil
}

// read reads what is to be signed from the file that is named, or from standard input.
func (c *proofSignCommand) read(ctx context.Context, args []string) (*toSign, error) {
	if len(args) == 0 {
		fmt.Fprintln(c.err, "Paste the statement, and end with an empty line:")
		text, err := c.readParagraph(ctx, maxToSign)
		if err != nil {
			return nil, err
		}
		return readToSign(text, c.now())
	}
	text, err := readShort(args[0], maxToSign)
	if err != nil {
		return nil, unusable("", "reading the statement: %v", err)
	}
	return readToSign(text, c.now())
}

// confirm asks whether to sign. Anything but a clear yes is a no.
func (e *env) confirm(ctx context.Context, question string) error {
	answer, err := e.ask(ctx, question+" [y/N] ")
	if err != nil {
		return err
	}
	if a := strings.ToLower(answer); a != "y" && a != "yes" {
		return &failure{exitRefused, "not signed", ""}
	}
	return nil
}
