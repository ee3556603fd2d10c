package android_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/android"
	"github.com/regrant/regrant/attest/attesttest"
)

func TestGoodPhoneIsDescribed(t *testing.T) {
	p := goodPhone(t)
	p.demand.PatchLevel, p.demand.Packages = 202609, []string{"org.example.wallet"}
	a := p.mustPass(t)
	d := a.Description
	if !a.Factory || d.Version != 300 || d.KeyLevel != android.TEE || !d.Hardware.RootOfTrust.DeviceLocked ||
		d.Hardware.RootOfTrust.State != android.Verified || d.Hardware.OSPatchLevel != 202609 || d.Hardware.OSVersion != 160000 ||
		d.Hardware.Manufacturer != "Example" || d.Hardware.Brand != "example" || d.Hardware.Model != "Phone 1" {
		t.Errorf("%+v", a)
	}
}

func TestEveryVersionIsUnderstood(t *testing.T) {
	for _, version := range []int{1, 2, 3, 4, 100, 200, 300, 400, 500} {
		p := goodPhone(t)
		p.says = attesttest.NewKeyDescription(version, challenge)
		if a := p.mustPass(t); a.Description.Version != version {
			t.Errorf("version %d read as %d", version, a.Description.Version)
		}
	}
	for _, version := range []int{-1, 0, 5, 99, 101, 600} {
		p := goodPhone(t)
		p.says.Version = version
		p.mustFail(t, attest.ReasonUnsupported)
	}
}

func TestBothKindsOfHardwareAreAccepted(t *testing.T) {
	p := goodPhone(t)
	p.says.AttestationLevel, p.says.KeyLevel = 2, 2
	p.demand.StrongBox = true
	if a := p.mustPass(t); a.Description.KeyLevel != android.StrongBox {
		t.Errorf("%+v", a)
	}
}

func TestRemotelyProvisionedPhoneIsAccepted(t *testing.T) {
	for kind, level := range map[string]int{"TEE": 1, "StrongBox": 2} {
		p := remotePhone(t, kind)
		p.says.AttestationLevel, p.says.KeyLevel = level, level
		if a := p.mustPass(t); a.Factory {
			t.Errorf("%s: %+v", kind, a)
		}
	}
}

func remotePhone(t testing.TB, kind string) *phone {
	t.Helper()
	p := goodPhone(t)
	p.attests = attesttest.NewRemote(t, kind, nil)
	p.demand.Roots = parse(t, attesttest.PEM(p.attests.Root.Certificate))
	return p
}

func TestKeyOfTheWrongKindIsRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*phone)
		reason attest.Reason
	}{
		"attested by software":             {func(p *phone) { p.says.AttestationLevel = 0 }, attest.ReasonKey},
		"kept by software":                 {func(p *phone) { p.says.KeyLevel = 0 }, attest.ReasonKey},
		"levels differ":                    {func(p *phone) { p.says.KeyLevel = 2 }, attest.ReasonKey},
		"StrongBox demanded":               {func(p *phone) { p.demand.StrongBox = true }, attest.ReasonPolicy},
		"level unknown":                    {func(p *phone) { p.says.KeyLevel = 3 }, attest.ReasonMalformed},
		"level negative":                   {func(p *phone) { p.says.AttestationLevel = -1 }, attest.ReasonMalformed},
		"imported":                         {func(p *phone) { p.hardware(702, attesttest.Integer(2)) }, attest.ReasonKey},
		"securely imported":                {func(p *phone) { p.hardware(702, attesttest.Integer(4)) }, attest.ReasonKey},
		"no origin":                        {func(p *phone) { p.hardware(702, nil) }, attest.ReasonKey},
		"made in hardware, says software":  {func(p *phone) { p.hardware(702, nil); p.software(702, attesttest.Integer(0)) }, attest.ReasonKey},
		"not for signing":                  {func(p *phone) { p.hardware(1, attesttest.Set(0, 1)) }, attest.ReasonKey},
		"for attesting":                    {func(p *phone) { p.hardware(1, attesttest.Set(7)) }, attest.ReasonKey},
		"no purpose":                       {func(p *phone) { p.hardware(1, nil) }, attest.ReasonKey},
		"for signing, says software":       {func(p *phone) { p.hardware(1, nil); p.software(1, attesttest.Set(2)) }, attest.ReasonKey},
		"certificate is not for signing":   {func(p *phone) { p.leaf = func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement } }, attest.ReasonKey},
		"for all apps":                     {func(p *phone) { p.hardware(600, attesttest.Null()) }, attest.ReasonKey},
		"for all apps, says software":      {func(p *phone) { p.software(600, attesttest.Null()) }, attest.ReasonKey},
		"other challenge":                  {func(p *phone) { p.says.Challenge = []byte("what it was not made for") }, attest.ReasonChallenge},
		"challenge cut short":              {func(p *phone) { p.says.Challenge = challenge[:8] }, attest.ReasonChallenge},
		"challenge with more after it":     {func(p *phone) { p.says.Challenge = append(slices.Clone(challenge), 0) }, attest.ReasonChallenge},
		"no challenge":                     {func(p *phone) { p.says.Challenge = nil }, attest.ReasonChallenge},
		"no attestation":                   {func(p *phone) { p.leaf = func(c *x509.Certificate) { c.ExtraExtensions = nil } }, attest.ReasonMalformed},
		"attestation in another extension": {func(p *phone) { p.leaf = renamed }, attest.ReasonMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			p := goodPhone(t)
			tt.change(p)
			p.mustFail(t, tt.reason)
		})
	}
}

