package caddymodule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regrant/regrant/internal/trial"
	"github.com/regrant/regrant/internal/trial/person"
)

func TestATrialTakesTheFewestMethodsThatAreEnoughInSoftware(t *testing.T) {
	const device = `{"method":"device_certificate","risk_analysis":"RA-2026-014"}`
	for name, c := range map[string]struct{ methods, want, programs string }{
		"a passkey":                          {`{"method":"passkey"},{"method":"recovery_code"},{"method":"recovery_key"}`, "[passkey]", "[passkey recovery-code]"},
		"nothing but a passkey":              {`{"method":"passkey"}`, "[passkey]", "[]"},
		"a device, at the operator's risk":   {device, "[device-certificate]", "[device-certificate]"},
		"a code and a device":                {`{"method":"recovery_code"},{"method":"device_certificate"}`, "[device-certificate recovery-code]", "[device-certificate recovery-code]"},
		"a code and a key":                   {`{"method":"recovery_code"},{"method":"ssh_key"}`, "[recovery-code ssh-key]", "[recovery-code ssh-key]"},
		"a passkey that must be attested":    {`{"method":"passkey","attestation":"verified"},{"method":"recovery_code"},{"method":"recovery_key"}`, "[recovery-code recovery-key]", "[recovery-code recovery-key]"},
		"nothing but such passkeys":          {`{"method":"passkey","attestation":"verified"}`, "[]", "[]"},
		"SSH keys on security keys":          {`{"method":"recovery_code"},{"method":"ssh_key","user_verification":true}`, "[]", "[]"},
		"those, and a key in a file as well": {`{"method":"recovery_code"},{"method":"ssh_key","user_verification":true},{"method":"recovery_key"}`, "[recovery-code recovery-key]", "[recovery-code recovery-key]"},
	} {
		t.Run(name, func(t *testing.T) {
			privateData(t)
			var config map[string]json.RawMessage
			if err := json.Unmarshal(goodJSON(t), &config); err != nil {
				t.Fatal(err)
			}
			config["methods"] = json.RawMessage("[" + c.methods + "]")
			raw, err := json.Marshal(config)
			if err != nil {
				t.Fatal(err)
			}
			app, _, err := load(t, raw)
			if err != nil {
				t.Fatal(err)
			}
			r := mustOpen(t, app).realms[0]
			if fmt.Sprint(r.trialMethods) != c.want || fmt.Sprint(r.trialProgram) != c.programs {
				t.Errorf("%v, want %s; of a program %v, want %s", r.trialMethods, c.want, r.trialProgram, c.programs)
			}
		})
	}
}

func TestATrialIsMadeInSomebodysNameAndWhereAccountsCanBe(t *testing.T) {
	api := openAdmin(t)
	for name, c := range map[string]struct {
		path, body string
		status     int
		says       string
	}{
		"nobody's name":          {"/regrant/trials", `{}`, http.StatusBadRequest, "as is missing"},
		"an account of a choice": {"/regrant/trials", `{"as":"Olga","account":"alice"}`, http.StatusBadRequest, "account"},
		"no accounts made there": {"/regrant/trials", `{"as":"Olga"}`, http.StatusNotImplemented, "rehearse"},
		"no such trial to see":   {"/regrant/trials/x/observe", `{}`, http.StatusNotFound, "over"},
		"no such trial to keep":  {"/regrant/trials/x/keep", `{}`, http.StatusNotFound, "over"},
		"no such trial to end":   {"/regrant/trials/x/end", `{}`, http.StatusNotFound, "over"},
	} {
		if status, answer := ask(t, api, http.MethodPost, c.path, c.body); status != c.status || !strings.Contains(answer, c.says) {
			t.Errorf("%s: status %d: %s", name, status, answer)
		}
	}
}

