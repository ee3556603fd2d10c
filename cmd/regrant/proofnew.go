package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/regrant/regrant/attest/recoverykey"
)

//go:embed sheet.html
var sheetText string

var sheetTemplate = template.Must(template.New("").Parse(sheetText))

// sheet is what is printed.
type sheet struct {
	Issuers         []string
	Made, DID, Text string
	Protected       bool
	QR              qrCode
}

type proofNewCommand struct {
	*env
	issuers            []string
	keyFile, sheetFile string
	passphrase         bool
}

func newProofNew(e *env) *cobra.Command {
	c := &proofNewCommand{env: e}
	cmd := &cobra.Command{
		Use:   "new --issuer URL",
		Short: "Make a recovery key, a file and a sheet to print, and show what to enrol",
		Long: `Make a recovery key, a file and a sheet to print, and show what to enrol.

The file holds the private key, and so does the sheet, as text and as a QR code. Print the sheet, then delete what you do not
want to keep on this machine. The public key goes to the page on which you enrol it; all three of its forms say the same.

The key signs for the issuers that are named here and for no other.

` + exitCodes,
		Example: `  regrant proof new --issuer https://id.example.com/recovery
  regrant proof new --issuer https://id.example.com/recovery --passphrase --out key.txt --sheet key.html`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&c.issuers, "issuer", nil, "`URL` of the gateway, each with its own --issuer (required)")
	f.StringVar(&c.keyFile, "out", "recovery-key.txt", "`FILE` for the key; it must not be there yet")
	f.StringVar(&c.sheetFile, "sheet", "recovery-key.html", "`FILE` for the sheet to print; it must not be there yet")
	f.BoolVar(&c.passphrase, "passphrase", false, "protect the key with a passphrase, which is asked for")
	_ = cmd.MarkFlagRequired("issuer")
	return cmd
}

func (c *proofNewCommand) run(ctx context.Context) error {
	for _, issuer := range c.issuers {
		if err := checkIssuer(issuer); err != nil {
			return err
		}
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return unusable("", "making the key: %v", err)
	}
	k, err := newRecoveryKey(private, c.issuers, c.now())
	if err != nil {
		return unusable("", "making the key: %v", err)
	}
	if c.passphrase {
		passphrase, err := c.choosePassphrase(ctx)
		if err != nil {
			return err
		}
		if err := k.protect(passphrase); err != nil {
			return unusable("", "protecting the key: %v", err)
		}
	}
	page, err := k.sheet()
	if err != nil {
		return unusable("", "making the sheet: %v", err)
	}
	if err := createBoth(c.keyFile, k.text(), c.sheetFile, page); err != nil {
		return err
	}
	fmt.Fprintf(c.err, "The key is in %s. The sheet to print is %s.\nEnrol the public key while you still have access:\n\n", c.keyFile, c.sheetFile)
	return c.showPublic(k)
}

// showPublic prints the three forms of the public key.
func (c *proofNewCommand) showPublic(k *recoveryKey) error {
	public, err := recoverykey.ParseDID(k.did)
	if err == nil {
		_, err = fmt.Fprintf(c.out, "did: %s\npublic key: %s\nthumbprint: %s\n", k.did, public.JWK(), base64.RawURLEncoding.EncodeToString(public.Handle()))
	}
	if err != nil {
		return unusable("", "showing the public key: %v", err)
	}
	return nil
}

func (k *recoveryKey) sheet() (string, error) {
	code, err := newQRCode(k.text())
	if err != nil {
		return "", err
	}
	var page strings.Builder
	err = sheetTemplate.Execute(&page, sheet{k.issuers, k.made.UTC().Format(time.DateOnly), k.did, k.text(), k.protected(), code})
	return page.String(), err
}

// createBoth writes two new files or none.
func createBoth(first, firstText, second, secondText string) error {
	if err := createFile(first, firstText); err != nil {
		return err
	}
	if err := createFile(second, secondText); err != nil {
		_ = os.Remove(first) // it was made a moment ago, and nobody has seen it
		return err
	}
	return nil
}

// createFile writes a file that only its owner can read. What is there already may be a key that was enrolled, and stays.
func createFile(file, text string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return unusable("Name another one with --out or --sheet.", "%s is there already", file)
	}
	if err != nil {
		return unusable("", "writing %s: %v", file, err)
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(file)
		return unusable("", "writing %s: %v", file, err)
	}
	return nil
}
