package android_test

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/android"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/certpath"
)

var (
	now       = time.Date(2026, 11, 21, 20, 20, 0, 0, time.UTC)
	challenge = []byte("what the key was made for")
)

// phone is an attested key, and what is demanded of it. A test changes one thing.
type phone struct {
	attests *attesttest.Android
	says    *attesttest.KeyDescription
	leaf    func(*x509.Certificate)
	chain   []string // nil: as the phone sends it
	demand  android.Policy
}

// goodPhone is accepted by the strictest policy that names no app and no patch level.
func goodPhone(t testing.TB) *phone {
	t.Helper()
	p := &phone{attests: attesttest.NewFactory(t, nil), says: attesttest.NewKeyDescription(300, challenge)}
	p.demand = android.Policy{Now: now, Roots: parse(t, attesttest.PEM(p.attests.Root.Certificate)), Status: status(t, nil)}
	return p
}

func (p *phone) verify(t testing.TB) (*android.Attestation, error) {
	t.Helper()
	if p.chain == nil {
		p.chain = p.attests.AndroidKey(t, p.says, p.leaf).Chain
	}
	return p.demand.Verify(parse(t, p.chain...), challenge)
}

func (p *phone) mustPass(t testing.TB) *android.Attestation {
	t.Helper()
	a, err := p.verify(t)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (p *phone) mustFail(t testing.TB, reason attest.Reason) {
	t.Helper()
	a, err := p.verify(t)
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

// hardware sets an authorization that the secure hardware vouches for; nil takes it out.
func (p *phone) hardware(tag int, value []byte) {
	p.says.Hardware = p.says.Hardware.With(tag, value)
}

func (p *phone) software(tag int, value []byte) {
	p.says.Software = p.says.Software.With(tag, value)
}

func parse(t testing.TB, texts ...string) []*certpath.Certificate {
	t.Helper()
	var list []*certpath.Certificate
	for _, text := range texts {
		block, _ := pem.Decode([]byte(text))
		c, err := android.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

// status is a list with these entries: serial number and what is said of it.
func status(t testing.TB, entries map[string]string) *android.Status {
	t.Helper()
	list := make(map[string]any)
	for serial, word := range entries {
		list[serial] = map[string]string{"status": word, "reason": "KEY_COMPROMISE"}
	}
	text, err := json.Marshal(map[string]any{"entries": list})
	if err != nil {
		t.Fatal(err)
	}
	s, err := android.ParseStatus(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
