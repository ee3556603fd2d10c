package certpath

import (
	"bytes"
	"crypto/x509"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// parseX509 is x509.ParseCertificate, for negative serial numbers besides. RFC 5280 section 4.1.2.2 asks users of certificates to
// handle them, and the library does not. It is shown a positive number of the same length; what was signed, and the number that is
// looked up in CRLs and OCSP responses, stay those that were sent.
func parseX509(der []byte) (*x509.Certificate, error) {
	var outer, signed, tbs cryptobyte.String
	var number big.Int
	s := cryptobyte.String(der)
	if !s.ReadASN1(&outer, asn1.SEQUENCE) || !s.Empty() || !outer.ReadASN1Element(&signed, asn1.SEQUENCE) {
		return nil, errForm
	}
	element := signed
	if !element.ReadASN1(&tbs, asn1.SEQUENCE) || !tbs.SkipOptionalASN1(explicit(0)) {
		return nil, errForm
	}
	serial := len(der) - len(outer) - len(tbs) // where it begins
	if !tbs.ReadASN1Integer(&number) || number.Sign() >= 0 || number.BitLen() > maxSerial {
		return x509.ParseCertificate(der)
	}
	shown := bytes.Clone(der)
	shown[serial+2] = 1 // the first octet after tag and length
	c, err := x509.ParseCertificate(shown)
	if err != nil {
		return nil, err
	}
	c.Raw, c.RawTBSCertificate, c.SerialNumber = der, signed, &number
	return c, nil
}
