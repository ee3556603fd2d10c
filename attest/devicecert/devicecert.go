// Package devicecert verifies a statement signed with the key of a device certificate.
//
// The device CA certified the key when the device was enrolled. The claimant's device signs the statement with it and
// sends certificate chain and signature. The chain must lead to one of the configured anchors by RFC 5280, never to one of the system's;
// the certificate must be made for client authentication; every key on the way must be strong. The authenticator is stored under
// the hash of the certified key, so that another certificate of the same CA, even with the same name in it, is
// another authenticator.
//
// Revocation is not judged here: whether an authenticator is still bound is the account's own record.
package devicecert

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"strings"
	"time"

	"github.com/regrant/regrant/attest"
)

// DefaultMaxPath is how many certificates may stand below the anchor, the device's own included.
const DefaultMaxPath = 5

// deviceURN begins the URI name by which our device CA names a device.
const deviceURN = "urn:regrant:device:"

// Config says whom to trust.
type Config struct {
	// Anchors returns the certificates that a chain may end at. It is called for each verification, so that a new
	// issuing CA counts at once. With none, all Evidence is refused.
	Anchors func() []*x509.Certificate

	// MaxPath is how many certificates may stand below the anchor. Default: DefaultMaxPath.
	MaxPath int
}

// Format is [attest.MethodDeviceCertificate].
type Format struct {
	anchors func() []*x509.Certificate
	maxPath int
}

var _ attest.Format = (*Format)(nil)

// New makes the format.
func New(c Config) *Format {
	f := &Format{anchors: c.Anchors, maxPath: c.MaxPath}
	if f.maxPath <= 0 {
		f.maxPath = DefaultMaxPath
	}
	return f
}

// Method is [attest.MethodDeviceCertificate].
func (f *Format) Method() attest.Method { return attest.MethodDeviceCertificate }

// Class is single-factor: nothing in the certificate says that the key wants a PIN.
func (f *Format) Class() attest.Class { return attest.ClassSingleFactorCryptographic }

// Handle is the name under which the authenticator of a device certificate is stored: SHA-256 of the certified key (SubjectPublicKeyInfo).
func Handle(leaf *x509.Certificate) []byte {
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	return sum[:]
}

// Locate returns the [Handle] of the leaf. Nothing is verified.
func (f *Format) Locate(body []byte) ([]byte, error) {
	ev, err := parse(body)
	if err != nil {
		return nil, err
	}
	return Handle(ev.leaf()), nil
}

// Verify makes the checks in the order in which they are numbered.
func (f *Format) Verify(in attest.Input) (attest.Claims, error) {
	// 1. The Evidence has exactly the members it should have, each in its one form.
	ev, err := parse(in.Body)
	if err != nil {
		return attest.Claims{}, err
	}
	leaf := ev.leaf()
	// 2. There is something to sign.
	if len(in.Challenge) == 0 {
		return attest.Claims{}, attest.Refuse(attest.ReasonChallenge, "no challenge")
	}
	// 3. There is somebody to trust. Nothing below may ever fall back on the system's roots.
	anchors := f.trusted()
	if len(anchors) == 0 {
		return attest.Claims{}, attest.Refuse(attest.ReasonUntrusted, "no trust anchor configured")
	}
	// 4. Every certificate sent is strong. Judged before any signature is verified, since an outsized key makes verifying slow.
	for _, c := range ev.chain {
		if err := strong(c, anchors); err != nil {
			return attest.Claims{}, err
		}
	}
	// 5. A path leads from the leaf to an anchor, valid now.
	path, err := buildPath(ev.chain, anchors, in.Now)
	if err != nil {
		return attest.Claims{}, err
	}
	// 6. The path is short, and its anchor's own key is strong too.
	if below := len(path) - 1; below < 1 || below > f.maxPath {
		return attest.Claims{}, attest.Refuse(attest.ReasonUntrusted, "%d certificates below the anchor, %d allowed", below, f.maxPath)
	}
	if err := strongKey(path[len(path)-1]); err != nil {
		return attest.Claims{}, err
	}
	// 7. The leaf was made for this.
	if err := forClientAuth(leaf); err != nil {
		return attest.Claims{}, err
	}
	// 8. Its key signed exactly this challenge.
	if err := checkSignature(leaf, ev.algorithm, in.Challenge, ev.signature); err != nil {
		return attest.Claims{}, err
	}
	return claims(leaf, in.Holder), nil
}

func (f *Format) trusted() []*x509.Certificate {
	if f.anchors == nil {
		return nil
	}
	return f.anchors()
}

func claims(leaf *x509.Certificate, holder string) attest.Claims {
	sum := sha256.Sum256(leaf.Raw)
	return attest.Claims{
		Handle:            Handle(leaf),
		Subject:           leaf.Subject.String(),
		Issuer:            leaf.Issuer.String(),
		Serial:            leaf.SerialNumber.Text(16),
		DeviceID:          deviceID(leaf),
		CertificateSHA256: sum[:],
		NotAfter:          leaf.NotAfter,
		HolderKey:         isHolder(leaf, holder),
	}
}

// deviceID returns the device's identifier, or "" if the certificate does not name exactly one device.
func deviceID(leaf *x509.Certificate) string {
	if len(leaf.URIs) != 1 {
		return ""
	}
	id, ok := strings.CutPrefix(leaf.URIs[0].String(), deviceURN)
	if !ok {
		return ""
	}
	return id
}

// isHolder tells whether the certified key is the holder's DPoP key. A key that cannot be one (DPoP here is P-256 only) is not.
func isHolder(leaf *x509.Certificate, holder string) bool {
	key, ok := leaf.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return false
	}
	thumbprint, err := attest.HolderOfKey(key)
	return err == nil && thumbprint == holder
}

// buildPath returns the shortest path from the first certificate over the others to an anchor. What is sent is an unordered bag of candidates: only the anchors are trusted.
func buildPath(chain, anchors []*x509.Certificate, now time.Time) ([]*x509.Certificate, error) {
	if now.IsZero() { // x509 would take the zero time for "ask the system's clock"
		return nil, attest.Refuse(attest.ReasonExpired, "no time to verify at")
	}
	paths, err := chain[0].Verify(x509.VerifyOptions{
		Roots:         pool(anchors),
		Intermediates: pool(chain[1:]),
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return nil, pathRefusal(err)
	}
	shortest := paths[0]
	for _, p := range paths[1:] {
		if len(p) < len(shortest) {
			shortest = p
		}
	}
	return shortest, nil
}

func pool(certs []*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range certs {
		p.AddCert(c)
	}
	return p
}

// pathRefusal gives the reason behind an error of x509. The error's own text quotes names out of the certificate and is left out.
func pathRefusal(err error) error {
	if _, ok := errors.AsType[x509.UnhandledCriticalExtension](err); ok {
		return attest.Refuse(attest.ReasonUnsupported, "unknown critical extension")
	}
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	switch {
	case ok && invalid.Reason == x509.Expired:
		return attest.Refuse(attest.ReasonExpired, "certificate is not valid at this time")
	case ok && invalid.Reason == x509.IncompatibleUsage:
		return attest.Refuse(attest.ReasonPurpose, "certificate is not made for client authentication")
	default:
		return attest.Refuse(attest.ReasonUntrusted, "no path to a configured anchor")
	}
}

// isAnchor tells whether c is one of the anchors: those are trusted as they are, whatever they are signed with.
func isAnchor(c *x509.Certificate, anchors []*x509.Certificate) bool {
	for _, a := range anchors {
		if bytes.Equal(a.Raw, c.Raw) {
			return true
		}
	}
	return false
}
