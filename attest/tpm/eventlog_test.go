package tpm_test

import (
	"bytes"
	"crypto"
	"encoding/binary"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	goattest "github.com/google/go-attestation/attest"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/tpm"
	"github.com/regrant/regrant/attest/tpm/tpmtest"
)

func bank(t testing.TB, name string) tpm.Bank {
	t.Helper()
	b, err := tpm.ParseBank(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// publicLog is a log of a real machine, from the tests of go-attestation.
func publicLog(t testing.TB, name string) []byte {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/google/go-attestation").Output()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "attest", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// simulate extends PCRs with every event of a log, as firmware would have.
func simulate(t testing.TB, log []byte, b tpm.Bank, h crypto.Hash, algorithm goattest.HashAlg) tpm.Registers {
	t.Helper()
	parsed, err := goattest.ParseEventLog(log)
	if err != nil {
		t.Fatal(err)
	}
	pcrs := make(tpm.Registers)
	for _, e := range parsed.Events(algorithm) {
		if e.Type == tpmtest.NoAction {
			continue
		}
		if pcrs[e.Index] == nil {
			pcrs[e.Index] = make([]byte, h.Size())
		}
		sum := h.New()
		sum.Write(pcrs[e.Index])
		sum.Write(e.Digest)
		pcrs[e.Index] = sum.Sum(nil)
	}
	return pcrs
}

func TestLogsOfRealMachinesReplay(t *testing.T) {
	sha256 := bank(t, "sha256")
	for name, want := range map[string]struct {
		events int
		secure string
	}{
		"coreos_36_shielded_vm_no_secure_boot_eventlog":   {75, "off"},
		"ubuntu_2104_shielded_vm_no_secure_boot_eventlog": {105, "off"},
		"sb_cert_eventlog":      {14, "on"},
		"crypto_agile_eventlog": {26, "unknown"}, // the variable was never set
	} {
		t.Run(name, func(t *testing.T) {
			log := publicLog(t, name)
			pcrs := simulate(t, log, sha256, crypto.SHA256, goattest.HashSHA256)
			got, err := tpm.VerifyLog(log, map[tpm.Bank]tpm.Registers{sha256: pcrs})
			if err != nil || got.Events != want.events || boot(got.SecureBoot) != want.secure {
				t.Errorf("%d events, Secure Boot %s, %v", got.Events, boot(got.SecureBoot), err)
			}
			for i := range pcrs {
				pcrs[i][0] ^= 1
				_, err := tpm.VerifyLog(log, map[tpm.Bank]tpm.Registers{sha256: pcrs})
				refused(t, err, attest.ReasonIntegrity)
				pcrs[i][0] ^= 1
			}
		})
	}
}

func TestEveryBankOfALogReplays(t *testing.T) {
	log := publicLog(t, "sb_cert_eventlog")
	values := make(map[tpm.Bank]tpm.Registers)
	for name, of := range map[string]struct {
		hash      crypto.Hash
		algorithm goattest.HashAlg
	}{"sha1": {crypto.SHA1, goattest.HashSHA1}, "sha256": {crypto.SHA256, goattest.HashSHA256}, "sha384": {crypto.SHA384, goattest.HashSHA384}} {
		b := bank(t, name)
		values[b] = simulate(t, log, b, of.hash, of.algorithm)
		if got, err := tpm.VerifyLog(log, map[tpm.Bank]tpm.Registers{b: values[b]}); err != nil || boot(got.SecureBoot) != "on" {
			t.Errorf("%s: Secure Boot %s, %v", b, boot(got.SecureBoot), err)
		}
	}
	if _, err := tpm.VerifyLog(log, values); err != nil {
		t.Fatal(err)
	}
	for b := range values { // the library is content with one bank that is right
		values[b][7][0] ^= 1
		_, err := tpm.VerifyLog(log, values)
		refused(t, err, attest.ReasonIntegrity)
		values[b][7][0] ^= 1
	}
	_, err := tpm.VerifyLog(log, map[tpm.Bank]tpm.Registers{bank(t, "sha512"): {7: make([]byte, 64)}})
	refused(t, err, attest.ReasonIntegrity)
}

func TestLogOfTPM12Replays(t *testing.T) {
	var recorded struct {
		Log struct {
			PCRs []goattest.PCR
			Raw  []byte
		}
	}
	if err := json.Unmarshal(publicLog(t, "windows_gcp_shielded_vm.json"), &recorded); err != nil {
		t.Fatal(err)
	}
	pcrs := make(tpm.Registers)
	for _, p := range recorded.Log.PCRs {
		pcrs[p.Index] = p.Digest
	}
	sha1 := map[tpm.Bank]tpm.Registers{bank(t, "sha1"): pcrs}
	got, err := tpm.VerifyLog(recorded.Log.Raw, sha1)
	if err != nil || got.Events != 21 || boot(got.SecureBoot) != "on" || len(pcrs) != 24 {
		t.Fatalf("%+v, Secure Boot %s, %v", got, boot(got.SecureBoot), err)
	}
	pcrs[9] = bytes.Repeat([]byte{9}, 20) // the log has nothing about it
	_, err = tpm.VerifyLog(recorded.Log.Raw, sha1)
	refused(t, err, attest.ReasonIntegrity)
}

// The library adds events that it believes the firmware forgot. Then the log does not lead to the value.
func TestLogWithMissingEventsDoesNotReplay(t *testing.T) {
	value, err := bank(t, "sha1").ParseRegister("31245808d6d35849bc394f6343f2b3ff908ed5e3")
	if err != nil {
		t.Fatal(err)
	}
	_, err = tpm.VerifyLog(publicLog(t, "ebs_event_missing_eventlog"), map[tpm.Bank]tpm.Registers{bank(t, "sha1"): {5: value}})
	refused(t, err, attest.ReasonIntegrity)
}

func boot(on *bool) string {
	switch {
	case on == nil:
		return "unknown"
	case *on:
		return "on"
	}
	return "off"
}

func verify(l *tpmtest.Log) (tpm.Explained, error) {
	return tpm.VerifyLog(l.Bytes, map[tpm.Bank]tpm.Registers{tpm.DefaultBank: l.PCRs})
}

func TestPCRZeroBeginsWithTheLocalityOfTheStart(t *testing.T) {
	start := func(data string, before bool) *tpmtest.Log {
		l := tpmtest.NewLog()
		if before {
			l.Add(0, tpmtest.NoAction, []byte(data))
		}
		l.PCRs[0] = append(make([]byte, 31), 3)
		l.Add(0, tpmtest.CRTMVersion, []byte("1.0"))
		if !before {
			l.Add(0, tpmtest.NoAction, []byte(data))
		}
		return l
	}
	if _, err := verify(start("StartupLocality\x00\x03", true)); err != nil {
		t.Error(err)
	}
	for name, l := range map[string]*tpmtest.Log{
		"another locality": start("StartupLocality\x00\x00", true), "too late": start("StartupLocality\x00\x03", false),
		"longer": start("StartupLocality\x00\x03\x03", true), "no end": start("StartupLocality\x03", true),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := verify(l)
			refused(t, err, attest.ReasonIntegrity)
		})
	}
}

func TestEventsOfOtherPCRsDoNotCount(t *testing.T) {
	l := tpmtest.Boot()
	got, err := tpm.VerifyLog(l.Bytes, map[tpm.Bank]tpm.Registers{tpm.DefaultBank: {8: l.PCRs[8]}})
	if err != nil || got.Events != 1 || got.SecureBoot != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestLogIsReplayedToSomething(t *testing.T) {
	for _, values := range []map[tpm.Bank]tpm.Registers{nil, {tpm.DefaultBank: nil}} {
		_, err := tpm.VerifyLog(tpmtest.Boot().Bytes, values)
		refused(t, err, attest.ReasonMalformed)
	}
}

func TestLogThatIsNotOneIsRefused(t *testing.T) {
	good := tpmtest.Boot()
	header := func(mutate func(h []byte)) []byte {
		b := bytes.Clone(good.Bytes)
		mutate(b[32:])
		return b
	}
	for name, log := range map[string][]byte{
		"empty": {}, "trailing byte": append(bytes.Clone(good.Bytes), 0), "too large": make([]byte, 2<<20),
		"zeros behind it":              append(bytes.Clone(good.Bytes), make([]byte, 64)...),
		"another signature":            header(func(h []byte) { h[14] = '9' }),
		"another version":              header(func(h []byte) { h[21] = 3 }),
		"no hash":                      header(func(h []byte) { h[24] = 0 }),
		"too many hashes":              header(func(h []byte) { binary.LittleEndian.PutUint32(h[24:], 1<<31) }),
		"short hash":                   header(func(h []byte) { h[30] = 20 }),
		"unknown hash":                 header(func(h []byte) { h[28] = 0x12 }),
		"hash with its high octet set": header(func(h []byte) { h[29] = 1 }),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tpm.VerifyLog(log, map[tpm.Bank]tpm.Registers{tpm.DefaultBank: good.PCRs})
			refused(t, err, attest.ReasonMalformed)
		})
	}
	for i := range good.Bytes { // cut between two events, it is a log of less
		_, err := tpm.VerifyLog(good.Bytes[:i], map[tpm.Bank]tpm.Registers{tpm.DefaultBank: good.PCRs})
		anyRefusal(t, err)
	}
	far := tpmtest.Boot()
	far.Add(24, tpmtest.IPL, nil)
	_, err := tpm.VerifyLog(far.Bytes, map[tpm.Bank]tpm.Registers{tpm.DefaultBank: good.PCRs})
	refused(t, err, attest.ReasonMalformed)
	far = tpmtest.Boot()
	far.Add(1<<32-1, tpmtest.NoAction, nil)
	if _, err := tpm.VerifyLog(far.Bytes, map[tpm.Bank]tpm.Registers{tpm.DefaultBank: good.PCRs}); err != nil {
		t.Error(err)
	}
}