func TestATryThatCouldNotBeginIsNotGreen(t *testing.T) {
	api := openAdmin(t)
	out, err := command(t, api, "try", "--as", "Olga")
	if err == nil || !strings.Contains(out, "? account: ") || !strings.Contains(out, "rehearse") || strings.Contains(out, "Everything held") {
		t.Errorf("%v\n%s", err, out)
	}
	empty := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"try"},
		{"try", "--as", "Olga", "--ca-file", empty},
		{"try", "--as", "Olga", "--ca-file", empty + "x"},
		{"try", "--as", "Olga", "alice"}, // no account is anybody's to choose
	} {
		if out, err := command(t, api, args...); err == nil {
			t.Errorf("%q succeeded:\n%s", args, out)
		}
	}
}

func TestTheWorstStepIsTheExitStatus(t *testing.T) {
	for want, outcomes := range map[int][][]person.Outcome{
		0:           {{person.Held}, {person.Held, person.Skipped, person.Held}},
		exitNotHeld: {{person.Held, person.Failed}, {person.Failed, person.Held}, {person.Untold, person.Failed}, {person.Failed, person.Untold}},
		exitUntold:  {{person.Untold}, {person.Untold, person.Held}},
	} {
		for _, o := range outcomes {
			var out bytes.Buffer
			r := &tryReport{out: &out, asJSON: true}
			for _, one := range o {
				r.tell(person.Step{Name: "x", Outcome: one, Seen: "seen"})
			}
			status, err := r.end()
			var said tryResult
			if json.Unmarshal(out.Bytes(), &said) != nil || status != want || (err == nil) != (want == 0) || said.Green != (want == 0) || len(said.Steps) != len(o) {
				t.Errorf("%v: status %d, %v: %s", o, status, err, out.String())
			}
		}
	}
}

func TestWhatWasSkippedIsSaidAtTheEnd(t *testing.T) {
	for _, c := range []struct {
		steps       []person.Step
		named, line string
	}{
		{[]person.Step{{Name: "a", Outcome: person.Held}}, `"skipped":[]`, "Everything held."},
		{
			[]person.Step{{Name: "a", Outcome: person.Skipped}, {Name: "b", Outcome: person.Held}, {Name: "c", Outcome: person.Skipped}},
			`"skipped":["a","c"]`, "Everything held but what was skipped: a, c.",
		},
	} {
		var out, table bytes.Buffer
		for _, r := range []*tryReport{{out: &out, asJSON: true}, {out: &table}} {
			for _, s := range c.steps {
				r.tell(s)
			}
			if status, err := r.end(); status != 0 || err != nil {
				t.Errorf("status %d, %v", status, err)
			}
		}
		var text bytes.Buffer
		if err := json.Compact(&text, out.Bytes()); err != nil || !strings.Contains(text.String(), c.named) {
			t.Errorf("%s, error %v", text.String(), err)
		}
		if !strings.HasSuffix(table.String(), "\n"+c.line+"\n") {
			t.Errorf("%q", table.String())
		}
	}
}

func TestWhatIsLeftOfATrialIsSaid(t *testing.T) {
	for want, left := range map[person.Outcome][]trial.Ended{
		person.Held:   {{}},
		person.Failed: {{Account: true}, {Authenticators: 1}, {Trust: true}},
	} {
		for _, l := range left {
			if step := deleted(l, nil); step.Outcome != want {
				t.Errorf("%+v: %+v", l, step)
			}
		}
	}
	if step := deleted(trial.Ended{}, errors.New("away")); step.Outcome != person.Untold || step.Mend == "" {
		t.Errorf("%+v", step)
	}
}

// Pages that were shown in a step were written by others.
func TestStepsCannotSteerATerminal(t *testing.T) {
	var out bytes.Buffer
	(&tryReport{out: &out}).tell(person.Step{Name: "x", Outcome: person.Failed, Seen: "a\x1b[2Jb\n✓ forged: all is well"})
	if strings.Contains(out.String(), "\x1b") || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("%q", out.String())
	}
}
