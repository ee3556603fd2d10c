package swtpm_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	goattest "github.com/google/go-attestation/attest"
	"github.com/google/go-tpm/legacy/tpm2"
	"github.com/google/go-tpm/tpmutil"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/tpm"
)

// publicLog names the log of a real machine, from the tests of go-attestation.
func publicLog(t *testing.T, name string) string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/google/go-attestation").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(dir)), "attest", "testdata", name)
}

// boot has the chip measure what a log tells, as the machine that it is from did.
func (m *machine) boot(t *testing.T, log string) {
	t.Helper()
	m.reboot(t, log)
	file, err := m.device.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	m.close()
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := goattest.ParseEventLog(data)
	if err != nil {
		t.Fatal(err)
	}
	chip, err := tpm2.OpenTPM(m.chip.Socket)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range parsed.Events(goattest.HashSHA256) {
		if e.Type == 3 { // EV_NO_ACTION
			continue
		}
		if err := tpm2.PCRExtend(chip, tpmutil.Handle(e.Index), tpm2.AlgSHA256, e.Digest, ""); err != nil {
			t.Fatal(err)
		}
	}
	_ = chip.Close()
	m.open(t, log)
	if m.device, err = m.tpm.LoadDevice(file); err != nil {
		t.Fatal(err)
	}
}

// A chip that measured what real firmware does, with Secure Boot and without.
func TestSecureBootIsDemandedOfTheMachine(t *testing.T) {
	on, off := publicLog(t, "sb_cert_eventlog"), publicLog(t, "ubuntu_2104_shielded_vm_no_secure_boot_eventlog")
	m := newMachine(t, newChip(t))
	f := newFormat(t, m.chip.Maker, func(c *tpm.Config) { c.SecureBoot = true })
	m.boot(t, on)
	bound := m.mustEnrol(t, f)
	if _, err := m.recover(t, f, bound); err != nil {
		t.Fatal(err)
	}
	m.boot(t, off)
	_, err := m.recover(t, f, bound)
	refused(t, err, attest.ReasonIntegrity)
	m.reboot(t, on) // the right log, and nothing of it was measured
	_, err = m.recover(t, f, bound)
	refused(t, err, attest.ReasonIntegrity)
}

// swapCertificate puts the certificates of one offer into another.
func swapCertificate(t *testing.T, into, from []byte) []byte {
	t.Helper()
	var a, b map[string]json.RawMessage
	for text, o := range map[string]*map[string]json.RawMessage{string(into): &a, string(from): &b} {
		if err := json.Unmarshal([]byte(text), o); err != nil {
			t.Fatal(err)
		}
	}
	a["ek_certificates"] = b["ek_certificates"]
	return encode(t, a)
}

func replaceText(t *testing.T, options []byte, text string) []byte {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal(options, &o); err != nil {
		t.Fatal(err)
	}
	o["text"] = text
	return encode(t, o)
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
