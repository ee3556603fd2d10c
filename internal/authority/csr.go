package authority

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"

	"github.com/regrant/regrant/attest/strongkey"
)

// MaxCSR bounds a certificate request, in bytes of PEM.
const MaxCSR = 16 << 10

// parseCSR reads a certificate request (RFC 2986) in PEM and returns its key: all that is taken from it. Name,
// extensions and attributes in it are the device's wishes and count for nothing. The key is proven to be the sender's
// by the request's own signature.
func parseCSR(text []byte) (key any, err error) {
	if len(text) > MaxCSR {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrCSR, MaxCSR)
	}
	block, err := onePEM(text, "CERTIFICATE REQUEST")
	if err != nil {
		return nil, err
	}
	csr, err := x509.ParseCertificateRequest(block)
	if err != nil {
		return nil, fmt.Errorf("%w: not a PKCS #10 request", ErrCSR)
	}
	if !acceptable(csr.PublicKey) {
		return nil, fmt.Errorf("%w: the key must be on P-256, P-384 or Ed25519", ErrCSR)
	}
	// The library accepts SHA-1 in requests.
	if !slices.Contains(csrSignatures, csr.SignatureAlgorithm) {
		return nil, fmt.Errorf("%w: signed with %v", ErrCSR, csr.SignatureAlgorithm)
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, fmt.Errorf("%w: its signature does not verify", ErrCSR)
	}
	return csr.PublicKey, nil
}

var csrSignatures = []x509.SignatureAlgorithm{
	x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512, x509.PureEd25519,
}

func acceptable(key any) bool {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		return k.Curve == elliptic.P256() || k.Curve == elliptic.P384()
	case ed25519.PublicKey:
		return strongkey.Check(k, 0) == nil // one of small order signs for everybody
	}
	return false
}

// onePEM returns the bytes of the one block that text consists of. The decoder skips text around blocks and blocks
// that it cannot read; encoding again refuses all that.
func onePEM(text []byte, kind string) ([]byte, error) {
	text = append(bytes.TrimSpace(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))), '\n')
	block, _ := pem.Decode(text)
	if block == nil || block.Type != kind || len(block.Headers) != 0 || !bytes.Equal(pem.EncodeToMemory(block), text) {
		return nil, fmt.Errorf("%w: not exactly one PEM block %q", ErrCSR, kind)
	}
	return block.Bytes, nil
}
