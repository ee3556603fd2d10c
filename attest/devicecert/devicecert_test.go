package devicecert_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/devicecert"
)

const challenge = "regrant recovery proof v1\n…\n"

var now = time.Date(2026, 11, 21, 20, 20, 0, 0, time.UTC)

// scene is a verification in which everything is as it should be.
type scene struct {
	ca     *attesttest.CA
	device *attesttest.Device
	config devicecert.Config
	input  attest.Input
}

func newScene(t testing.TB, mutate func(tmpl *x509.Certificate)) *scene {
	t.Helper()
	ca := attesttest.NewCA(t)
	return sceneOf(ca, ca.Device(t, mutate))
}

func sceneOf(ca *attesttest.CA, device *attesttest.Device) *scene {
	return &scene{
		ca:     ca,
		device: device,
		config: devicecert.Config{Anchors: func() []*x509.Certificate { return []*x509.Certificate{ca.Certificate} }},
		input: attest.Input{
			Body: device.Evidence(challenge), Challenge: []byte(challenge), Holder: device.Thumbprint(), Now: now,
		},
	}
}

func (s *scene) verify() (attest.Claims, error) { return devicecert.New(s.config).Verify(s.input) }

// mustVerify fails the test unless the scene is good.
func (s *scene) mustVerify(t *testing.T) attest.Claims {
	t.Helper()
	claims, err := s.verify()
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

// mustRefuse fails the test unless the scene is refused for that reason.
func (s *scene) mustRefuse(t *testing.T, reason attest.Reason) {
	t.Helper()
	claims, err := s.verify()
	refused(t, claims, err, reason)
}

func refused(t *testing.T, claims attest.Claims, err error, reason attest.Reason) {
	t.Helper()
	var e *attest.Error
	if !errors.As(err, &e) || e.Reason != reason {
		t.Errorf("error is %v, not a refusal for reason %s", err, reason)
	}
	if claims.Handle != nil || claims.Subject != "" || claims.HolderKey {
		t.Errorf("claims came with the refusal: %+v", claims)
	}
}

func TestGoodEvidenceGivesClaims(t *testing.T) {
	s := newScene(t, nil)
	got := s.mustVerify(t)
	cert := s.device.Certificate
	sum := sha256.Sum256(cert.Raw)
	switch {
	case !bytes.Equal(got.Handle, s.device.Handle()), !bytes.Equal(got.Handle, devicecert.Handle(cert)):
		t.Errorf("handle %x", got.Handle)
	case got.Subject != cert.Subject.String() || got.Issuer != cert.Issuer.String():
		t.Errorf("subject %q, issuer %q", got.Subject, got.Issuer)
	case got.Serial != cert.SerialNumber.Text(16):
		t.Errorf("serial %s", got.Serial)
	case got.DeviceID != s.device.ID:
		t.Errorf("device %q", got.DeviceID)
	case !bytes.Equal(got.CertificateSHA256, sum[:]) || !got.NotAfter.Equal(cert.NotAfter):
		t.Errorf("claims %+v", got)
	case !got.HolderKey:
		t.Error("the device is not seen to hold the recovery")
	}
}

func TestLocateFindsTheHandleOfTheLeaf(t *testing.T) {
	s := newScene(t, nil)
	got, err := devicecert.New(s.config).Locate(s.input.Body, "")
	if err != nil || !bytes.Equal(got, s.device.Handle()) {
		t.Errorf("%x, %v", got, err)
	}
}

func TestAnotherHolderIsNotTheKey(t *testing.T) {
	s := newScene(t, nil)
	s.input.Holder = attest.HolderOfSecret([]byte("cookie"))
	if s.mustVerify(t).HolderKey {
		t.Error("another holder was taken for the device")
	}
}

// Two devices of one CA with one name in their certificates are two authenticators.
func TestSameNameIsNotTheSameDevice(t *testing.T) {
	s := newScene(t, nil)
	other := s.ca.Device(t, func(tmpl *x509.Certificate) { tmpl.Subject = s.device.Certificate.Subject })
	first := s.mustVerify(t)
	s.input.Body = other.Evidence(challenge)
	second := s.mustVerify(t)
	if first.Subject != second.Subject || bytes.Equal(first.Handle, second.Handle) {
		t.Errorf("%q and %q, handles %x and %x", first.Subject, second.Subject, first.Handle, second.Handle)
	}
}

func TestDeviceIDNeedsExactlyOneName(t *testing.T) {
	for name, mutate := range map[string]func(*x509.Certificate){
		"none":  func(tmpl *x509.Certificate) { tmpl.URIs = nil },
		"two":   func(tmpl *x509.Certificate) { tmpl.URIs = append(tmpl.URIs, tmpl.URIs[0]) },
		"other": func(tmpl *x509.Certificate) { tmpl.URIs[0].Opaque = "other:device:1" },
	} {
		if got := newScene(t, mutate).mustVerify(t).DeviceID; got != "" {
			t.Errorf("%s: device %q", name, got)
		}
	}
}

func TestEmptyChallengeIsRefused(t *testing.T) {
	s := newScene(t, nil)
	s.input.Body = s.device.Evidence("")
	s.input.Challenge = nil
	s.mustRefuse(t, attest.ReasonChallenge)
}

func TestAnotherChallengeIsRefused(t *testing.T) {
	s := newScene(t, nil)
	s.input.Challenge = append(s.input.Challenge, '\n')
	s.mustRefuse(t, attest.ReasonSignature)
}

func TestSignatureOfAnotherKeyIsRefused(t *testing.T) {
	s := newScene(t, nil)
	other := s.ca.Device(t, nil)
	other.Chain = s.device.Chain
	s.input.Body = other.Evidence(challenge)
	s.mustRefuse(t, attest.ReasonSignature)
}

func TestEverySignatureWithAChangedByteIsRefused(t *testing.T) {
	s := newScene(t, nil)
	good := s.device.Sign(challenge)
	for i := range good {
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			sig := bytes.Clone(good)
			sig[i] ^= flip
			s.input.Body = attesttest.Element("device-certificate", s.device.Chain, "ES256", sig)
			s.mustRefuse(t, attest.ReasonSignature)
		}
		if i > 0 {
			s.input.Body = attesttest.Element("device-certificate", s.device.Chain, "ES256", good[:i])
			s.mustRefuse(t, attest.ReasonSignature)
		}
	}
	s.input.Body = attesttest.Element("device-certificate", s.device.Chain, "ES256", append(good, 0))
	s.mustRefuse(t, attest.ReasonSignature)
}

