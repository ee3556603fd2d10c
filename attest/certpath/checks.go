package certpath

import (
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"time"

	"github.com/regrant/regrant/attest"
)

// The purposes that are asked for here, and the one that stands for all (RFC 5280 section 4.2.1.12).
var (
	ClientAuth  = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 2}
	OCSPSigning = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 9}
	anyPurpose  = asn1.ObjectIdentifier{2, 5, 29, 37, 0}
)

// sound makes the checks that a certificate passes or fails by itself, whoever issued it. The anchor is trusted as it is, whatever it is signed with.
func sound(c *Certificate, purposes []asn1.ObjectIdentifier, now time.Time, anchor bool) error {
	if err := strongKey(c.X509); err != nil {
		return err
	}
	switch {
	case !anchor && !strongSignature(c.X509.SignatureAlgorithm):
		return attest.Refuse(attest.ReasonKey, "certificate is signed with %v", c.X509.SignatureAlgorithm)
	case c.Serial().Sign() == 0 || c.Serial().BitLen() > maxSerial: // RFC 5280 section 4.1.2.2
		return attest.Refuse(attest.ReasonMalformed, "serial number is zero or longer than 20 octets")
	case c.Issuer.Empty(): // section 4.1.2.4
		return attest.Refuse(attest.ReasonMalformed, "certificate names no issuer")
	case !c.ValidAt(now): // section 6.1.3 (a)(2)
		return attest.Refuse(attest.ReasonExpired, "certificate is not valid at this time")
	case c.unknownCritical: // sections 6.1.4 (o) and 6.1.5 (f)
		return attest.Refuse(attest.ReasonUnsupported, "unknown critical extension")
	case c.constraints != nil && !c.constraints.critical: // section 4.2.1.10: programs that skip it would see another certificate
		return attest.Refuse(attest.ReasonMalformed, "name constraints are not critical")
	case c.limits.notCritical: // sections 4.2.1.11 and 4.2.1.14
		return attest.Refuse(attest.ReasonMalformed, "policy constraints are not critical")
	case c.signsAsNoCA(): // section 4.2.1.9
		return attest.Refuse(attest.ReasonMalformed, "key usage has keyCertSign in a certificate of no CA")
	case !c.isFor(purposes):
		return attest.Refuse(attest.ReasonPurpose, "extended key usage does not name what is asked for")
	}
	return nil
}

// ValidAt compares whole seconds, as certificates have no other (RFC 5280 section 4.1.2.5); both ends are included.
func (c *Certificate) ValidAt(now time.Time) bool {
	second := now.Truncate(time.Second)
	return !second.Before(c.X509.NotBefore) && !second.After(c.X509.NotAfter)
}

func (c *Certificate) signsAsNoCA() bool {
	return c.hasKeyUsage && c.X509.KeyUsage&x509.KeyUsageCertSign != 0 && !c.IsCA()
}

// isFor tells whether every purpose is allowed by the certificate. Without the extension, or with anyExtendedKeyUsage, all are.
func (c *Certificate) isFor(purposes []asn1.ObjectIdentifier) bool {
	if c.purposes == nil || slices.ContainsFunc(*c.purposes, anyPurpose.Equal) {
		return true
	}
	for _, p := range purposes {
		if !c.Names(p) {
			return false
		}
	}
	return true
}

// Names tells whether the extended key usage names exactly this purpose.
func (c *Certificate) Names(purpose asn1.ObjectIdentifier) bool {
	return c.purposes != nil && slices.ContainsFunc(*c.purposes, purpose.Equal)
}

// MayAnswerOCSP makes the checks on a certificate by which a CA lets another key answer for it (RFC 6960 section 4.2.2.2), except that
// the CA issued it, see [Certificate.Issued]. The purpose must be named: what may be used for everything was not meant for this.
func (c *Certificate) MayAnswerOCSP(now time.Time) bool {
	return sound(c, nil, now, false) == nil && c.Names(OCSPSigning) && c.allows(x509.KeyUsageDigitalSignature)
}

// mayEnd makes the checks on the leaf alone.
func mayEnd(leaf *Certificate) error {
	switch {
	case leaf.Subject.Empty() && !(leaf.hasNames && leaf.namesCritical): // RFC 5280 section 4.1.2.6
		return attest.Refuse(attest.ReasonMalformed, "empty subject without a critical subjectAltName")
	case leaf.constraints != nil && !leaf.IsCA(): // section 4.2.1.10
		return attest.Refuse(attest.ReasonMalformed, "name constraints in a certificate of no CA")
	}
	return nil
}

// mayIssue makes the checks on a certificate that stands above another one (RFC 5280 section 6.1.4 (k) and (n)).
func mayIssue(c *Certificate) error {
	switch {
	case !c.IsCA():
		return attest.Refuse(attest.ReasonUntrusted, "issuer is not a CA")
	case !c.allows(x509.KeyUsageCertSign):
		return attest.Refuse(attest.ReasonUntrusted, "issuer's key usage lacks keyCertSign")
	case c.Subject.Empty(): // section 4.1.2.6
		return attest.Refuse(attest.ReasonUntrusted, "issuer has no name")
	}
	return nil
}

// mayAnchor makes the check on an anchor that section 6.1 leaves to whoever trusts it: it is a proper CA certificate (section 4.2.1.9).
func mayAnchor(c *Certificate) error {
	if err := mayIssue(c); err != nil {
		return err
	}
	if !c.basic.critical {
		return attest.Refuse(attest.ReasonUntrusted, "basic constraints of the anchor are not critical")
	}
	return nil
}
