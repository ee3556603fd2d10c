package devicecert_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/devicecert"
)

// body takes good evidence apart, lets change alter its members, and puts it together again.
func body(t *testing.T, s *scene, change func(map[string]any)) []byte {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal(s.input.Body, &members); err != nil {
		t.Fatal(err)
	}
	change(members)
	text, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestEvidenceMembersAreExact(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"unknown member":            func(m map[string]any) { m["note"] = "" },
		"other method":              func(m map[string]any) { m["method"] = "passkey" },
		"no method":                 func(m map[string]any) { delete(m, "method") },
		"method in another case":    func(m map[string]any) { m["Method"] = m["method"]; delete(m, "method") },
		"no chain":                  func(m map[string]any) { delete(m, "certificate_chain") },
		"empty chain":               func(m map[string]any) { m["certificate_chain"] = []string{} },
		"chain that is a string":    func(m map[string]any) { m["certificate_chain"] = m["certificate_chain"].([]any)[0] },
		"null in the chain":         func(m map[string]any) { m["certificate_chain"] = []any{nil} },
		"no signature":              func(m map[string]any) { delete(m, "signature") },
		"empty signature":           func(m map[string]any) { m["signature"] = "" },
		"signature with padding":    func(m map[string]any) { m["signature"] = m["signature"].(string) + "=" },
		"signature with line break": func(m map[string]any) { m["signature"] = m["signature"].(string) + "\n" },
		"signature in plain base64": func(m map[string]any) { m["signature"] = "a+/a" },
		"signature too large":       func(m map[string]any) { m["signature"] = strings.Repeat("A", 4096) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, nil)
			s.input.Body = body(t, s, change)
			s.mustRefuse(t, attest.ReasonMalformed)
		})
	}
}

func TestMemberTwiceIsRefused(t *testing.T) {
	s := newScene(t, nil)
	s.input.Body = []byte(strings.Replace(string(s.input.Body), `{`, `{"algorithm":"ES256",`, 1))
	s.mustRefuse(t, attest.ReasonMalformed)
}

func TestCertificateIsExactlyOnePEMBlock(t *testing.T) {
	for name, change := range map[string]func(string) string{
		"empty":               func(string) string { return "" },
		"no PEM":              func(string) string { return "certificate" },
		"text before":         func(p string) string { return "subject: me\n" + p },
		"space before":        func(p string) string { return "\n" + p },
		"text behind":         func(p string) string { return p + "x" },
		"two blocks":          func(p string) string { return p + p },
		"broken block before": func(p string) string { return "-----BEGIN CERTIFICATE-----\n!\n-----END X-----\n" + p },
		"other type":          func(p string) string { return strings.ReplaceAll(p, "CERTIFICATE", "TRUSTED CERTIFICATE") },
		"header":              func(p string) string { return strings.Replace(p, "-----\n", "-----\nA: b\n\n", 1) },
		"empty block":         func(string) string { return "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n" },
		"other line length":   func(p string) string { return p[:40] + "\n" + p[40:] },
		"not a certificate":   func(string) string { return "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, nil)
			s.device.Chain[0] = change(s.device.Chain[0])
			s.input.Body = s.device.Evidence(challenge)
			s.mustRefuse(t, attest.ReasonMalformed)
		})
	}
}

func TestCertificateOfMoreThan16KiBIsRefused(t *testing.T) {
	padded := func(n int) *scene {
		return newScene(t, func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, Value: make([]byte, n)}}
		})
	}
	padded(11 << 10).mustVerify(t)
	padded(12<<10).mustRefuse(t, attest.ReasonMalformed)
}

func TestLineEndsOfACertificateAreFree(t *testing.T) {
	for name, change := range map[string]func(string) string{
		"CRLF":             func(p string) string { return strings.ReplaceAll(p, "\n", "\r\n") },
		"no last line end": func(p string) string { return strings.TrimSuffix(p, "\n") },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, nil)
			s.device.Chain[0] = change(s.device.Chain[0])
			s.input.Body = s.device.Evidence(challenge)
			s.mustVerify(t)
		})
	}
}

func TestMoreThanSixCertificatesAreRefused(t *testing.T) {
	s := newScene(t, nil)
	for len(s.device.Chain) < 6 {
		s.device.Chain = append(s.device.Chain, s.device.Chain[0])
	}
	s.input.Body = s.device.Evidence(challenge)
	s.mustVerify(t)
	s.device.Chain = append(s.device.Chain, s.device.Chain[0])
	s.input.Body = s.device.Evidence(challenge)
	s.mustRefuse(t, attest.ReasonMalformed)
}

func TestLocateRefusesWhatDoesNotParse(t *testing.T) {
	s := newScene(t, nil)
	handle, err := devicecert.New(s.config).Locate(append(s.input.Body, '{'), "")
	refused(t, attest.Claims{Handle: handle}, err, attest.ReasonMalformed)
}
