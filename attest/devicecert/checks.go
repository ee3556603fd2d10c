package devicecert

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"slices"

	"github.com/regrant/regrant/attest"
)

const (
	minRSA      = 2048 // bits
	maxRSA      = 8192 // bits; more only makes verifying slow
	minExponent = 65537
	maxSerial   = 20*8 - 1 // bits of a positive number in 20 octets of DER
)

// strong refuses what no certificate may be, except that an anchor's own signature does not count.
func strong(c *x509.Certificate, anchors []*x509.Certificate) error {
	if err := strongKey(c); err != nil {
		return err
	}
	// RFC 5280 section 4.1.2.2
	if c.SerialNumber.Sign() <= 0 || c.SerialNumber.BitLen() > maxSerial {
		return attest.Refuse(attest.ReasonMalformed, "serial number is not positive and at most 20 octets")
	}
	if !slices.Contains(signatures, c.SignatureAlgorithm) && !isAnchor(c, anchors) {
		return attest.Refuse(attest.ReasonKey, "certificate is signed with %v", c.SignatureAlgorithm)
	}
	return nil
}

// signatures are what a certificate may be signed with: a list of the good, so that MD5, SHA-1, DSA and whatever is not known fall out.
var signatures = []x509.SignatureAlgorithm{
	x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
	x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS,
	x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512, x509.PureEd25519,
}

// strongKey accepts RSA from 2048 bits with an exponent from 65537, P-256, P-384 and Ed25519.
func strongKey(c *x509.Certificate) error {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if n := key.N.BitLen(); n < minRSA || n > maxRSA || key.E < minExponent {
			return attest.Refuse(attest.ReasonKey, "RSA key of %d bits with exponent %d", n, key.E)
		}
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() && key.Curve != elliptic.P384() {
			return attest.Refuse(attest.ReasonKey, "elliptic curve is neither P-256 nor P-384")
		}
	case ed25519.PublicKey:
	default:
		return attest.Refuse(attest.ReasonKey, "%v key", c.PublicKeyAlgorithm)
	}
	return nil
}

// forClientAuth makes the checks on a leaf that x509 leaves open: to it, a certificate without the extensions, or with
// anyExtendedKeyUsage, may be used for everything.
func forClientAuth(leaf *x509.Certificate) error {
	switch {
	case leaf.IsCA:
		return attest.Refuse(attest.ReasonPurpose, "the device's certificate is that of a CA")
	case leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0: // RFC 5280 section 4.2.1.3
		return attest.Refuse(attest.ReasonPurpose, "key usage lacks digitalSignature")
	case !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth): // RFC 5280 section 4.2.1.12
		return attest.Refuse(attest.ReasonPurpose, "extended key usage does not name clientAuth")
	}
	return nil
}

// checkSignature verifies sig over message. The key decides which algorithms may be named: the Evidence only picks among them.
func checkSignature(leaf *x509.Certificate, name string, message, sig []byte) error {
	algorithm, ok := algorithms[name]
	if !ok {
		return attest.Refuse(attest.ReasonUnsupported, "unknown signature algorithm")
	}
	if !slices.Contains(allowed(leaf), name) {
		return attest.Refuse(attest.ReasonKey, "%s is not an algorithm of this key", name)
	}
	if err := leaf.CheckSignature(algorithm, message, sig); err != nil {
		return attest.Refuse(attest.ReasonSignature, "signature does not verify")
	}
	return nil
}

// algorithms are the names of RFC 7518 and RFC 9864. An ECDSA signature is in ASN.1 DER.
var algorithms = map[string]x509.SignatureAlgorithm{
	"ES256":   x509.ECDSAWithSHA256,
	"ES384":   x509.ECDSAWithSHA384,
	"PS256":   x509.SHA256WithRSAPSS,
	"RS256":   x509.SHA256WithRSA,
	"Ed25519": x509.PureEd25519,
}

// allowed names the algorithms of a certificate's key.
func allowed(c *x509.Certificate) []string {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return []string{"PS256", "RS256"}
	case ed25519.PublicKey:
		return []string{"Ed25519"}
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256():
			return []string{"ES256"}
		case elliptic.P384():
			return []string{"ES384"}
		}
	}
	return nil
}
