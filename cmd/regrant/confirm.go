package main

import (
	"crypto/x509"
	"fmt"
	"io"

	"github.com/regrant/regrant/attest"
)

// askToConfirm says what is left to do.
func (d *device) askToConfirm(w io.Writer) {
	fmt.Fprintf(w, `
This device counts for nothing yet. Go back to the page that showed you the activation code, go on from there, and compare the
fingerprint. Confirm it before %s if it is

    %s

`, d.confirmBefore.Local().Format("15:04"), d.fingerprint())
}

// fingerprint is the device's key as people compare it. It is computed here: whoever saw the code and was faster has another key,
// and of that the gateway would tell.
func (d *device) fingerprint() string {
	spki, err := x509.MarshalPKIXPublicKey(d.holder().Public())
	if err != nil {
		panic(err) // every key of ours is on P-256
	}
	return attest.Fingerprint(spki)
}
