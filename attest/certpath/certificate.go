package certpath

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"math/big"
)

// MaxCertificate is how long a certificate may be, in bytes of DER.
const MaxCertificate = 16 << 10

var errTooLarge = errors.New("certificate is too large")

// Certificate is a certificate that is well formed. Nothing about it is verified.
type Certificate struct {
	X509    *x509.Certificate
	Subject Name
	Issuer  Name

	names []generalName // subjectAltName
	extensions
	spki [sha256.Size]byte
}

// Parse reads one certificate in DER. It is stricter than crypto/x509: nothing may be left over inside any part that is judged here.
func Parse(der []byte) (*Certificate, error) {
	if len(der) > MaxCertificate {
		return nil, errTooLarge
	}
	c, err := parseX509(der)
	if err != nil {
		return nil, errors.New("not a certificate")
	}
	return New(c)
}

// New takes a certificate that crypto/x509 has parsed.
func New(c *x509.Certificate) (*Certificate, error) {
	if len(c.Raw) > MaxCertificate {
		return nil, errTooLarge
	}
	if err := checkForm(c); err != nil {
		return nil, err
	}
	parsed := &Certificate{X509: c, spki: sha256.Sum256(c.RawSubjectPublicKeyInfo)}
	var err error
	if parsed.Subject, err = ParseName(c.RawSubject); err != nil {
		return nil, err
	}
	if parsed.Issuer, err = ParseName(c.RawIssuer); err != nil {
		return nil, err
	}
	if err := parsed.parseExtensions(c.Extensions); err != nil {
		return nil, err
	}
	return parsed, nil
}

// NewAll takes the certificates that are well formed and passes over the others: as anchor or as part of a bag, those lead nowhere.
func NewAll(certificates []*x509.Certificate) []*Certificate {
	var parsed []*Certificate
	for _, c := range certificates {
		if p, err := New(c); err == nil {
			parsed = append(parsed, p)
		}
	}
	return parsed
}

// Serial is the serial number of the certificate.
func (c *Certificate) Serial() *big.Int { return c.X509.SerialNumber }

// SPKI is the SHA-256 of the certified key (SubjectPublicKeyInfo).
func (c *Certificate) SPKI() [sha256.Size]byte { return c.spki }

// Is tells whether both are one certificate.
func (c *Certificate) Is(other *Certificate) bool {
	return string(c.X509.Raw) == string(other.X509.Raw)
}

// IsCA tells whether the certificate says that it is that of a CA.
func (c *Certificate) IsCA() bool { return c.basic != nil && c.basic.ca }

// MayIssue tells whether the certificate is that of a CA which may sign certificates (RFC 5280 section 6.1.4 (k) and (n)).
func (c *Certificate) MayIssue() bool { return mayIssue(c) == nil }

// MaySignCRLs tells whether the key may verify CRLs: a key usage, where there is one, has cRLSign (RFC 5280 section 6.3.3 (f)).
func (c *Certificate) MaySignCRLs() bool { return c.allows(x509.KeyUsageCRLSign) }

// MaySignData tells whether the key may verify signatures on what is neither certificate nor CRL.
func (c *Certificate) MaySignData() bool { return c.allows(x509.KeyUsageDigitalSignature) }

// allows tells whether the key may be used so. Without the extension it may be used for everything.
func (c *Certificate) allows(usage x509.KeyUsage) bool {
	return !c.hasKeyUsage || c.X509.KeyUsage&usage != 0
}

// selfIssued tells whether subject and issuer are one name (RFC 5280 section 6.1).
func (c *Certificate) selfIssued() bool { return c.Subject.Equal(c.Issuer) }