func renamed(c *x509.Certificate) {
	c.ExtraExtensions[0].Id = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 1, 18}
}

func TestNoChallengeIsNoMatch(t *testing.T) {
	p := goodPhone(t)
	p.says.Challenge = nil
	chain := parse(t, p.attests.AndroidKey(t, p.says, nil).Chain...)
	for _, none := range [][]byte{nil, {}} {
		_, err := p.demand.Verify(chain, none)
		mustRefuse(t, err, attest.ReasonChallenge)
	}
}

func TestPhoneInABadStateIsRefused(t *testing.T) {
	unlocked, selfSigned := attesttest.RootOfTrust(0, 0, make([]byte, 32)), attesttest.RootOfTrust(0xff, 1, make([]byte, 32))
	for name, tt := range map[string]struct {
		change func(*phone)
		reason attest.Reason
	}{
		"unlocked":            {func(p *phone) { p.hardware(704, unlocked) }, attest.ReasonIntegrity},
		"self-signed system":  {func(p *phone) { p.hardware(704, selfSigned) }, attest.ReasonIntegrity},
		"unverified system":   {func(p *phone) { p.hardware(704, attesttest.RootOfTrust(0xff, 2, nil)) }, attest.ReasonIntegrity},
		"failed verification": {func(p *phone) { p.hardware(704, attesttest.RootOfTrust(0xff, 3, nil)) }, attest.ReasonIntegrity},
		"state unknown":       {func(p *phone) { p.hardware(704, attesttest.RootOfTrust(0xff, 4, nil)) }, attest.ReasonMalformed},
		"lock half true":      {func(p *phone) { p.hardware(704, attesttest.RootOfTrust(1, 0, nil)) }, attest.ReasonMalformed},
		"no state":            {func(p *phone) { p.hardware(704, nil) }, attest.ReasonIntegrity},
		"state from software": {func(p *phone) { p.hardware(704, nil); p.software(704, attesttest.RootOfTrust(0xff, 0, nil)) }, attest.ReasonIntegrity},
		"good in software only": {func(p *phone) {
			p.hardware(704, unlocked)
			p.software(704, attesttest.RootOfTrust(0xff, 0, nil))
		}, attest.ReasonIntegrity},
		"old patches":    {func(p *phone) { p.demand.PatchLevel = 202610 }, attest.ReasonPolicy},
		"no patch level": {func(p *phone) { p.demand.PatchLevel = 202001; p.hardware(706, nil) }, attest.ReasonPolicy},
		"patches of software": {func(p *phone) {
			p.demand.PatchLevel = 202001
			p.hardware(706, nil)
			p.software(706, attesttest.Integer(202609))
		}, attest.ReasonPolicy},
		"no such month": {func(p *phone) { p.demand.PatchLevel = 202001; p.hardware(706, attesttest.Integer(20260905)) }, attest.ReasonPolicy},
		"another app":   {func(p *phone) { p.demand.Packages = []string{"org.example.other"} }, attest.ReasonPurpose},
		"one app too many": {func(p *phone) {
			p.demand.Packages = []string{"org.example.wallet"}
			p.software(709, attesttest.ApplicationID("org.example.wallet", "org.example.spy"))
		}, attest.ReasonPurpose},
		"no app":             {func(p *phone) { p.demand.Packages = []string{"org.example.wallet"}; p.software(709, nil) }, attest.ReasonPurpose},
		"empty list of apps": {func(p *phone) { p.demand.Packages = []string{} }, attest.ReasonPurpose},
	} {
		t.Run(name, func(t *testing.T) {
			p := goodPhone(t)
			tt.change(p)
			p.mustFail(t, tt.reason)
		})
	}
}

func TestStateThatIsNotDemandedIsNotJudged(t *testing.T) {
	p := goodPhone(t)
	p.hardware(704, attesttest.RootOfTrust(0, 2, nil))
	p.demand.Unlocked = true
	p.mustFail(t, attest.ReasonIntegrity)
	p.demand.AnyBootState = true
	p.mustPass(t)
	p.demand.Unlocked = false
	p.mustFail(t, attest.ReasonIntegrity)
}

func TestKeyOfAnotherKindOfHardwareCannotSpeakForAStrongBox(t *testing.T) {
	for name, kind := range map[string]func(*x509.Certificate){
		"organization": func(c *x509.Certificate) { c.Subject.Organization = []string{"TEE"} },
		"title": func(c *x509.Certificate) {
			c.Subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: []int{2, 5, 4, 12}, Value: "TEE"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := goodPhone(t)
			p.attests = attesttest.NewFactory(t, kind)
			p.demand.Roots = parse(t, attesttest.PEM(p.attests.Root.Certificate))
			p.mustPass(t)
			p.chain, p.says.AttestationLevel, p.says.KeyLevel = nil, 2, 2
			p.mustFail(t, attest.ReasonKey)
		})
	}
	p := remotePhone(t, "StrongBox")
	p.mustFail(t, attest.ReasonKey)
}