// A log may name thousands of hashes, and then be searched for each of thousands of digests.
func TestLogThatNamesAHashTwiceIsRefused(t *testing.T) {
	l := tpmtest.Boot().Bytes
	twice := append(bytes.Clone(l[:64]), 0x0b, 0, 32, 0)
	twice = append(twice, l[64:]...)
	binary.LittleEndian.PutUint32(twice[28:], binary.LittleEndian.Uint32(l[28:])+4)
	twice[56] = 2
	_, err := tpm.VerifyLog(twice, map[tpm.Bank]tpm.Registers{tpm.DefaultBank: tpmtest.Boot().PCRs})
	refused(t, err, attest.ReasonMalformed)
}

func TestQuotedPCRsAreExplainedByTheLogThatCameAlong(t *testing.T) {
	s := newScene(t)
	s.quote.EventLog = s.log.Bytes
	s.mustVerify(t)
	other := tpmtest.Boot()
	other.Add(7, tpmtest.Separator, make([]byte, 4))
	s.quote.EventLog = other.Bytes
	s.mustRefuse(t, attest.ReasonIntegrity)
	s.quote.EventLog = []byte{}
	s.mustRefuse(t, attest.ReasonMalformed)
	only := tpmtest.NewLog() // nothing about PCR 0
	only.Add(7, tpmtest.DriverConfig, tpmtest.Variable("SecureBoot", []byte{0}))
	only.Add(7, tpmtest.Separator, make([]byte, 4))
	s.quote.EventLog = only.Bytes
	if got := s.mustVerify(t); boot(got.SecureBoot) != "off" {
		t.Errorf("Secure Boot %s", boot(got.SecureBoot))
	}
	old := newScene(t)
	old.quote.EventLog = publicLog(t, "option_rom_eventlog") // SHA-1 alone
	old.mustRefuse(t, attest.ReasonIntegrity)
}
