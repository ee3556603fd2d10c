package apple_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/apple"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/certpath"
)

var (
	now       = time.Date(2026, 11, 21, 20, 20, 0, 0, time.UTC)
	freshness = bytes.Repeat([]byte{7}, 32)
)

// mac is an attested key, and what is demanded of it. A test changes one thing.
type mac struct {
	ca     *attesttest.CA
	says   *attesttest.Apple
	leaf   func(*x509.Certificate)
	chain  []string // nil: as the device sends it
	demand apple.Policy
}

func goodMac(t testing.TB) *mac {
	t.Helper()
	root := attesttest.NewCA(t)
	return &mac{
		ca: root.Intermediate(t, nil), says: attesttest.NewApple(freshness),
		demand: apple.Policy{Now: now, Roots: parse(t, attesttest.PEM(root.Certificate))},
	}
}

func (m *mac) verify(t testing.TB) (*apple.Attestation, error) {
	t.Helper()
	if m.chain == nil {
		m.chain = m.ca.AppleDevice(t, m.says, m.leaf).Chain
	}
	return m.demand.Verify(parse(t, m.chain...), freshness)
}

func (m *mac) mustPass(t testing.TB) apple.Device {
	t.Helper()
	a, err := m.verify(t)
	if err != nil {
		t.Fatal(err)
	}
	return a.Device
}

func (m *mac) mustFail(t testing.TB, reason attest.Reason) {
	t.Helper()
	a, err := m.verify(t)
	if mustRefuse(t, err, reason); a != nil {
		t.Error("an attestation beside a refusal")
	}
}

func mustRefuse(t testing.TB, err error, reason attest.Reason) {
	t.Helper()
	if refused, ok := errors.AsType[*attest.Error](err); !ok || refused.Reason != reason {
		t.Errorf("%v, not a refusal for reason %s", err, reason)
	}
}

