package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/regrant/regrant/internal/wire"
)

// issued is what the operator's CA has given a device: files with its certificate and its key.
type issued struct{ certificate, key string }

func issue(t *testing.T, p *program, key *ecdsa.PrivateKey) issued {
	t.Helper()
	dir := t.TempDir()
	f := issued{filepath.Join(dir, "device.pem"), filepath.Join(dir, "device.key")}
	c := p.certify(&x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "corporate laptop"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, p.ca, key.Public())
	write(t, f.certificate, append(encodeCertificate(c), encodeCertificate(p.ca)...))
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, f.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	return f
}

func write(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (f issued) args() []string { return []string{"--certificate", f.certificate, "--key", f.key} }

func TestDeviceIsEnrolledWithTheCertificateThatItHasAndRecoversWithIt(t *testing.T) {
	p := newProgram(t)
	f := issue(t, p, otherKey(t))
	p.enroll(f.args()...).want(t, exitDone, "")
	before, _ := os.ReadFile(f.certificate)
	if after, err := os.ReadFile(filepath.Join(p.dir(), certificateFile)); err != nil || string(after) != string(before) {
		t.Errorf("another certificate was kept: %v", err)
	}
	p.recover("--issuer", p.issuer, "--yes", "--print-token").want(t, exitDone, "Granted")
}

func TestKeyInTheFormOfOtherProgramsIsTaken(t *testing.T) {
	p := newProgram(t)
	key := otherKey(t)
	f := issue(t, p, key)
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, f.key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
	p.enroll(f.args()...).want(t, exitDone, "")
}

func TestCertificateThatCannotBeUsedCostsNoCode(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*testing.T, *program, *issued)
		says  string
	}{
		"another key":    {func(t *testing.T, p *program, f *issued) { f.key = issue(t, p, otherKey(t)).key }, "not that of the first certificate"},
		"no certificate": {func(_ *testing.T, _ *program, f *issued) { f.certificate += ".missing" }, "--certificate: open"},
		"no key":         {func(_ *testing.T, _ *program, f *issued) { f.key += ".missing" }, "--key: stat"},
		"not PEM":        {func(t *testing.T, _ *program, f *issued) { write(t, f.certificate, []byte("x")) }, "not a PEM certificate"},
		"readable key": {func(t *testing.T, _ *program, f *issued) {
			if err := os.Chmod(f.key, 0o640); err != nil {
				t.Fatal(err)
			}
		}, "other users can read device.key"},
		"a key on P-384": {func(t *testing.T, p *program, f *issued) {
			key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			*f = issue(t, p, key)
		}, "holds no P-256 key"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProgram(t)
			f := issue(t, p, otherKey(t))
			test.spoil(t, p, &f)
			p.enroll(f.args()...).want(t, exitUsage, test.says)
			if p.routes() != "" {
				t.Errorf("the gateway was asked: %s", p.routes())
			}
		})
	}
	p := newProgram(t)
	p.enroll("--certificate", "device.pem").want(t, exitUsage, "key")
}

func TestAnswerAboutAnotherCertificateIsNotBelieved(t *testing.T) {
	p := newProgram(t)
	f := issue(t, p, otherKey(t))
	p.enrolled = func(a *wire.EnrollResponse) { a.CertificateChain = a.CertificateChain[1:] }
	p.enroll(f.args()...).want(t, exitMismatch, "bound another certificate")
}

func TestRefusedCertificateSaysWhomToAsk(t *testing.T) {
	p := newProgram(t)
	p.problem["/devices/enroll"] = wire.Problem{
		Type: wire.ProblemMalformed.Type(), Title: "Bad Request", Status: 400, Member: "/certificate_chain",
	}
	p.enroll(issue(t, p, otherKey(t)).args()...).want(t, exitRefused, "The certificate was not accepted\n")
}
