package authority

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"testing"
)

func TestKeysOfTheListAreAccepted(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"P-256": newKey(t, elliptic.P256()), "P-384": newKey(t, elliptic.P384()), "Ed25519": ed} {
		g := newGateway(t)
		if _, err := g.Enroll(t.Context(), g.code(t), csr(t, key, &x509.CertificateRequest{}), ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOtherKeysAreRefused(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"RSA": rsaKey, "P-224": newKey(t, elliptic.P224()), "P-521": newKey(t, elliptic.P521())} {
		if _, err := parseCSR(csr(t, key, &x509.CertificateRequest{})); !errors.Is(err, ErrCSR) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// anybodys is an Ed25519 key of order 1: its one signature is good for every message.
type anybodys struct{}

func (anybodys) Public() crypto.PublicKey {
	return ed25519.PublicKey("\x01" + string(make([]byte, 31)))
}

func (anybodys) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return []byte("\x01" + string(make([]byte, 63))), nil
}

func TestKeyWithWhichAnybodySignsIsRefused(t *testing.T) {
	if _, err := parseCSR(csr(t, anybodys{}, &x509.CertificateRequest{})); !errors.Is(err, ErrCSR) {
		t.Error(err)
	}
}

func TestRequestHasOneForm(t *testing.T) {
	good := freshCSR(t)
	block, _ := pem.Decode(good)
	encode := func(kind string, headers map[string]string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Headers: headers, Bytes: der})
	}
	for name, text := range map[string][]byte{
		"nothing":            nil,
		"DER":                block.Bytes,
		"text before":        append([]byte("hello\n"), good...),
		"text after":         append(bytes.Clone(good), "hello\n"...),
		"two requests":       append(bytes.Clone(good), good...),
		"headers":            encode("CERTIFICATE REQUEST", map[string]string{"a": "b"}, block.Bytes),
		"a certificate":      encode("CERTIFICATE", nil, block.Bytes),
		"the old name":       encode("NEW CERTIFICATE REQUEST", nil, block.Bytes),
		"bytes behind":       encode("CERTIFICATE REQUEST", nil, append(bytes.Clone(block.Bytes), 0)),
		"cut off":            encode("CERTIFICATE REQUEST", nil, block.Bytes[:len(block.Bytes)-1]),
		"empty":              encode("CERTIFICATE REQUEST", nil, nil),
		"larger than 16 KiB": append(bytes.Clone(good), bytes.Repeat([]byte("\n"), MaxCSR)...),
	} {
		if key, err := parseCSR(text); !errors.Is(err, ErrCSR) || key != nil {
			t.Errorf("%s: %v, %v", name, key, err)
		}
	}
	for name, text := range map[string][]byte{
		"as made":            good,
		"without last break": bytes.TrimSpace(good),
		"line breaks of DOS": bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n")),
		"blank lines around": append([]byte("\n\n"), append(bytes.Clone(good), '\n')...),
	} {
		if _, err := parseCSR(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The signature shows that whoever asks has the key: else somebody could bind a key that is not theirs.
func TestRequestMustBeSignedByItsKey(t *testing.T) {
	block, _ := pem.Decode(freshCSR(t))
	for i := range block.Bytes {
		bad := bytes.Clone(block.Bytes)
		bad[i] ^= 1
		if _, err := parseCSR(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: bad})); err == nil {
			t.Errorf("accepted with byte %d changed", i)
		}
	}
}

func FuzzParseCSR(f *testing.F) {
	f.Add(freshCSR(f))
	f.Add(csr(f, newKey(f, elliptic.P384()), &x509.CertificateRequest{DNSNames: []string{"a.example"}}))
	f.Add([]byte("-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n"))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, text []byte) {
		key, err := parseCSR(text)
		if err != nil {
			if !errors.Is(err, ErrCSR) || key != nil {
				t.Errorf("%v with %v", key, err)
			}
			return
		}
		switch key.(type) {
		case *ecdsa.PublicKey, ed25519.PublicKey:
		default:
			t.Errorf("key %T", key)
		}
	})
}
