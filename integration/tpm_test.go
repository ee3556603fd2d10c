package integration

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAMachineRecoversByItsTPMBeforeAndAfterAReboot(t *testing.T) {
	c := chips(t, 1)
	e := withTPM(t, c, alone)
	m := newMachine(t, e, c[0])
	m.mustEnrol()
	m.mustRecover()
	m.reboot()
	m.mustRecover()
	out, err := e.Run(t.Context(), "regrant", "device", "show", "--dir", m.dir)
	fatal(t, err)
	if !strings.Contains(out, "in the TPM of this machine") {
		t.Errorf("shown is %s", out)
	}
	files, err := filepath.Glob(filepath.Join(m.dir, "*"))
	fatal(t, err)
	if len(files) != 2 {
		t.Errorf("the folder holds %q", files)
	}
	if _, said, exit := m.regrant("", "device", "recover", "--account", "alice@demo.example", "--dir", m.dir, "--yes", "--action", "rehearse"); exit != 0 || !strings.Contains(said, "Recovery works") {
		t.Errorf("rehearsal: exit %d: %s", exit, said)
	}
}

// Nobody accepted anything in writing: a TPM and a recovery code are what NIST asks for. What is on probation can be rehearsed with.
func TestATPMCountsBesideARecoveryCode(t *testing.T) {
	c := chips(t, 1)
	e := withTPM(t, c, "", "method recovery_code")
	codes := savedCodes(t, e)
	m := newMachine(t, e, c[0])
	m.mustEnrol()
	rehearse := []string{"device", "recover", "--account", "alice@demo.example", "--tpm", "--dir", m.dir, "--yes", "--action", "rehearse"}
	if _, said, exit := m.regrant(codes[0]+"\n", rehearse...); exit != 0 || !strings.Contains(said, "Recovery works") {
		t.Errorf("exit %d: %s", exit, said)
	}
	other := codes[1][:len(codes[1])-6] + codes[2][len(codes[2])-6:]
	for name, in := range map[string]string{"no code": "", "a wrong code": other + "\n"} {
		if _, said, exit := m.regrant(in, rehearse...); exit == 0 {
			t.Errorf("%s: %s", name, said)
		}
	}
	m.mustFail(1, "") // on probation
}

func TestNoOtherTPMStandsInForTheEnrolledOne(t *testing.T) {
	c := chips(t, 3)
	e := withTPM(t, c[:2], alone)
	first, thief, strange := newMachine(t, e, c[0]), newMachine(t, e, c[1]), newMachine(t, e, c[2])
	first.mustEnrol()

	thief.take(first) // who has the disk has no more than the disk
	thief.mustFail(2, "does not take the keys of this device")

	code := activationCode(t, e)
	if said, exit := strange.enrol(code); exit != 1 || !strings.Contains(said, "The TPM was not accepted") {
		t.Errorf("a TPM of a maker that nobody trusts: exit %d: %s", exit, said)
	}
	if files, _ := os.ReadDir(strange.dir); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
	if n := bound(t, e, "tpm"); n != 1 {
		t.Errorf("%d are bound", n)
	}
	thief.dir += "-2"
	if said, exit := thief.enrol(code); exit != 0 {
		t.Errorf("the code is gone: exit %d: %s", exit, said)
	}
}

// Whoever copied the state of a TPM, or borrows the machine, makes a second device of the one chip.
func TestOneTPMIsOneDevice(t *testing.T) {
	c := chips(t, 1)
	e := withTPM(t, c, alone)
	first, second := newMachine(t, e, c[0]), newMachine(t, e, c[0])
	first.mustEnrol()
	if said, exit := second.enrol(activationCode(t, e)); exit != 1 || !strings.Contains(said, "enrolled already") {
		t.Errorf("exit %d: %s", exit, said)
	}
	if n := bound(t, e, "tpm"); n != 1 {
		t.Errorf("%d are bound", n)
	}
	first.mustRecover()
}

func TestAMachineWhoseFirmwareChangedDoesNotRecover(t *testing.T) {
	c := chips(t, 1)
	e := withTPM(t, c, alone+"\n\t\t\treference 7 "+strings.Repeat("00", 32))
	m := newMachine(t, e, c[0])
	m.mustEnrol()
	m.mustRecover()
	m.extend(7, bytes.Repeat([]byte{1}, 32))
	m.mustFail(1, "")
	m.reboot()
	m.mustRecover()
}

func TestSecureBootIsDemandedThroughTheWholeHouse(t *testing.T) {
	on, off := realLog(t, "sb_cert_eventlog"), realLog(t, "ubuntu_2104_shielded_vm_no_secure_boot_eventlog")
	c := chips(t, 1)
	e := withTPM(t, c, alone+"\n\t\t\tsecure_boot")
	m := newMachine(t, e, c[0])
	m.log = filepath.Join(t.TempDir(), "none")
	if said, exit := m.enrol(activationCode(t, e)); exit != 2 || !strings.Contains(said, "--tpm-log") {
		t.Errorf("without a log: exit %d: %s", exit, said)
	}
	m.log = on
	m.boot(on)
	m.mustEnrol()
	m.mustRecover()
	m.boot(off) // and the log of the other firmware
	m.mustFail(1, "")
	m.reboot() // nothing of the log was measured
	m.mustFail(1, "")
	m.boot(on)
	m.mustRecover()
}

// A log that fits into no other body: that of a real machine, which went on to measure what it runs.
func TestALongEventLogArrives(t *testing.T) {
	c := chips(t, 1)
	e := withTPM(t, c, alone+"\n\t\t\tsecure_boot")
	m := newMachine(t, e, c[0])
	m.log = filepath.Join(t.TempDir(), "log")
	long := lengthened(t, realLog(t, "sb_cert_eventlog"), 100<<10)
	fatal(t, os.WriteFile(m.log, long, 0o600))
	m.boot(m.log)
	m.mustEnrol()
	m.mustRecover()
}

// lengthened is a log with more events in PCR 11, each with its SHA-1, SHA-256 and SHA-384.
func lengthened(t *testing.T, file string, size int) []byte {
	t.Helper()
	log, err := os.ReadFile(file)
	fatal(t, err)
	for i := byte(0); len(log) < size; i++ {
		data := bytes.Repeat([]byte{i}, 1024)
		log = binary.LittleEndian.AppendUint32(log, 11)
		log = binary.LittleEndian.AppendUint32(log, 13) // EV_IPL
		log = binary.LittleEndian.AppendUint32(log, 3)
		one, two, three := sha1.Sum(data), sha256.Sum256(data), sha512.Sum384(data)
		log = append(binary.LittleEndian.AppendUint16(log, 0x4), one[:]...)
		log = append(binary.LittleEndian.AppendUint16(log, 0xb), two[:]...)
		log = append(binary.LittleEndian.AppendUint16(log, 0xc), three[:]...)
		log = append(binary.LittleEndian.AppendUint32(log, uint32(len(data))), data...)
	}
	return log
}
