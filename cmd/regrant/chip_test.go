package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWithoutATPMNothingIsAskedAndNothingIsLeft(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ path, says string }{
		"no TPM":         {filepath.Join(t.TempDir(), "tpmrm0"), "this machine shows no TPM: "},
		"something else": {file, "opening the TPM: "},
	} {
		p := newProgram(t)
		p.enroll("--tpm", "--tpm-device", c.path).want(t, exitUsage, c.says)
		if _, err := os.Stat(p.dir()); err == nil || p.routes() != "" {
			t.Errorf("%s: a folder was made, or the gateway was asked: %q", name, p.routes())
		}
	}
}

func TestOptionsOfATPMGoWithOne(t *testing.T) {
	for _, args := range [][]string{
		{"--tpm-device", "/dev/tpmrm0"}, {"--tpm-log", "log"}, {"--tpm", "--certificate", "device.pem", "--key", "device.key"},
	} {
		p := newProgram(t)
		if r := p.enroll(args...); r.code != exitUsage || !strings.Contains(r.err, "tpm") || p.routes() != "" {
			t.Errorf("%v: %+v, asked %q", args, r, p.routes())
		}
	}
}

func TestADeviceWithAKeyInAFileIsNoTPM(t *testing.T) {
	p := enrolled(t)
	p.recover("--tpm", "--yes").want(t, exitUsage, "is in a file, not in a TPM")
	p.enroll("--tpm").want(t, exitUsage, "there is a device key in ")
	if p.routes() != "" {
		t.Errorf("the gateway was asked: %s", p.routes())
	}
}

func TestADescriptionOfATPMsKeysThatCannotBeReadIsNotUsed(t *testing.T) {
	for name, text := range map[string]string{
		"not JSON": "x", "an unknown member": `{"keys":{},"public_key":"","secret":"x"}`, "no key": `{"keys":{},"public_key":""}`, "not a key": `{"keys":{},"public_key":"AAAA"}`,
	} {
		p := enrolled(t)
		if err := os.WriteFile(filepath.Join(p.dir(), chipFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := p.recover("--yes"); r.code != exitUsage || !strings.Contains(r.err, "reading the device in ") || p.routes() != "" {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
