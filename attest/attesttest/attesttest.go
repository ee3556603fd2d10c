// Package attesttest makes software devices for tests: a device CA, and devices whose certificates differ from a good one in what a test changes.
package attesttest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
)

// Certificates are valid from NotBefore until NotAfter unless a test says otherwise, so that tests can run at any time they set.
var (
	NotBefore = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	NotAfter  = time.Date(2120, 1, 1, 0, 0, 0, 0, time.UTC)
)

// CA is a certificate authority that issues device certificates.
type CA struct {
	Certificate *x509.Certificate
	Key         crypto.Signer

	above []string // PEM certificates between this CA and its anchor, this one first; empty for a root
}

// NewCA makes a root with a fresh P-256 key.
func NewCA(t testing.TB) *CA {
	t.Helper()
	return NewCAWith(t, nil)
}

// NewCAWith makes a root that differs from a good one as mutate says, which may be nil.
func NewCAWith(t testing.TB, mutate func(tmpl *x509.Certificate)) *CA {
	t.Helper()
	key := NewKey(t)
	tmpl := caTemplate("Test Device CA")
	if mutate != nil {
		mutate(tmpl)
	}
	return &CA{Certificate: issue(t, tmpl, tmpl, key.Public(), key), Key: key}
}

// Intermediate makes a CA under ca. Its devices send its certificate along.
func (ca *CA) Intermediate(t testing.TB, mutate func(tmpl *x509.Certificate)) *CA {
	t.Helper()
	return ca.IntermediateWithKey(t, NewKey(t), mutate)
}

// IntermediateWithKey makes a CA that has its key already.
func (ca *CA) IntermediateWithKey(t testing.TB, key crypto.Signer, mutate func(tmpl *x509.Certificate)) *CA {
	t.Helper()
	tmpl := caTemplate("Test Issuing CA")
	if mutate != nil {
		mutate(tmpl)
	}
	cert := issue(t, tmpl, ca.Certificate, key.Public(), ca.Key)
	return &CA{Certificate: cert, Key: key, above: append([]string{PEM(cert)}, ca.above...)}
}

// Device is a device with a key and a certificate.
type Device struct {
	Key         crypto.Signer
	Certificate *x509.Certificate
	Chain       []string // PEM, the device's own first, without the anchor
	ID          string   // in the certificate's URI name
	Algorithm   string   // of its signatures: "ES256" for the P-256 key of a device made by [CA.Device]
}

// Device enrols a device with a fresh P-256 key. A test changes one thing of its certificate in mutate, which may be nil.
func (ca *CA) Device(t testing.TB, mutate func(tmpl *x509.Certificate)) *Device {
	t.Helper()
	return ca.DeviceWithKey(t, NewKey(t), mutate)
}

// DeviceWithKey enrols a device that has the key already.
func (ca *CA) DeviceWithKey(t testing.TB, key crypto.Signer, mutate func(tmpl *x509.Certificate)) *Device {
	t.Helper()
	id := rand.Text()
	tmpl := &x509.Certificate{
		SerialNumber:          serial(t),
		Subject:               pkix.Name{CommonName: id},
		NotBefore:             NotBefore,
		NotAfter:              NotAfter,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		URIs:                  []*url.URL{{Scheme: "urn", Opaque: "regrant:device:" + id}},
	}
	if mutate != nil {
		mutate(tmpl)
	}
	cert := issue(t, tmpl, ca.Certificate, key.Public(), ca.Key)
	return &Device{
		Key: key, Certificate: cert, Chain: append([]string{PEM(cert)}, ca.above...), ID: id, Algorithm: algorithm(key),
	}
}

// Evidence signs a statement and returns the element of the evidence list that carries it.
func (d *Device) Evidence(statement string) []byte {
	return Element(string(attest.MethodDeviceCertificate), d.Chain, d.Algorithm, d.Sign(statement))
}

// Element is an element of the evidence list with members of a test's choice.
func Element(method string, chain []string, algorithm string, signature []byte) []byte {
	element, err := json.Marshal(map[string]any{
		"method":            method,
		"certificate_chain": chain,
		"algorithm":         algorithm,
		"signature":         base64.RawURLEncoding.EncodeToString(signature),
	})
	if err != nil {
		panic(err) // strings and bytes always marshal
	}
	return element
}

// Sign signs a statement as d.Algorithm says.
func (d *Device) Sign(statement string) []byte {
	message, opts := []byte(statement), crypto.SignerOpts(crypto.Hash(0))
	switch d.Algorithm {
	case "ES256", "RS256":
		message, opts = digest(crypto.SHA256, message), crypto.SHA256
	case "PS256":
		message, opts = digest(crypto.SHA256, message), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	case "ES384":
		message, opts = digest(crypto.SHA384, message), crypto.SHA384
	case "ES512":
		message, opts = digest(crypto.SHA512, message), crypto.SHA512
	}
	sig, err := d.Key.Sign(rand.Reader, message, opts)
	if err != nil {
		panic(err) // a key made here signs with the algorithm chosen here
	}
	return sig
}

// Handle is the name under which the device's authenticator is stored.
func (d *Device) Handle() []byte {
	sum := sha256.Sum256(d.Certificate.RawSubjectPublicKeyInfo)
	return sum[:]
}

// Thumbprint is the RFC 7638 thumbprint of the device's key, which names it as holder; "" if the key is not a P-256 key.
func (d *Device) Thumbprint() string {
	key, ok := d.Key.Public().(*ecdsa.PublicKey)
	if !ok {
		return ""
	}
	thumbprint, err := attest.HolderOfKey(key)
	if err != nil {
		return ""
	}
	return thumbprint
}

// NewKey makes a P-256 key.
func NewKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// PEM encodes a certificate.
func PEM(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

// FromPEM decodes a certificate.
func FromPEM(t testing.TB, text string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func caTemplate(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: name + " " + rand.Text()},
		NotBefore:             NotBefore,
		NotAfter:              NotAfter,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
}

func issue(t testing.TB, tmpl, parent *x509.Certificate, pub crypto.PublicKey, signer crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, pub, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func serial(t testing.TB) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		t.Fatal(err)
	}
	return n.Add(n, big.NewInt(1))
}

func algorithm(key crypto.Signer) string {
	switch pub := key.Public().(type) {
	case *rsa.PublicKey:
		return "PS256"
	case ed25519.PublicKey:
		return "Ed25519"
	case *ecdsa.PublicKey:
		switch pub.Curve {
		case elliptic.P384():
			return "ES384"
		case elliptic.P521():
			return "ES512"
		}
	}
	return "ES256"
}

func digest(h crypto.Hash, message []byte) []byte {
	w := h.New()
	w.Write(message)
	return w.Sum(nil)
}