func TestEveryCertificateCutShortIsRefused(t *testing.T) {
	s := newScene(t, nil)
	sig := s.device.Sign(challenge)
	whole := strings.TrimSpace(s.device.Chain[0])
	for i := range whole {
		s.input.Body = attesttest.Element("device-certificate", []string{whole[:i]}, "ES256", sig)
		s.mustRefuse(t, attest.ReasonMalformed)
	}
	for i := range len(s.device.Certificate.Raw) {
		cut := attesttest.PEM(&x509.Certificate{Raw: s.device.Certificate.Raw[:i]})
		s.input.Body = attesttest.Element("device-certificate", []string{cut}, "ES256", sig)
		s.mustRefuse(t, attest.ReasonMalformed)
	}
}

// A certificate with any byte changed is refused, for whichever reason comes first.
func TestEveryCertificateWithAChangedByteIsRefused(t *testing.T) {
	s := newScene(t, nil)
	sig := s.device.Sign(challenge)
	for i := range s.device.Certificate.Raw {
		raw := bytes.Clone(s.device.Certificate.Raw)
		raw[i] ^= 0x01
		s.input.Body = attesttest.Element("device-certificate", []string{attesttest.PEM(&x509.Certificate{Raw: raw})}, "ES256", sig)
		if _, err := s.verify(); err == nil {
			t.Errorf("byte %d changed, accepted", i)
		}
	}
}

// golden is evidence kept in files: what devices make today must verify with every later version.
func golden(t testing.TB) *scene {
	t.Helper()
	block, _ := pem.Decode(readFile(t, "ca.pem"))
	anchor, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return &scene{
		config: devicecert.Config{Anchors: func() []*x509.Certificate { return []*x509.Certificate{anchor} }},
		input:  attest.Input{Body: readFile(t, "evidence.json"), Challenge: []byte(challenge), Now: now},
	}
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestGoldenEvidenceIsAccepted(t *testing.T) {
	golden(t).mustVerify(t)
}

func FuzzVerify(f *testing.F) {
	s := golden(f)
	format := devicecert.New(s.config)
	device, err := format.Locate(s.input.Body, "")
	if err != nil {
		f.Fatal(err)
	}
	s.input.Connection = bytes.Repeat([]byte{7}, sha256.Size) // of a certificate that nobody has
	f.Add(s.input.Body)
	f.Add(bytes.Replace(s.input.Body, []byte(`"algorithm"`), []byte(`"connection":true,"algorithm"`), 1))
	f.Add([]byte(`{"method":"device-certificate","certificate_chain":["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"],"connection":true}`))
	f.Add(attesttest.Element("device-certificate", nil, "", nil))
	f.Add([]byte(`{"method":"device-certificate","certificate_chain":["-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"],"algorithm":"ES256","signature":"AA"}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		in := s.input
		in.Body = body
		handle, locateErr := format.Locate(body, "")
		claims, err := format.Verify(in)
		var refusal *attest.Error
		switch {
		case locateErr != nil && err == nil:
			t.Error("verified what does not parse")
		case err == nil && !bytes.Equal(handle, claims.Handle):
			t.Error("Locate and Verify name different authenticators")
		case err == nil && claims.Connection:
			t.Error("took another connection for the device's")
		case err == nil && !bytes.Equal(handle, device):
			t.Error("verified another device")
		case err != nil && (!errors.As(err, &refusal) || claims.Handle != nil):
			t.Errorf("refused with %v and %+v", err, claims)
		}
	})
}
