package tpm_test

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"testing"

	goattest "github.com/google/go-attestation/attest"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/tpm"
	"github.com/regrant/regrant/attest/tpm/tpmtest"
)

// A log that replays may still tell stories: types of events are not measured, and some data is not either.
func TestSecureBootIsToldOnlyWhereTheLogShowsIt(t *testing.T) {
	variable, separator := tpmtest.Variable("SecureBoot", []byte{0}), make([]byte, 4)
	foreign := tpmtest.VariableOf(bytes.Repeat([]byte{9}, 16), "SecureBoot", []byte{0})
	type step struct {
		kind int
		data []byte
	}
	for name, tt := range map[string]struct {
		want  string
		steps []step
	}{
		"off":                    {"off", []step{{tpmtest.DriverConfig, variable}, {tpmtest.Separator, separator}}},
		"nothing":                {"unknown", nil},
		"no separator":           {"unknown", []step{{tpmtest.DriverConfig, variable}}},
		"no variable":            {"unknown", []step{{tpmtest.Separator, separator}}},
		"after the separator":    {"unknown", []step{{tpmtest.Separator, separator}, {tpmtest.DriverConfig, variable}}},
		"twice":                  {"unknown", []step{{tpmtest.DriverConfig, variable}, {tpmtest.DriverConfig, variable}, {tpmtest.Separator, separator}}},
		"of another vendor":      {"unknown", []step{{tpmtest.DriverConfig, foreign}, {tpmtest.Separator, separator}}},
		"of another value":       {"unknown", []step{{tpmtest.DriverConfig, tpmtest.Variable("SecureBoot", []byte{2})}, {tpmtest.Separator, separator}}},
		"of no value":            {"unknown", []step{{tpmtest.DriverConfig, tpmtest.Variable("SecureBoot", nil)}, {tpmtest.Separator, separator}}},
		"under another type":     {"unknown", []step{{tpmtest.IPL, variable}, {tpmtest.Separator, separator}}},
		"on, and no keys":        {"unknown", []step{{tpmtest.DriverConfig, tpmtest.Variable("SecureBoot", []byte{1})}, {tpmtest.Separator, separator}}},
		"separator of an error":  {"unknown", []step{{tpmtest.DriverConfig, variable}, {tpmtest.Separator, []byte{1, 0, 0, 0}}}},
		"debugger":               {"unknown", []step{{tpmtest.DriverConfig, variable}, {5, []byte("UEFI Debug Mode")}, {tpmtest.Separator, separator}}},
		"event of an odd type":   {"unknown", []step{{tpmtest.DriverConfig, variable}, {0x7fffffff, nil}, {tpmtest.Separator, separator}}},
		"variable of no letters": {"unknown", []step{{tpmtest.DriverConfig, variable}, {tpmtest.DriverConfig, []byte("x")}, {tpmtest.Separator, separator}}},
	} {
		t.Run(name, func(t *testing.T) {
			l := tpmtest.NewLog()
			l.PCRs[7] = make([]byte, 32)
			for _, s := range tt.steps {
				l.Add(7, s.kind, s.data)
			}
			if got, err := verify(l); err != nil || boot(got.SecureBoot) != tt.want {
				t.Errorf("Secure Boot %s, %v", boot(got.SecureBoot), err)
			}
		})
	}
}

// The digest was measured, the data beside it may be anything. Where one is the hash of the other, it is compared.
func TestLogThatSaysOtherwiseThanWasMeasuredIsRefused(t *testing.T) {
	measured := sha256.Sum256(tpmtest.Variable("SecureBoot", []byte{0}))
	for name, kind := range map[string]int{"variable": tpmtest.DriverConfig, "separator": tpmtest.Separator, "action": 0x80000007, "partitions": 0x80000006} {
		t.Run(name, func(t *testing.T) {
			l := tpmtest.NewLog()
			l.AddDigest(7, kind, tpmtest.Variable("SecureBoot", []byte{1}), measured[:])
			_, err := verify(l)
			refused(t, err, attest.ReasonIntegrity)
		})
	}
	l := tpmtest.NewLog()
	l.AddDigest(7, tpmtest.IPL, tpmtest.Variable("SecureBoot", []byte{1}), measured[:])
	l.Add(7, tpmtest.Separator, make([]byte, 4))
	if got, err := verify(l); err != nil || got.SecureBoot != nil {
		t.Errorf("Secure Boot %s, %v", boot(got.SecureBoot), err)
	}
}

// What the log of a machine with Secure Boot says, event for event, is needed for it to count as on.
func TestEveryMeasurementOfARealLogCounts(t *testing.T) {
	log := publicLog(t, "sb_cert_eventlog")
	parsed, err := goattest.ParseEventLog(log)
	if err != nil {
		t.Fatal(err)
	}
	events := parsed.Events(goattest.HashSHA256)
	without := func(skip int) (tpm.Explained, error) {
		l := tpmtest.NewLog()
		for i, e := range events {
			if i != skip && e.Index == 7 {
				l.AddDigest(7, int(e.Type), e.Data, e.Digest)
			}
		}
		return verify(l)
	}
	if got, err := without(-1); err != nil || boot(got.SecureBoot) != "on" {
		t.Fatalf("Secure Boot %s, %v", boot(got.SecureBoot), err)
	}
	needed := 0
	for i, e := range events {
		if e.Index != 7 {
			continue
		}
		got, err := without(i)
		if err != nil {
			t.Fatal(err)
		}
		if boot(got.SecureBoot) != "on" {
			needed++
		}
		if boot(got.SecureBoot) == "off" {
			t.Errorf("event %d left out, and Secure Boot is off", i)
		}
	}
	if needed < 5 { // the variable, three data bases and the separator
		t.Errorf("%d events can be left out", len(events)-needed)
	}
}

func TestSecureBootIsDemanded(t *testing.T) {
	log := publicLog(t, "sb_cert_eventlog")
	pcrs := simulate(t, log, tpm.DefaultBank, crypto.SHA256, goattest.HashSHA256)
	on, off := true, false
	s := newScene(t)
	s.demand.PCRs, s.demand.SecureBoot = []int{0, 7}, &on
	quoted := tpm.Registers{0: pcrs[0], 7: pcrs[7]}
	s.sign(s.ak.Quote(challenge, quoted, nil))
	s.quote.PCRs, s.quote.EventLog = quoted.Format(), log
	s.mustVerify(t)

	c := *s
	c.demand.SecureBoot = &off
	c.mustRefuse(t, attest.ReasonIntegrity)
	c.demand.SecureBoot, c.quote.EventLog = &on, nil
	c.mustRefuse(t, attest.ReasonIntegrity)

	without := *s
	without.demand.PCRs = []int{0}
	without.sign(s.ak.Quote(challenge, tpm.Registers{0: pcrs[0]}, nil))
	without.quote.PCRs = tpm.Registers{0: pcrs[0]}.Format()
	without.mustRefuse(t, attest.ReasonIntegrity)
}
