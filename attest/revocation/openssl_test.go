package revocation_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/revocation"
)

// openssl runs the program in a folder of its own, and tells whether it succeeded.
type openssl struct{ dir string }

func newOpenSSL(t *testing.T) openssl {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("openssl is missing")
		}
		t.Skip("openssl is missing")
	}
	return openssl{t.TempDir()}
}

func (o openssl) run(t *testing.T, args ...string) (string, bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "openssl", args...)
	cmd.Dir = o.dir
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

func (o openssl) write(t *testing.T, name, kind string, der ...[]byte) {
	t.Helper()
	var text bytes.Buffer
	for _, d := range der {
		if kind == "" {
			text.Write(d)
		} else if err := pem.Encode(&text, &pem.Block{Type: kind, Bytes: d}); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(o.dir, name), text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestOpenSSLAgreesOnCRLs(t *testing.T) {
	o := newOpenSSL(t)
	for name, tt := range map[string]struct {
		mutate func(*scene) func(*attesttest.CRL)
		good   bool
	}{
		"good":    {with(attesttest.CRLNumber), true},
		"revoked": {func(s *scene) func(*attesttest.CRL) { return func(l *attesttest.CRL) { l.Revoked = s.entry() } }, false},
		"hold": {func(s *scene) func(*attesttest.CRL) {
			return func(l *attesttest.CRL) { l.Revoked = s.entry(id29(21, false, "\x0a\x01\x06")) }
		}, false},
		"unknown critical": {with(attesttest.CRLNumber, unknown), false},
		"only CAs":         {with(attesttest.CRLNumber, id29(28, true, "\x30\x03\x82\x01\xff")), false},
		"only users":       {with(attesttest.CRLNumber, id29(28, true, "\x30\x03\x81\x01\xff")), true},
		"some reasons":     {with(attesttest.CRLNumber, id29(28, true, "\x30\x04\x83\x02\x01\x60")), false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.aboutDevice(t, tt.mutate(s))
			o.write(t, "root.pem", "CERTIFICATE", s.root.Certificate.Raw)
			o.write(t, "issuing.pem", "CERTIFICATE", s.issuing.Certificate.Raw)
			o.write(t, "leaf.pem", "CERTIFICATE", s.device.Certificate.Raw)
			o.write(t, "crls.pem", "X509 CRL", s.crls...)
			out, theirs := o.run(t, "verify", "-x509_strict", "-no_check_time", "-crl_check_all", "-extended_crl", "-CAfile", "root.pem",
				"-untrusted", "issuing.pem", "-CRLfile", "crls.pem", "leaf.pem")
			path, bag := s.path(t)
			ours := s.policy.Check(path, bag, s.held(t)) == nil
			if ours != tt.good || theirs != tt.good {
				t.Errorf("ours %v, theirs %v: %s", ours, theirs, out)
			}
		})
	}
}

// What openssl answers to a request of ours is read here, with the nonce that was asked for.
func TestResponseOfOpenSSLIsJudgedAsItShouldBe(t *testing.T) {
	o := newOpenSSL(t)
	s := newScene(t)
	key, err := x509.MarshalPKCS8PrivateKey(s.issuing.Key)
	if err != nil {
		t.Fatal(err)
	}
	path, _ := s.path(t)
	request, err := revocation.NewRequest(path[0], path[1])
	if err != nil {
		t.Fatal(err)
	}
	o.write(t, "key.pem", "PRIVATE KEY", key)
	o.write(t, "issuing.pem", "CERTIFICATE", s.issuing.Certificate.Raw)
	o.write(t, "request.der", "", request.DER)
	for line, reason := range map[string]attest.Reason{"V\t491231235959Z\t": "", "R\t491231235959Z\t260101000000Z": attest.ReasonRevoked} {
		serial := strings.ToUpper(s.device.Certificate.SerialNumber.Text(16))
		if len(serial)%2 == 1 {
			serial = "0" + serial
		}
		o.write(t, "index.txt", "", []byte(line+"\t"+serial+"\tunknown\t/CN=device\n"))
		out, ok := o.run(t, "ocsp", "-index", "index.txt", "-CA", "issuing.pem", "-rsigner", "issuing.pem", "-rkey", "key.pem",
			"-ndays", "1", "-reqin", "request.der", "-respout", "response.der")
		der, err := os.ReadFile(filepath.Join(o.dir, "response.der"))
		if !ok || err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		response, err := revocation.ParseResponse(der)
		if err != nil {
			t.Fatal(err)
		}
		if err := request.Answered(response); err != nil {
			t.Error(err)
		}
		s.crls, s.responses = s.crls[:1], [][]byte{der}
		at := s.policy
		at.Now = response.NextUpdate().Add(-1)
		status, why := at.Status(path[0], path[1], s.held(t))
		if want := map[attest.Reason]revocation.Status{"": revocation.Good, attest.ReasonRevoked: revocation.Revoked}[reason]; status != want {
			t.Errorf("status %v, %s", status, why)
		}
	}
}
