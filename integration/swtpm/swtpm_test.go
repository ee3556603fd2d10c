package swtpm_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/tpm"
	"github.com/regrant/regrant/integration/swtpm"
	"github.com/regrant/regrant/internal/tpmclient"
)

const (
	issuer    = "https://id.example.com/recovery"
	account   = "alice@example.com"
	statement = "the text of a statement"
)

// needs skips a test where a program is missing, but not in CI.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	if err := swtpm.Programs(programs...); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

func newChip(t *testing.T) *swtpm.TPM {
	t.Helper()
	needs(t)
	chip, err := swtpm.Make(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(chip.Remove)
	return chip
}

// machine is a chip with a device in it.
type machine struct {
	chip   *swtpm.TPM
	tpm    *tpmclient.TPM
	device *tpmclient.Device
}

func newMachine(t *testing.T, chip *swtpm.TPM) *machine {
	t.Helper()
	m := &machine{chip: chip}
	m.open(t, "")
	var err error
	if m.device, err = m.tpm.NewDevice(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.close)
	return m
}

func (m *machine) open(t *testing.T, log string) {
	t.Helper()
	var err error
	if m.tpm, err = tpmclient.Open(m.chip.Socket, log); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) close() {
	if m.device != nil {
		_ = m.device.Close()
		_ = m.tpm.Close()
		m.device = nil
	}
}

// reboot switches the machine off and on, and loads the device from its file.
func (m *machine) reboot(t *testing.T, log string) {
	t.Helper()
	file, err := m.device.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	m.close()
	if err := m.chip.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.open(t, log)
	if m.device, err = m.tpm.LoadDevice(file); err != nil {
		t.Fatal(err)
	}
}

func enrolling() attest.Enrolling {
	return attest.Enrolling{Issuer: issuer, AccountID: "a1", Name: account, Challenge: [32]byte{1}, Random: rand.Reader, Now: time.Now()}
}

func newFormat(t *testing.T, maker []*x509.Certificate, change func(*tpm.Config)) *tpm.Format {
	t.Helper()
	c := tpm.Config{Makers: maker}
	if change != nil {
		change(&c)
	}
	f, err := tpm.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (m *machine) mustEnrol(t *testing.T, f *tpm.Format) attest.Binding {
	t.Helper()
	offer, err := m.device.Offer()
	if err != nil {
		t.Fatal(err)
	}
	prompt, err := f.Begin(enrolling(), offer)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := m.device.Answer(prompt.Options, issuer, account)
	if err != nil {
		t.Fatal(err)
	}
	done, err := f.Finish(enrolling(), prompt.Keep, answer)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(done.Model, "id:00001014 swtpm id:") || !done.NonExportable || !done.Attested {
		t.Errorf("enrolled model %q, non-exportable %t, attested %t", done.Model, done.NonExportable, done.Attested)
	}
	return attest.Binding{Authenticator: "one", Handle: done.Handles[0].Value, Reference: done.Handles[0].Reference}
}

func (m *machine) recover(t *testing.T, f *tpm.Format, bound attest.Binding) (attest.Claims, error) {
	t.Helper()
	options, err := f.Prompt(attest.Statement{})
	if err != nil {
		t.Fatal(err)
	}
	body, err := m.device.Evidence(statement, options)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := m.device.Signer()
	if err != nil {
		t.Fatal(err)
	}
	holder, err := attest.HolderOfKey(signer.Public().(*ecdsa.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return f.Verify(attest.Input{Body: body, Challenge: []byte(statement), Holder: holder, Bound: bound, Now: time.Now()})
}

func refused(t *testing.T, err error, reason attest.Reason) {
	t.Helper()
	if e, ok := errors.AsType[*attest.Error](err); !ok || e.Reason != reason {
		t.Errorf("error is %v, not a refusal for reason %s", err, reason)
	}
}

func TestOurProgramEnrolsAndRecovers(t *testing.T) {
	m := newMachine(t, newChip(t))
	f := newFormat(t, m.chip.Maker, nil)
	bound := m.mustEnrol(t, f)
	claims, err := m.recover(t, f, bound)
	if err != nil {
		t.Fatal(err)
	}
	if !claims.HolderKey || claims.Counter != 0 || claims.Signals != nil {
		t.Errorf("claims %+v", claims)
	}
	m.reboot(t, "")
	if claims, err = m.recover(t, f, bound); err != nil || !claims.HolderKey || claims.Counter != 1 || claims.Signals != nil {
		t.Errorf("claims %+v, %v", claims, err)
	}
	bound.Counter = 2 // it was seen after another start
	if claims, err = m.recover(t, f, bound); err != nil || !slices.Equal(claims.Signals, []attest.Signal{attest.SignalReset}) {
		t.Errorf("claims %+v, %v", claims, err)
	}
}

func TestApplicationKeySigns(t *testing.T) {
	m := newMachine(t, newChip(t))
	signer, err := m.device.Signer()
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte(statement))
	sig, err := signer.Sign(rand.Reader, digest[:], nil)
	if err == nil && !ecdsa.VerifyASN1(signer.Public().(*ecdsa.PublicKey), digest[:], sig) {
		err = errors.New("signature does not verify")
	}
	if err != nil {
		t.Error(err)
	}
}

// Two chips, and an attestation key that claims to live beside the endorsement key of the other.
func TestKeyOfAnotherChipIsNotActivated(t *testing.T) {
	a, b := newMachine(t, newChip(t)), newMachine(t, newChip(t))
	f := newFormat(t, a.chip.Maker, nil)
	offer := swapCertificate(t, mustOffer(t, b), mustOffer(t, a))
	prompt, err := f.Begin(enrolling(), offer)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []*machine{a, b} { // relayed to either, it stays closed
		if _, err := m.device.Answer(prompt.Options, issuer, account); err == nil {
			t.Error("activated")
		}
	}
	_, err = f.Begin(enrolling(), mustOffer(t, b)) // of a maker that nobody trusts
	refused(t, err, attest.ReasonUntrusted)
}

func mustOffer(t *testing.T, m *machine) []byte {
	t.Helper()
	offer, err := m.device.Offer()
	if err != nil {
		t.Fatal(err)
	}
	return offer
}

// The program quotes no text that could be the statement of somebody's recovery, or an enrolment elsewhere.
func TestProgramQuotesOnlyItsOwnEnrolment(t *testing.T) {
	m := newMachine(t, newChip(t))
	prompt, err := newFormat(t, m.chip.Maker, nil).Begin(enrolling(), mustOffer(t, m))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.device.Answer(prompt.Options, issuer, "mallory@example.com"); err == nil {
		t.Error("quoted for another account")
	}
	if _, err := m.device.Answer(prompt.Options, "https://evil.example", account); err == nil {
		t.Error("quoted for another issuer")
	}
	changed := replaceText(t, prompt.Options, statement)
	if _, err := m.device.Answer(changed, issuer, account); err == nil {
		t.Error("quoted a statement")
	}
}

func TestAChipTakesCommandsOnceItIsStarted(t *testing.T) {
	chip := newChip(t)
	for range 20 {
		if err := chip.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		m := &machine{chip: chip}
		m.open(t, "")
		_ = m.tpm.Close()
	}
}

func TestQuoteOfAnotherChipIsRefused(t *testing.T) {
	a, b := newMachine(t, newChip(t)), newMachine(t, newChip(t))
	f := newFormat(t, a.chip.Maker, nil)
	bound := a.mustEnrol(t, f)
	_, err := b.recover(t, f, bound)
	refused(t, err, attest.ReasonIdentity)
}
