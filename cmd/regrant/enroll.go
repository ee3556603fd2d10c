package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/regrant/regrant/internal/wire"
)

type enrollCommand struct {
	*env
	connection
	issuer, code, label, dir string
	certificate, key         string // files of a device that has both already
	tpm                      bool
	tpmDevice, tpmLog        string
}

func newEnroll(e *env) *cobra.Command {
	c := &enrollCommand{env: e}
	cmd := &cobra.Command{
		Use:   "enroll --issuer URL",
		Short: "Make a key on this device and have it certified for an account",
		Long: `Make a key on this device and have it certified for an account.

You make an activation code on the page with your recovery methods, or whoever runs the gateway gives you one. It works once
and for ten minutes. Without --code it is asked for, and does not stay in the shell's history. With a code that you made
yourself, go back to that page afterwards and confirm the fingerprint that is printed here.

The key stays on this device, in a file that only you can read. Anybody with a copy of that file can recover the account:
leave it out of backups that others can read.

A device that has a certificate of a device CA which the gateway trusts is enrolled with that one: --certificate names its
file, PEM, the device's own certificate first and then those between it and the CA, and --key the file of its key,
which must be on P-256. Both are copied.

With --tpm the key is made in the TPM 2.0 of this machine (Linux only), which it cannot leave, and the gateway makes sure of that. The
gateway must take TPMs of this one's maker.

` + exitCodes,
		Example: `  regrant device enroll --issuer https://id.example.com/recovery
  pass show activation | regrant device enroll --issuer https://id.example.com/recovery --code -
  regrant device enroll --issuer https://id.example.com/recovery --certificate device.pem --key device.key
  regrant device enroll --issuer https://id.example.com/recovery --tpm`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context()) },
	}
	host, _ := os.Hostname() // without one the label is empty
	cmd.Flags().StringVar(&c.issuer, "issuer", "", "`URL` of the gateway (required)")
	cmd.Flags().StringVar(&c.code, "code", "", "activation `CODE`; - reads it from standard input")
	cmd.Flags().StringVar(&c.label, "label", host, "what people call this device")
	cmd.Flags().StringVar(&c.dir, "dir", "", "`FOLDER` for the key (default one for the gateway's host, in your configuration folder)")
	cmd.Flags().StringVar(&c.certificate, "certificate", "", "`FILE` with the certificate that this device has already")
	cmd.Flags().StringVar(&c.key, "key", "", "`FILE` with the key of that certificate")
	cmd.Flags().BoolVar(&c.tpm, "tpm", false, "make the key in the TPM of this machine")
	cmd.Flags().StringVar(&c.tpmDevice, "tpm-device", "", "`PATH` of the TPM, or of the socket of one in software (default /dev/tpmrm0)")
	cmd.Flags().StringVar(&c.tpmLog, "tpm-log", "", "`FILE` that tells what the firmware measured, if the gateway wants to know (default the kernel's own)")
	c.flags(cmd)
	_ = cmd.MarkFlagRequired("issuer")
	cmd.MarkFlagsRequiredTogether("certificate", "key")
	cmd.MarkFlagsMutuallyExclusive("certificate", "tpm")
	return cmd
}

func (c *enrollCommand) run(ctx context.Context) error {
	g, err := c.connect(c.issuer, c.connection)
	if err != nil {
		return err
	}
	d, err := c.device()
	if err != nil {
		return err
	}
	code, err := c.readCode(ctx)
	if err != nil {
		return err
	}
	// The key is on the disk before the code is spent, so that a full disk costs no code.
	name, enroll := keyFile, c.enroll
	if d.chip != nil {
		name, enroll = chipFile, c.activate
		err = d.chip.create(d.dir)
	} else {
		err = createKey(d.dir, d.key)
	}
	if err != nil {
		return err
	}
	if err := enroll(ctx, g, d, code); err != nil {
		_ = os.Remove(filepath.Join(d.dir, name)) // ours, written above, and bound to nothing that we know of
		return err
	}
	d.describe(c.out)
	if !d.confirmBefore.IsZero() {
		d.askToConfirm(c.out)
	}
	return nil
}

