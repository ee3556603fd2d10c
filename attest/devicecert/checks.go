package devicecert

import (
	"crypto/x509"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/certpath"
)

// forClientAuth makes the checks on a leaf that RFC 5280 leaves open: to it, a certificate without the extensions, or with
// anyExtendedKeyUsage, may be used for everything.
func forClientAuth(leaf *certpath.Certificate) error {
	switch {
	case leaf.IsCA():
		return attest.Refuse(attest.ReasonPurpose, "the device's certificate is that of a CA")
	case leaf.X509.KeyUsage&x509.KeyUsageDigitalSignature == 0: // RFC 5280 section 4.2.1.3
		return attest.Refuse(attest.ReasonPurpose, "key usage lacks digitalSignature")
	case !leaf.Names(certpath.ClientAuth): // RFC 5280 section 4.2.1.12
		return attest.Refuse(attest.ReasonPurpose, "extended key usage does not name clientAuth")
	}
	return nil
}