func parse(t testing.TB, texts ...string) []*certpath.Certificate {
	t.Helper()
	var list []*certpath.Certificate
	for _, text := range texts {
		block, _ := pem.Decode([]byte(text))
		c, err := certpath.Parse(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

func ptr(s string) *string { return &s }

func TestMacIsDescribed(t *testing.T) {
	m := goodMac(t)
	m.demand.Serial, m.demand.UDID = ptr("C02TEST0001"), ptr("00008112-000A1C2E3F00401E")
	d := m.mustPass(t)
	if d.Serial != "C02TEST0001" || d.UDID != "00008112-000A1C2E3F00401E" || d.Model != "Mac14,2" || d.OSVersion != "15.1" || d.SepOSVersion != "15.1" ||
		d.LLBVersion != "11881.41.5" || d.SecureBoot != "Full Security" || d.SIP == nil || !*d.SIP || d.Kexts == nil || *d.Kexts {
		t.Errorf("%+v", d)
	}
}

func TestLessSecureStateIsSaidAsItIs(t *testing.T) {
	m := goodMac(t)
	m.says.SIP, m.says.Kexts, m.says.SecureBoot = attesttest.Integer(1), attesttest.Integer(2), "Permissive Security"
	if d := m.mustPass(t); *d.SIP || !*d.Kexts || d.SecureBoot != "Permissive Security" {
		t.Errorf("%+v", d)
	}
}

// Under user enrolment a device does not say which one it is; it is known by its key alone.
func TestDeviceThatDoesNotTellItsNameIsAccepted(t *testing.T) {
	m := goodMac(t)
	m.says = &attesttest.Apple{SepOSVersion: "18.1", Freshness: freshness}
	d := m.mustPass(t)
	if d.Serial != "" || d.UDID != "" || d.SIP != nil || d.Kexts != nil || d.SecureBoot != "" {
		t.Errorf("%+v", d)
	}
	for _, expect := range []func(*apple.Policy){
		func(p *apple.Policy) { p.Serial = ptr("C02TEST0001") }, func(p *apple.Policy) { p.Serial = ptr("") },
		func(p *apple.Policy) { p.UDID = ptr("00008112-000A1C2E3F00401E") }, func(p *apple.Policy) { p.UDID = ptr("") },
	} {
		m.demand.Serial, m.demand.UDID = nil, nil
		expect(&m.demand)
		m.mustFail(t, attest.ReasonIdentity)
	}
}

func TestAttestationIsRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*mac)
		reason attest.Reason
	}{
		"older challenge":           {func(m *mac) { m.says.Freshness = bytes.Repeat([]byte{6}, 32) }, attest.ReasonChallenge},
		"challenge cut short":       {func(m *mac) { m.says.Freshness = freshness[:31] }, attest.ReasonChallenge},
		"challenge in more octets":  {func(m *mac) { m.says.Freshness = attesttest.Octets(freshness) }, attest.ReasonChallenge},
		"no challenge":              {func(m *mac) { m.says.Freshness = nil }, attest.ReasonChallenge},
		"other serial number":       {func(m *mac) { m.demand.Serial = ptr("C02TEST0002") }, attest.ReasonIdentity},
		"serial number, other case": {func(m *mac) { m.demand.Serial = ptr("c02test0001") }, attest.ReasonIdentity},
		"other UDID":                {func(m *mac) { m.demand.UDID = ptr("00008112-000A1C2E3F00401F") }, attest.ReasonIdentity},
		"SIP as BOOLEAN":            {func(m *mac) { m.says.SIP = []byte{1, 1, 0} }, attest.ReasonMalformed},
		"SIP as text":               {func(m *mac) { m.says.SIP = []byte("0") }, attest.ReasonMalformed},
		"SIP and more":              {func(m *mac) { m.says.SIP = []byte{2, 1, 0, 0} }, attest.ReasonMalformed},
		"kexts in two octets":       {func(m *mac) { m.says.Kexts = []byte{2, 2, 0, 0} }, attest.ReasonMalformed},
		"serial with a line end":    {func(m *mac) { m.says.Serial = "C02\nTEST" }, attest.ReasonMalformed},
		"serial is no text":         {func(m *mac) { m.says.Serial = "C02\xff" }, attest.ReasonMalformed},
		"no root":                   {func(m *mac) { m.demand.Roots = nil }, attest.ReasonUntrusted},
		"other root":                {func(m *mac) { m.demand.Roots = parse(t, attesttest.PEM(attesttest.NewCA(t).Certificate)) }, attest.ReasonUntrusted},
		"no intermediate":           {func(m *mac) { m.chain = m.ca.AppleDevice(t, m.says, nil).Chain[:1] }, attest.ReasonUntrusted},
		"too many certificates": {func(m *mac) {
			c := m.ca.AppleDevice(t, m.says, nil).Chain
			m.chain = append(append(append(c, c...), c...), c...)
		}, attest.ReasonMalformed},
		"expired":                 {func(m *mac) { m.leaf = func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Hour) } }, attest.ReasonExpired},
		"leaf is a CA":            {func(m *mac) { m.leaf = func(c *x509.Certificate) { c.IsCA = true } }, attest.ReasonPurpose},
		"leaf is not for signing": {func(m *mac) { m.leaf = func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement } }, attest.ReasonPurpose},
		"unknown critical extension": {func(m *mac) {
			m.leaf = func(c *x509.Certificate) {
				c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: []int{1, 2, 840, 113635, 100, 8, 99}, Critical: true, Value: []byte{5, 0}})
			}
		}, attest.ReasonUnsupported},
		"issued by a device": {func(m *mac) {
			device := m.ca.AppleDevice(t, m.says, nil)
			m.ca = m.ca.IntermediateWithKey(t, device.Key, func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, x509.KeyUsageDigitalSignature })
		}, attest.ReasonUntrusted},
	} {
		t.Run(name, func(t *testing.T) {
			m := goodMac(t)
			tt.change(m)
			m.mustFail(t, tt.reason)
		})
	}
}

func TestNoChallengeIsNoMatch(t *testing.T) {
	m := goodMac(t)
	m.says.Freshness = nil
	chain := parse(t, m.ca.AppleDevice(t, m.says, nil).Chain...)
	for _, none := range [][]byte{nil, {}} {
		_, err := m.demand.Verify(chain, none)
		mustRefuse(t, err, attest.ReasonChallenge)
	}
	_, err := m.demand.Verify(nil, freshness)
	mustRefuse(t, err, attest.ReasonMalformed)
}

func FuzzDevice(f *testing.F) {
	ca := attesttest.NewCA(f)
	root, err := certpath.New(ca.Certificate)
	if err != nil {
		f.Fatal(err)
	}
	good := attesttest.NewApple(freshness)
	f.Add([]byte(good.Serial), good.SIP, []byte(good.SecureBoot))
	f.Add([]byte{}, []byte{2, 1, 1}, []byte("Reduced Security"))
	f.Fuzz(func(t *testing.T, serial, sip, boot []byte) {
		a := attesttest.NewApple(freshness)
		a.Serial, a.SIP, a.SecureBoot = string(serial), sip, string(boot)
		leaf, err := certpath.New(ca.AppleDevice(t, a, nil).Certificate)
		if err != nil {
			return
		}
		got, err := apple.Policy{Roots: []*certpath.Certificate{root}, Now: now}.Verify([]*certpath.Certificate{leaf}, freshness)
		if err == nil && (got.Device.Serial != string(serial) || got.Device.SecureBoot != string(boot) || (got.Device.SIP == nil) != (len(sip) == 0)) {
			t.Errorf("%+v", got.Device)
		}
	})
}
