package integration

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	goattest "github.com/google/go-attestation/attest"
	"github.com/google/go-tpm/legacy/tpm2"
	"github.com/google/go-tpm/tpmutil"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/swtpm"
)

// machine is a computer with a TPM, on which a person uses the program.
type machine struct {
	t    *testing.T
	e    *env.Env
	chip *swtpm.TPM
	dir  string // of its device
	log  string // what the firmware measured; "": there is none
}

// chips makes TPMs, each of a maker of its own.
func chips(t *testing.T, n int) (list []*swtpm.TPM) {
	t.Helper()
	demand(t, swtpm.Programs("tpm2_quote"))
	for range n {
		chip, err := swtpm.Make(t.Context())
		fatal(t, err)
		t.Cleanup(chip.Remove)
		list = append(list, chip)
	}
	return list
}

// withTPM starts a gateway that takes the makers of the chips, by the terms and with the other methods that are named.
func withTPM(t *testing.T, trusted []*swtpm.TPM, terms string, methods ...string) *env.Env {
	t.Helper()
	var makers []*x509.Certificate
	for _, chip := range trusted {
		makers = append(makers, chip.Maker...)
	}
	var text []byte
	for _, c := range makers {
		text = append(text, block("CERTIFICATE", c.Raw)...)
	}
	pool := filepath.Join(t.TempDir(), "makers.pem")
	fatal(t, os.WriteFile(pool, text, 0o600))
	method := "method tpm {\n\t\t\ttrust_pool file " + pool + "\n\t\t\t" + terms + "\n\t\t}"
	return own(t, env.Options{IdP: env.Demo, Patient: true, Gateway: append(methods, method)})
}

// alone are terms under which a TPM is enough, at once.
const alone = "risk_analysis RA-DEMO-3\n\t\t\tprobation 0s"

func newMachine(t *testing.T, e *env.Env, chip *swtpm.TPM) *machine {
	return &machine{t: t, e: e, chip: chip, dir: filepath.Join(t.TempDir(), "device")}
}

// regrant runs the program, with a person's answers at hand.
func (m *machine) regrant(in string, args ...string) (out, said string, code int) {
	m.t.Helper()
	cmd := exec.CommandContext(m.t.Context(), filepath.Join(m.e.Bin, "regrant"), append(args, "--ca-file", m.e.CAFile)...)
	cmd.Env = append(os.Environ(), "HOME="+m.e.Dir, "XDG_CONFIG_HOME="+m.e.Dir)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		m.t.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

func (m *machine) enrol(code string) (said string, exit int) {
	m.t.Helper()
	args := []string{"device", "enroll", "--issuer", m.e.Issuer, "--tpm", "--tpm-device", m.chip.Socket, "--dir", m.dir, "--label", "workstation", "--code", code}
	if m.log != "" {
		args = append(args, "--tpm-log", m.log)
	}
	out, said, exit := m.regrant("", args...)
	return out + said, exit
}

func (m *machine) mustEnrol() {
	m.t.Helper()
	if said, exit := m.enrol(activationCode(m.t, m.e)); exit != 0 || !strings.Contains(said, "in the TPM of this machine") {
		m.t.Fatalf("exit %d: %s", exit, said)
	}
}

func (m *machine) recover(in string) (out, said string, exit int) {
	m.t.Helper()
	return m.regrant(in, "device", "recover", "--account", "alice@demo.example", "--tpm", "--dir", m.dir, "--yes", "--print-token", "--action", "sign-in")
}

func (m *machine) mustRecover() {
	m.t.Helper()
	if out, said, exit := m.recover(""); exit != 0 || strings.Count(out, ".") != 2 {
		m.t.Fatalf("exit %d: %s%s", exit, out, said)
	}
}

func (m *machine) mustFail(exit int, says string) {
	m.t.Helper()
	if out, said, got := m.recover(""); got != exit || out != "" || !strings.Contains(said, says) {
		m.t.Errorf("exit %d, want %d and %q: %s%s", got, exit, says, out, said)
	}
}

// reboot switches the machine off and on.
func (m *machine) reboot() {
	m.t.Helper()
	fatal(m.t, m.chip.Restart(m.t.Context()))
}

// boot is reboot with firmware that measures what a log tells.
func (m *machine) boot(log string) {
	m.t.Helper()
	m.reboot()
	data, err := os.ReadFile(log)
	fatal(m.t, err)
	parsed, err := goattest.ParseEventLog(data)
	fatal(m.t, err)
	for _, e := range parsed.Events(goattest.HashSHA256) {
		if e.Type != 3 { // EV_NO_ACTION
			m.extend(e.Index, e.Digest)
		}
	}
}

func (m *machine) extend(pcr int, digest []byte) {
	m.t.Helper()
	chip, err := tpm2.OpenTPM(m.chip.Socket)
	fatal(m.t, err)
	defer chip.Close()
	fatal(m.t, tpm2.PCRExtend(chip, tpmutil.Handle(pcr), tpm2.AlgSHA256, digest, ""))
}

// realLog is the event log of a real machine, from the tests of go-attestation.
func realLog(t *testing.T, name string) string {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/google/go-attestation").Output()
	fatal(t, err)
	return filepath.Join(strings.TrimSpace(string(dir)), "attest", "testdata", name)
}

// bound counts what is bound to alice by a method.
func bound(t *testing.T, e *env.Env, method string) (n int) {
	t.Helper()
	var all []struct {
		Method string `json:"method"`
	}
	fatal(t, e.Operator(t.Context(), &all, "authenticators", "alice-0001"))
	for _, a := range all {
		if a.Method == method {
			n++
		}
	}
	return n
}

var savedCode = regexp.MustCompile(`\b(?:[0-9A-Z]{6}-){6}[0-9A-Z]{6}\b`)

// savedCodes are new recovery codes of alice.
func savedCodes(t *testing.T, e *env.Env) []string {
	t.Helper()
	v := newVisitor(t, e)
	list := v.signs(v.begins(), "alice")
	page, err := v.Submit(t.Context(), list, "/authenticators/recovery-code/begin", nil)
	fatal(t, err)
	sheet, err := v.Submit(t.Context(), page, "/authenticators/recovery-code/finish", nil)
	fatal(t, err)
	codes := savedCode.FindAllString(sheet.Text(), -1)
	if len(codes) != 10 {
		t.Fatalf("%d codes on %s", len(codes), sheet.Text())
	}
	return codes
}

// take puts the files of a device into another folder, and names another TPM in them.
func (m *machine) take(from *machine) {
	m.t.Helper()
	fatal(m.t, os.CopyFS(m.dir, os.DirFS(from.dir)))
	file := filepath.Join(m.dir, "tpm.json")
	text, err := os.ReadFile(file)
	fatal(m.t, err)
	var keys map[string]any
	fatal(m.t, json.Unmarshal(text, &keys))
	keys["device"] = m.chip.Socket
	text, err = json.Marshal(keys)
	fatal(m.t, err)
	fatal(m.t, os.WriteFile(file, text, 0o600))
}
