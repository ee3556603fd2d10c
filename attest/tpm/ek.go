package tpm

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"strings"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/certpath"
)

// The TCG EK Credential Profile names its sections differently from version to version, so these are named by their subjects.
var (
	ekCertificate = asn1.ObjectIdentifier{2, 23, 133, 8, 1} // tcg-kp-EKCertificate

	tpmManufacturer = asn1.ObjectIdentifier{2, 23, 133, 2, 1}
	tpmModel        = asn1.ObjectIdentifier{2, 23, 133, 2, 2}
	tpmVersion      = asn1.ObjectIdentifier{2, 23, 133, 2, 3}
)

const (
	maxCertificates = 6
	maxCertificate  = certpath.MaxCertificate
)

// endorsement is an endorsement key that its maker has certified.
type endorsement struct {
	public   any    // *rsa.PublicKey or *ecdsa.PublicKey
	handle   []byte // SHA-256 of the SubjectPublicKeyInfo
	model    string
	notAfter time.Time // zero: never
}

// noExpiration is the year of the date by which a certificate says that it does not expire (RFC 5280 section 4.1.2.5). Most chips say that.
const noExpiration = 9999

// endorsed judges the certificate of an EK, which comes first, with a bag of others in DER.
func (f *Format) endorsed(sent [][]byte, now time.Time) (*endorsement, error) {
	if n := len(sent); n < 1 || n > maxCertificates {
		return nil, attest.Refuse(attest.ReasonMalformed, "%d certificates of the endorsement key, 1 to %d allowed", n, maxCertificates)
	}
	leaf, err := certpath.Parse(sent[0])
	if err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "certificate of the endorsement key: %v", err)
	}
	var bag []*certpath.Certificate
	for _, der := range sent[1:] {
		if c, err := certpath.Parse(der); err == nil { // another one that does not parse may stand beside a good path
			bag = append(bag, c)
		}
	}
	options := certpath.Options{Anchors: f.makers, Now: now, Purposes: []asn1.ObjectIdentifier{ekCertificate}}
	if _, err := certpath.Find(leaf, bag, options); err != nil {
		return nil, err
	}
	if err := forEndorsement(leaf); err != nil {
		return nil, err
	}
	model, err := modelOf(leaf.X509)
	if err != nil {
		return nil, err
	}
	if f.denies(model) {
		return nil, attest.Refuse(attest.ReasonPolicy, "TPMs %s are denied", model)
	}
	handle := sha256.Sum256(leaf.X509.RawSubjectPublicKeyInfo)
	ek := &endorsement{public: leaf.X509.PublicKey, handle: handle[:], model: model}
	if leaf.X509.NotAfter.Year() != noExpiration {
		ek.notAfter = leaf.X509.NotAfter
	}
	return ek, nil
}

// forEndorsement makes the checks on the leaf that RFC 5280 leaves open.
func forEndorsement(leaf *certpath.Certificate) error {
	usage := x509.KeyUsageKeyEncipherment
	switch key := leaf.X509.PublicKey.(type) {
	case *ecdsa.PublicKey:
		usage = x509.KeyUsageKeyAgreement
	case *rsa.PublicKey:
		if err := strongRSA(key); err != nil {
			return err
		}
	}
	switch {
	case leaf.IsCA():
		return attest.Refuse(attest.ReasonPurpose, "the certificate of the endorsement key is that of a CA")
	case !leaf.Names(ekCertificate): // without it, to RFC 5280, the key may be used for everything
		return attest.Refuse(attest.ReasonPurpose, "extended key usage does not name tcg-kp-EKCertificate")
	case leaf.X509.KeyUsage&usage == 0:
		return attest.Refuse(attest.ReasonPurpose, "key usage is not that of an endorsement key")
	}
	return nil
}

// modelOf reads maker, model and version from the one directory name among the alternative names.
func modelOf(c *x509.Certificate) (string, error) {
	refused := attest.Refuse(attest.ReasonPurpose, "the certificate does not name the model of a TPM")
	names, err := directoryNames(c)
	if err != nil || len(names) != 1 {
		return "", refused
	}
	var words []string
	for _, oid := range []asn1.ObjectIdentifier{tpmManufacturer, tpmModel, tpmVersion} {
		word := attribute(names[0], oid)
		if word == "" {
			return "", refused
		}
		words = append(words, word)
	}
	return strings.Join(words, " "), nil
}

// relative is a RelativeDistinguishedName: makers put the three words into one or into three of them.
type relative = []attributeValue

type attributeValue struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

// directoryNames reads those of subjectAltName. That it is well formed, certpath has seen to.
func directoryNames(c *x509.Certificate) ([][]relative, error) {
	const directoryName = 4
	var found [][]relative
	for _, e := range c.Extensions {
		if !e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) {
			continue
		}
		var names []asn1.RawValue
		if _, err := asn1.Unmarshal(e.Value, &names); err != nil {
			return nil, err
		}
		for _, n := range names {
			if n.Class != asn1.ClassContextSpecific || n.Tag != directoryName {
				continue
			}
			name, err := readName(n.Bytes)
			if err != nil {
				return nil, err
			}
			found = append(found, name)
		}
	}
	return found, nil
}

func readName(der []byte) ([]relative, error) {
	var sets []asn1.RawValue
	if _, err := asn1.Unmarshal(der, &sets); err != nil {
		return nil, err
	}
	var name []relative
	for _, set := range sets {
		var r relative
		if _, err := asn1.UnmarshalWithParams(set.FullBytes, &r, "set"); err != nil {
			return nil, err
		}
		name = append(name, r)
	}
	return name, nil
}

// attribute returns the one value of that type if it is printable text without spaces, or "".
func attribute(name []relative, oid asn1.ObjectIdentifier) string {
	var found []string
	for _, r := range name {
		for _, a := range r {
			if a.Type.Equal(oid) {
				found = append(found, string(a.Value.Bytes))
			}
		}
	}
	if len(found) != 1 || len(found[0]) > 64 || bytes.ContainsFunc([]byte(found[0]), func(c rune) bool { return c <= ' ' || c > '~' }) {
		return ""
	}
	return found[0]
}

// denies tells whether model begins with the words of a denied one.
func (f *Format) denies(model string) bool {
	for _, d := range f.denied {
		if strings.HasPrefix(model+" ", d+" ") {
			return true
		}
	}
	return false
}
