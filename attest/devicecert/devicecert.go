// Package devicecert verifies a statement signed with the key of a device certificate.
//
// The device CA certified the key when the device was enrolled. The claimant's device signs the statement with it and
// sends certificate chain and signature. Or it connects with it (TLS client authentication) and sends the chain alone, with a
// word that the connection is the proof: what else a connection may say about its client counts for nothing. The chain must lead to one of the configured anchors by RFC 5280, never to one of the system's;
// the certificate must be made for client authentication; every key on the way must be strong. The authenticator is stored under
// the hash of the certified key, so that another certificate of the same CA, even with the same name in it, is
// another authenticator.
//
// Whether an authenticator is still bound is the account's own record. Certificates of a CA that is not the gateway's own can be
// revoked by that CA: then CRLs and OCSP responses are judged too, see [OperatorCA].
package devicecert

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"strings"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/certpath"
)

// deviceURN begins the URI name by which our device CA names a device.
const deviceURN = "urn:regrant:device:"

// Config says whom to trust.
type Config struct {
	// Anchors returns the certificates that a chain may end at. It is called for each verification, so that a new
	// issuing CA counts at once. With none, all Evidence is refused.
	Anchors func() []*x509.Certificate

	// MaxPath is how many certificates may stand below the anchor. Default: [certpath.DefaultMaxPath].
	MaxPath int

	// Operator is the operator's own device CA. Nil: there is none.
	Operator *OperatorCA
}

// Format is [attest.MethodDeviceCertificate].
type Format struct{ config Config }

var _ attest.Format = (*Format)(nil)

// New makes the format.
func New(c Config) *Format { return &Format{c} }

// Method is [attest.MethodDeviceCertificate].
func (f *Format) Method() attest.Method { return attest.MethodDeviceCertificate }

// Handle is the name under which the authenticator of a device certificate is stored: SHA-256 of the certified key (SubjectPublicKeyInfo).
func Handle(leaf *x509.Certificate) []byte {
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	return sum[:]
}

// Locate returns the [Handle] of the leaf. Nothing is verified.
func (f *Format) Locate(body []byte, _ string) ([]byte, error) {
	ev, err := parse(body)
	if err != nil {
		return nil, err
	}
	return Handle(ev.leaf.X509), nil
}

// Verify makes the checks in the order in which they are numbered.
func (f *Format) Verify(in attest.Input) (attest.Claims, error) {
	// 1. The Evidence has exactly the members it should have, each in its one form.
	ev, err := parse(in.Body)
	if err != nil {
		return attest.Claims{}, err
	}
	// 2. There is something to sign.
	if len(in.Challenge) == 0 {
		return attest.Claims{}, attest.Refuse(attest.ReasonChallenge, "no challenge")
	}
	// 3. A path leads from the leaf to an anchor: valid now, strong, and made for this.
	path, operator, err := f.path(ev.candidates, in.Now)
	if err != nil {
		return attest.Claims{}, err
	}
	// 4. Whoever sent this has its key.
	if err := ev.possession(in); err != nil {
		return attest.Claims{}, err
	}
	// 5. The operator's CA has revoked nothing on the path. Last, since its servers may have to be asked: whoever has not the
	// key makes nobody ask.
	if operator != nil {
		if err := operator.Revocation(path, in.Now); err != nil {
			return attest.Claims{}, err
		}
	}
	out := claims(ev.leaf.X509, in.Holder)
	out.Connection = ev.connection
	return out, nil
}

// possession checks that the key signed exactly this challenge, or else the handshake of the very connection on which the
// holder sent this.
func (ev *evidence) possession(in attest.Input) error {
	if !ev.connection {
		return ev.leaf.CheckSignature(ev.algorithm, in.Challenge, ev.signature)
	}
	sum := sha256.Sum256(ev.leaf.X509.Raw)
	if !bytes.Equal(in.Connection, sum[:]) { // nil without a certificate
		return attest.Refuse(attest.ReasonIdentity, "not the certificate of the connection that this came on")
	}
	return nil
}

// path leads to one of the gateway's issuing CAs, or to the operator's CA, which is then returned.
func (f *Format) path(c candidates, now time.Time) (certpath.Path, *OperatorCA, error) {
	var anchors []*x509.Certificate
	if f.config.Anchors != nil {
		anchors = f.config.Anchors()
	}
	path, err := c.path(anchors, f.config.MaxPath, now)
	if err == nil || f.config.Operator == nil {
		return path, nil, err
	}
	path, err = c.path(f.config.Operator.Anchors, f.config.Operator.MaxPath, now)
	return path, f.config.Operator, err
}

// path leads from the leaf to one of the anchors.
func (c candidates) path(anchors []*x509.Certificate, most int, now time.Time) (certpath.Path, error) {
	path, err := certpath.Find(c.leaf, c.bag, certpath.Options{
		Anchors: certpath.NewAll(anchors), Now: now, MaxPath: most, Purposes: []asn1.ObjectIdentifier{certpath.ClientAuth},
	})
	if err != nil {
		return nil, err
	}
	return path, forClientAuth(c.leaf)
}

func claims(leaf *x509.Certificate, holder string) attest.Claims {
	sum := sha256.Sum256(leaf.Raw)
	return attest.Claims{
		Handle:            Handle(leaf),
		Subject:           leaf.Subject.String(),
		Issuer:            leaf.Issuer.String(),
		Serial:            leaf.SerialNumber.Text(16),
		DeviceID:          DeviceID(leaf),
		CertificateSHA256: sum[:],
		NotAfter:          leaf.NotAfter,
		HolderKey:         isHolder(leaf, holder),
	}
}

// DeviceID returns the device's identifier, or "" if the certificate does not name exactly one device.
func DeviceID(leaf *x509.Certificate) string {
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
