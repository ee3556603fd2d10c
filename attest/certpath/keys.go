package certpath

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"slices"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/strongkey"
)

const (
	minRSA    = 2048     // bits
	maxSerial = 20*8 - 1 // bits of a number in 20 octets of DER
)

// strongKey accepts what may stand for a person: a CA may have certified any key that was shown to it.
func strongKey(c *x509.Certificate) error { return strongkey.Check(c.PublicKey, minRSA) }

// strongSignature tells whether a certificate, a CRL or an OCSP response may be signed so: a list of the good, so that MD5, SHA-1, DSA and
// whatever is not known fall out.
func strongSignature(a x509.SignatureAlgorithm) bool {
	switch a {
	case x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
		x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS,
		x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512, x509.PureEd25519:
		return true
	}
	return false
}

// Signed tells whether the key of c signed message. A weak key or algorithm has signed nothing.
func (c *Certificate) Signed(a x509.SignatureAlgorithm, message, sig []byte) bool {
	return strongSignature(a) && strongKey(c.X509) == nil && c.X509.CheckSignature(a, message, sig) == nil
}

// Issued tells whether c has the name and the key with which child was issued. It does not tell whether c was allowed to.
func (c *Certificate) Issued(child *Certificate) bool {
	return child.Issuer.Equal(c.Subject) && c.Signed(child.X509.SignatureAlgorithm, child.X509.RawTBSCertificate, child.X509.Signature)
}

// algorithms are the names of RFC 7518 and RFC 9864. An ECDSA signature is in ASN.1 DER.
var algorithms = map[string]x509.SignatureAlgorithm{
	"ES256":   x509.ECDSAWithSHA256,
	"ES384":   x509.ECDSAWithSHA384,
	"ES512":   x509.ECDSAWithSHA512,
	"PS256":   x509.SHA256WithRSAPSS,
	"RS256":   x509.SHA256WithRSA,
	"Ed25519": x509.PureEd25519,
}

// CheckSignature verifies sig over message with the key of c. The key decides which algorithms may be named: the Evidence
// only picks among them.
func (c *Certificate) CheckSignature(algorithm string, message, sig []byte) error {
	a, ok := algorithms[algorithm]
	if !ok {
		return attest.Refuse(attest.ReasonUnsupported, "unknown signature algorithm")
	}
	if !slices.Contains(allowed(c.X509), algorithm) {
		return attest.Refuse(attest.ReasonKey, "%s is not an algorithm of this key", algorithm)
	}
	if err := c.X509.CheckSignature(a, message, sig); err != nil {
		return attest.Refuse(attest.ReasonSignature, "signature does not verify")
	}
	return nil
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
		case elliptic.P521():
			return []string{"ES512"}
		}
	}
	return nil
}
