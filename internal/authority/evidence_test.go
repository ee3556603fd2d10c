package authority

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/android"
	"github.com/regrant/regrant/attest/apple"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/certpath"
)

// attested is a gateway that accepts evidence about phones and Macs, and what attests them.
type attested struct {
	*gateway
	phone  *attesttest.Android
	apple  *attesttest.CA
	status *android.Status
}

func newAttested(t *testing.T) *attested {
	t.Helper()
	g := &attested{gateway: newGateway(t), phone: attesttest.NewFactory(t, nil), apple: attesttest.NewCA(t)}
	var err error
	if g.status, err = android.ParseStatus([]byte(`{"entries":{}}`)); err != nil {
		t.Fatal(err)
	}
	g.config.Attestors = map[string]attest.Attestor{
		android.Format: func(certificates [][]byte, challenge []byte, now time.Time) (attest.Attested, error) {
			return android.Policy{Roots: anchors(g.phone.Root), Now: now, Status: g.status}.Attest(certificates, challenge)
		},
		apple.Format: func(certificates [][]byte, challenge []byte, now time.Time) (attest.Attested, error) {
			return apple.Policy{Roots: anchors(g.apple), Now: now}.Attest(certificates, challenge)
		},
	}
	g.Authority = g.open(t)
	return g
}

func anchors(root *attesttest.CA) []*certpath.Certificate {
	return certpath.NewAll([]*x509.Certificate{root.Certificate})
}

// challenge is that of a code as it was given out.
func (g *attested) challenge(code string) []byte {
	return attest.DeviceChallenge(g.Issuer, strings.ReplaceAll(code, "-", ""))
}

func (g *attested) android(t *testing.T, code string, mutate func(*attesttest.KeyDescription)) (*attesttest.Device, Evidence) {
	t.Helper()
	says := attesttest.NewKeyDescription(300, g.challenge(code))
	if mutate != nil {
		mutate(says)
	}
	d := g.phone.AndroidKey(t, says, nil)
	return d, Evidence{Format: android.Format, Certificates: d.Chain}
}

func (g *attested) enroll(t *testing.T, code string, d *attesttest.Device, e Evidence) (Enrolled, error) {
	t.Helper()
	return g.EnrollAttested(t.Context(), code, csr(t, d.Key, &x509.CertificateRequest{}), "phone", e)
}

func TestWhatTheMakerSaysIsKeptWithTheDevice(t *testing.T) {
	g := newAttested(t)
	code := g.code(t)
	phone, evidence := g.android(t, code, nil)
	e, err := g.enroll(t, code, phone, evidence)
	if err != nil {
		t.Fatal(err)
	}
	a := g.bound(t, e.AuthenticatorID)
	if !a.Attested || !a.NonExportable || a.Model != "Example Phone 1" || a.Detail["attestation"] != "android-key" || a.Detail["security_level"] != "tee" ||
		a.Detail["verified_boot"] != "verified" || a.Detail["device_locked"] != "true" || a.Detail["os_patch_level"] != "202609" {
		t.Errorf("bound %+v", a)
	}
	if sum := sha256.Sum256(phone.Certificate.RawSubjectPublicKeyInfo); string(a.Handles[0].Value) != string(sum[:]) {
		t.Error("another key is bound than the one that was attested")
	}

	code = g.code(t)
	mac := g.apple.AppleDevice(t, attesttest.NewApple(g.challenge(code)), nil)
	if e, err = g.enroll(t, code, mac, Evidence{Format: apple.Format, Certificates: mac.Chain}); err != nil {
		t.Fatal(err)
	}
	a = g.bound(t, e.AuthenticatorID)
	if !a.Attested || !a.NonExportable || a.Model != "Mac14,2" || a.Detail["sip"] != "true" || a.Detail["kernel_extensions"] != "false" || a.Detail["secure_boot"] != "Full Security" {
		t.Errorf("bound %+v", a)
	}
	for _, value := range a.Detail {
		if strings.Contains(value, "C02TEST0001") || strings.Contains(value, "00008112") {
			t.Error("the device's own name is kept")
		}
	}
}

