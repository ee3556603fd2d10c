package appraise

import (
	"bytes"
	"crypto/sha256"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/certpath"
	"github.com/regrant/regrant/attest/devicecert"
	"github.com/regrant/regrant/attest/revocation"
)

// maxCertificates bounds leaf and bag together.
const maxCertificates = 256

// chainClaims is what a certificate with a valid path says.
type chainClaims struct {
	Subject  string   `json:"subject"` // RFC 4514
	Serial   string   `json:"serial"`  // lower-case hexadecimal
	Issuer   string   `json:"issuer"`
	SPKI     string   `json:"spki_sha256"`
	NotAfter string   `json:"not_after"`
	DeviceID string   `json:"device_id,omitempty"`
	Path     []string `json:"path"` // SHA-256 of each certificate, the leaf first
}

// chain is the format x509-chain.
func chain(r *Request) (any, error) {
	var evidence struct {
		Certificates []string `json:"certificates"`
	}
	if err := r.Evidence(&evidence); err != nil {
		return nil, err
	}
	_, claims, err := r.path(evidence.Certificates)
	return claims, err
}

// signature is the format x509-signature: a path, and the challenge signed with the leaf's key.
func signature(r *Request) (any, error) {
	var evidence struct {
		Certificates []string `json:"certificates"`
		Signature    *string  `json:"signature"`
		Algorithm    *string  `json:"algorithm"`
	}
	if err := r.Evidence(&evidence); err != nil {
		return nil, err
	}
	if evidence.Signature == nil || evidence.Algorithm == nil || r.Challenge == nil {
		return nil, errMissing
	}
	sig, err := Bytes(*evidence.Signature)
	if err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "signature %v", err)
	}
	leaf, claims, err := r.path(evidence.Certificates)
	if err != nil {
		return nil, err
	}
	switch {
	case len(r.Challenge) == 0:
		return nil, attest.Refuse(attest.ReasonChallenge, "no challenge")
	case !leaf.MaySignData():
		return nil, attest.Refuse(attest.ReasonPurpose, "key usage lacks digitalSignature")
	}
	return claims, leaf.CheckSignature(*evidence.Algorithm, r.Challenge, sig)
}

// path finds the path that is expected of the certificates.
func (r *Request) path(texts []string) (*certpath.Certificate, any, error) {
	want, err := r.expectChain()
	if err != nil {
		return nil, nil, err
	}
	if texts == nil {
		return nil, nil, errMissing
	}
	leaf, bag, err := certificates(texts)
	if err != nil {
		return nil, nil, err
	}
	options := want.options
	options.Accept = func(p certpath.Path) error {
		if !want.revocation {
			return nil
		}
		return want.policy.Check(p, bag, want.held)
	}
	path, err := certpath.Find(leaf, bag, options)
	if err != nil {
		return nil, nil, err
	}
	if err := want.identity(leaf); err != nil {
		return nil, nil, err
	}
	return leaf, claimsOf(path), nil
}

// certificates reads a leaf, and a bag in which one that is not well formed does no harm.
func certificates(texts []string) (leaf *certpath.Certificate, bag []*certpath.Certificate, err error) {
	if n := len(texts); n < 1 || n > maxCertificates {
		return nil, nil, attest.Refuse(attest.ReasonMalformed, "%d certificates, 1 to %d allowed", n, maxCertificates)
	}
	for i, text := range texts {
		c, err := certificate(text)
		switch {
		case err == nil && i == 0:
			leaf = c
		case err == nil:
			bag = append(bag, c)
		case i == 0:
			return nil, nil, attest.Refuse(attest.ReasonMalformed, "first certificate: %v", err)
		}
	}
	return leaf, bag, nil
}

func certificate(text string) (*certpath.Certificate, error) {
	der, err := block(text, "CERTIFICATE")
	if err != nil {
		return nil, err
	}
	return certpath.Parse(der)
}

// chainWish is what is expected of a chain.
type chainWish struct {
	options    certpath.Options
	revocation bool
	policy     revocation.Policy
	held       revocation.Statements
	spki       []byte // nil: any
	deviceID   *string
}

func (w *chainWish) identity(leaf *certpath.Certificate) error {
	spki := leaf.SPKI()
	if w.spki != nil && !bytes.Equal(w.spki, spki[:]) {
		return attest.Refuse(attest.ReasonIdentity, "another key")
	}
	if id := devicecert.DeviceID(leaf.X509); w.deviceID != nil && (id == "" || id != *w.deviceID) {
		return attest.Refuse(attest.ReasonIdentity, "another device")
	}
	return nil
}

func claimsOf(path certpath.Path) any {
	leaf := path.Leaf()
	spki := leaf.SPKI()
	c := chainClaims{
		Subject:  leaf.X509.Subject.String(),
		Serial:   leaf.Serial().Text(16),
		Issuer:   leaf.X509.Issuer.String(),
		SPKI:     encode(spki[:]),
		NotAfter: leaf.X509.NotAfter.UTC().Format(time.RFC3339),
		DeviceID: devicecert.DeviceID(leaf.X509),
	}
	for _, p := range path {
		sum := sha256.Sum256(p.X509.Raw)
		c.Path = append(c.Path, encode(sum[:]))
	}
	return c
}
