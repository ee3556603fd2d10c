package android

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"

	"github.com/regrant/regrant/attest/certpath"
)

var oidNameConstraints = asn1.ObjectIdentifier{2, 5, 29, 30}

// ParseCertificate is [certpath.Parse], save that name constraints in the certificate of no CA are passed over. Whole series of phones have an attestation
// key with such a certificate, and its constraints are not even names. RFC 5280 section 4.2.1.10 gives them no meaning there; nor has the name of
// a leaf any meaning here.
func ParseCertificate(der []byte) (*certpath.Certificate, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil || c.IsCA || len(der) > certpath.MaxCertificate {
		return certpath.Parse(der)
	}
	c.Extensions = slices.DeleteFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidNameConstraints) })
	return certpath.New(c)
}