func TestDeviceThatSaysNothingIsNotAttested(t *testing.T) {
	g := newAttested(t)
	e, err := g.Enroll(t.Context(), g.code(t), csr(t, attesttest.NewKey(t), &x509.CertificateRequest{}), "phone")
	if err != nil {
		t.Fatal(err)
	}
	if a := g.bound(t, e.AuthenticatorID); a.Attested || a.NonExportable || a.Model != "" || len(a.Detail) != 1 || a.Detail["key_fingerprint"] == "" {
		t.Errorf("bound %+v", a)
	}
}

func TestEvidenceThatDoesNotDoBindsNothing(t *testing.T) {
	g := newAttested(t)
	code, other := g.code(t), g.code(t)
	phone, good := g.android(t, code, nil)
	_, foreign := g.android(t, code, nil)
	_, stale := g.android(t, other, nil)
	_, unlocked := g.android(t, code, func(d *attesttest.KeyDescription) {
		d.Hardware = d.Hardware.With(704, attesttest.RootOfTrust(0, 0, nil))
	})
	for name, evidence := range map[string]Evidence{
		"another key":          foreign,
		"another code":         stale,
		"unlocked":             unlocked,
		"another format":       {Format: apple.Format, Certificates: good.Certificates},
		"unknown format":       {Format: "android-safetynet", Certificates: good.Certificates},
		"no format":            {Certificates: good.Certificates},
		"no certificate":       {Format: android.Format},
		"not PEM":              {Format: android.Format, Certificates: []string{"x"}},
		"two in one":           {Format: android.Format, Certificates: []string{strings.Join(good.Certificates, "")}},
		"more than it may be":  {Format: android.Format, Certificates: append(append([]string{}, good.Certificates...), good.Certificates...)},
		"leaf alone":           {Format: android.Format, Certificates: good.Certificates[:1]},
		"nine, of which a few": {Format: android.Format, Certificates: []string{"", "", "", "", "", "", "", "", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := g.enroll(t, code, phone, evidence); !errors.Is(err, ErrEvidence) {
				t.Errorf("%v", err)
			}
		})
	}
	if _, err := g.enroll(t, code, phone, good); err != nil {
		t.Errorf("the code is spent after a refusal, or something was bound: %v", err)
	}
}

// That nothing is known is no refusal: what is missing may come.
func TestWithoutAStatusListItCannotBeTold(t *testing.T) {
	g := newAttested(t)
	list := g.status
	g.status = nil
	code := g.code(t)
	phone, evidence := g.android(t, code, nil)
	if _, err := g.enroll(t, code, phone, evidence); err == nil || errors.Is(err, ErrEvidence) || errors.Is(err, ErrCode) {
		t.Errorf("%v", err)
	}
	g.status = list
	if _, err := g.enroll(t, code, phone, evidence); err != nil {
		t.Error(err)
	}
}

func TestWithoutAttestorsNoEvidenceIsAccepted(t *testing.T) {
	g := newAttested(t)
	g.config.Attestors = nil
	g.Authority = g.open(t)
	code := g.code(t)
	phone, evidence := g.android(t, code, nil)
	if _, err := g.enroll(t, code, phone, evidence); !errors.Is(err, ErrEvidence) {
		t.Errorf("%v", err)
	}
}

func TestChallengeOfADeviceIsBoundToIssuerAndCode(t *testing.T) {
	seen := make(map[string]bool)
	for _, issuer := range []string{"https://id.example.com/recovery", "https://other.example.com/recovery"} {
		for _, code := range []string{"00000000000000000000000000000000", "00000000000000000000000000000001"} {
			seen[string(attest.DeviceChallenge(issuer, code))] = true
		}
	}
	if len(seen) != 4 {
		t.Error("two challenges are one")
	}
}