// device is the device to be enrolled: with a new key, in a file or in the TPM, or with the certificate and key that it has.
func (c *enrollCommand) device() (d *device, err error) {
	d = new(device)
	if d.dir, err = deviceDir(c.dir, c.issuer); err != nil {
		return nil, err
	}
	if err := checkEmpty(d.dir); err != nil {
		return nil, err
	}
	if !c.tpm && (c.tpmDevice != "" || c.tpmLog != "") {
		return nil, unusable("", "--tpm-device and --tpm-log go with --tpm")
	}
	if c.tpm {
		d.chip, err = newChip(c.tpmDevice, c.tpmLog)
		return d, err
	}
	if c.certificate == "" {
		if d.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return nil, unusable("", "making the key: %v", err)
		}
		return d, nil
	}
	if d.chain, err = loadChain(c.certificate); err != nil {
		return nil, unusable("", "--certificate: %v", err)
	}
	if d.key, err = loadKey(c.key); err != nil {
		return nil, unusable("", "--key: %v", err)
	}
	if !d.key.PublicKey.Equal(d.chain[0].PublicKey) {
		return nil, unusable("Put the device's own certificate first into the file.", "the key is not that of the first certificate in %s", c.certificate)
	}
	return d, nil
}

func (c *enrollCommand) readCode(ctx context.Context) (code string, err error) {
	switch code = c.code; code {
	case "":
		code, err = c.askSecret(ctx, "Activation code: ")
	case "-":
		code, err = c.ask(ctx, "")
	}
	if err == nil && code == "" {
		err = unusable("", "no activation code was given")
	}
	return code, err
}

// enroll has the key of d certified, or its certificate bound, and saves what comes back, once it is found to be what was
// asked for.
func (c *enrollCommand) enroll(ctx context.Context, g *gateway, d *device, code string) error {
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, d.key)
	if err != nil {
		return unusable("", "making the certificate request: %v", err)
	}
	request := wire.EnrollRequest{
		ActivationCode: code,
		CSR:            string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})),
		Label:          c.label,
	}
	for _, certificate := range d.chain {
		request.CertificateChain = append(request.CertificateChain, string(encodeCertificate(certificate)))
	}
	var answer wire.EnrollResponse
	if err := g.post(ctx, "/devices/enroll", nil, request, &answer); err != nil {
		return err
	}
	d.deviceInfo = deviceInfo{answer.Issuer, answer.Account, answer.DeviceID, c.label, answer.EffectiveAt}
	d.confirmBefore = answer.ConfirmBefore
	chain, err := parseChain([]byte(strings.Join(answer.CertificateChain, "\n")))
	if err != nil {
		return mismatch("the gateway's certificate cannot be read: %v", err)
	}
	if d.Issuer != c.issuer {
		return mismatch("the gateway enrolled this device with another issuer")
	}
	switch {
	case d.chain == nil:
		d.chain = chain
		err = d.check(c.now())
	case !d.chain[0].Equal(chain[0]):
		err = mismatch("the gateway bound another certificate")
	}
	if err != nil {
		return err
	}
	return d.save()
}

// check holds a new certificate against what was asked for.
func (d *device) check(now time.Time) error {
	leaf := d.chain[0]
	if !d.key.PublicKey.Equal(leaf.PublicKey) {
		return mismatch("the gateway certified another key")
	}
	if len(leaf.URIs) != 1 || leaf.URIs[0].String() != "urn:regrant:device:"+d.DeviceID {
		return mismatch("the gateway certified another device")
	}
	if len(d.chain) < 2 {
		return mismatch("the gateway did not send the certificate of its issuing authority")
	}
	roots := x509.NewCertPool()
	for _, issuer := range d.chain[1:] {
		roots.AddCert(issuer)
	}
	// At its own beginning: a clock that is a little behind is not somebody in between.
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, CurrentTime: leaf.NotBefore, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return mismatch("the certificate does not come from the gateway's issuing authority: %v", err)
	}
	if !now.Before(leaf.NotAfter) {
		return mismatch("the certificate has expired already")
	}
	return nil
}

func newShow(e *env) *cobra.Command {
	var dir, issuer string
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show what is enrolled here",
		Long:  "Show what is enrolled here: for which account, with which gateway, until when.\n\n" + exitCodes,
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			dirs, err := enrolledDirs(dir, issuer)
			if err != nil {
				return err
			}
			for _, dir := range dirs {
				d, err := loadDevice(dir)
				if err != nil {
					return err
				}
				d.describe(e.out)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "`FOLDER` of the device")
	cmd.Flags().StringVar(&issuer, "issuer", "", "`URL` of the gateway, if there are several")
	return cmd
}

func (d *device) describe(w io.Writer) {
	last := [2]string{"key", "in the TPM of this machine"}
	if d.chip == nil {
		last = [2]string{"expires", d.chain[0].NotAfter.UTC().Format(time.RFC3339)}
	}
	for _, line := range [][2]string{
		{"device", d.DeviceID},
		{"label", d.Label},
		{"account", d.Account},
		{"issuer", d.Issuer},
		{"effective", d.EffectiveAt.UTC().Format(time.RFC3339)},
		{"fingerprint", d.fingerprint()},
		last,
		{"folder", d.dir},
	} {
		fmt.Fprintf(w, "%-12s %s\n", line[0]+":", printable(line[1]))
	}
}
