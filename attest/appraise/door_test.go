package appraise_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/appraise"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/devicecert"
)

// The door and the gateway's format are two ways into the same rooms: whatever is wrong, both say the same.
func TestDoorAndGatewayGiveTheSameAnswer(t *testing.T) {
	root := attesttest.NewCA(t)
	expired := func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Hour) }
	for name, device := range map[string]*attesttest.Device{
		"good":                   root.Device(t, nil),
		"good, long":             root.Intermediate(t, nil).Intermediate(t, nil).Device(t, nil),
		"expired":                root.Device(t, expired),
		"expired issuer":         root.Intermediate(t, expired).Device(t, nil),
		"for servers":            root.Device(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }),
		"not for signing":        root.Device(t, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }),
		"of a stranger":          attesttest.NewCA(t).Device(t, nil),
		"issuer is no CA":        root.Intermediate(t, func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, 0 }).Device(t, nil),
		"no room for its issuer": root.Intermediate(t, func(c *x509.Certificate) { c.MaxPathLenZero = true }).Intermediate(t, nil).Device(t, nil),
		"outside of constraints": root.Intermediate(t, func(c *x509.Certificate) {
			c.PermittedURIDomains, c.PermittedDNSDomainsCritical = []string{"example.com"}, true
		}).Device(t, nil),
	} {
		t.Run(name, func(t *testing.T) {
			s := &scene{root: root, device: device}
			a := ask(t, s.signature())
			_, err := devicecert.New(devicecert.Config{Anchors: func() []*x509.Certificate { return []*x509.Certificate{root.Certificate} }}).
				Verify(attest.Input{Body: device.Evidence(challenge), Challenge: []byte(challenge), Now: now})
			refused, ok := errors.AsType[*attest.Error](err)
			if (err == nil) != (a.Verdict == appraise.Accept) || ok && refused.Reason != a.Reason {
				t.Errorf("the door says %+v, the gateway %v", a, err)
			}
		})
	}
}

// furnished are good requests in which whatever an operator may configure and expect is given.
func furnished(t testing.TB) []object {
	t.Helper()
	s, chip, key, service := newScene(t), newTPM(t), newPasskeyScene(t, "packed"), attesttest.NewCA(t)
	chain := in(s.chain(), "expect", object{
		"revocation": "required", "extended_key_usage": []string{"1.3.6.1.5.5.7.3.2"}, "spki_sha256": encode(s.device.Handle()), "device_id": s.device.ID, "max_path": 2,
	})
	in(chain, "trust", object{
		"crls":           []string{crlPEM(s.root.CRL(t, now, nil)), crlPEM(s.issuing.CRL(t, now, nil))},
		"ocsp_responses": []string{base64.StdEncoding.EncodeToString(s.issuing.OCSP(t, now, s.device.Certificate, nil))},
		"max_crl_age":    "2h", "max_ocsp_age": "2h", "jwks": object{"keys": []object{}},
	})
	known := in(key.registration(t, nil), "trust", object{
		"roots": nil, "metadata_roots": []string{attesttest.PEM(service.Certificate)},
		"metadata_blob": service.Metadata(t, []any{attesttest.MetadataEntry(key.passkey.AAGUID, key.root.Certificate)}, nil, nil),
	})
	phone := in(newPasskeyScene(t, "android-key").registration(t, nil), "trust", object{"android_status": object{"entries": object{}}})
	return []object{
		chain, known, phone, newPasskeyScene(t, "tpm").registration(t, nil),
		in(chip.quote(), "expect", object{"reference": object{"7": []string{hex.EncodeToString(chip.log.PCRs[7])}}}),
	}
}

func FuzzAnswer(f *testing.F) {
	for _, q := range slices.Concat(slices.Collect(maps.Values(everyFormat(f))), furnished(f)) {
		text, err := json.Marshal(q)
		if err != nil {
			f.Fatal(err)
		}
		if a := appraise.New(nil).Answer(text); a.Verdict != appraise.Accept {
			f.Fatalf("%s: %+v", text, a)
		}
		f.Add(text)
	}
	door := appraise.New(nil)
	f.Fuzz(func(t *testing.T, text []byte) {
		a := door.Answer(text)
		out, err := a.Encode()
		if err != nil || bytes.ContainsAny(out, "\r\n") {
			t.Fatalf("answer %q, %v", out, err)
		}
		accepted, refused := a.Verdict == appraise.Accept, a.Verdict == appraise.Refuse
		if (a.Claims != nil) != accepted || (a.Reason != "") != refused || !accepted && a.Detail == "" {
			t.Errorf("answer %s", out)
		}
		if door.Panics() != 0 {
			t.Error("a parser panicked")
		}
	})
}

// One line a request, as regrant appraise --lines takes them.
func BenchmarkAnswer(b *testing.B) {
	s := newScene(b)
	p521 := &scene{root: s.root, issuing: s.issuing, device: s.issuing.DeviceWithKey(b, curveKey(b, elliptic.P521()), nil)}
	for name, q := range map[string]object{
		"x509-chain": s.chain(), "x509-signature": s.signature(), "x509-signature P-521": p521.signature(), "crl": s.crl(b, nil), "ocsp": s.ocsp(b, nil),
		"android-key": goodAndroid(b), "apple-device": goodApple(b),
	} {
		text, err := json.Marshal(q)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			door := appraise.New(nil)
			for b.Loop() {
				if a := door.Answer(text); a.Verdict != appraise.Accept {
					b.Fatalf("%+v", a)
				}
			}
		})
	}
}

func curveKey(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
