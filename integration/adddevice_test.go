package integration

import (
	"errors"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/env"
)

var (
	codeShown        = regexp.MustCompile(`(?:[0-9A-Z]{4}-){7}[0-9A-Z]{4}`)
	fingerprintShown = regexp.MustCompile(`\b(?:[0-9A-Z]{4}-){5}[0-9A-Z]{4}\b`)
)

// code makes an activation code as a person does, and returns it with the page that leads on.
func (v *visitor) code() (string, *browser.Page) {
	v.t.Helper()
	page, err := v.Submit(v.t.Context(), v.authenticators(), "/device-certificate/begin", nil)
	fatal(v.t, err)
	code := codeShown.FindString(page.Text())
	if page.Status != http.StatusOK || code == "" || !strings.Contains(page.Text(), "regrant device enroll --issuer "+v.e.Issuer) {
		v.t.Fatalf("no code: %d %s", page.Status, page.Text())
	}
	return code, page
}

// enrols runs the command on a device. shown is the fingerprint that it prints.
func (v *visitor) enrols(code, dir string) (shown string) {
	v.t.Helper()
	out, err := v.e.Run(v.t.Context(), "regrant", "device", "enroll", "--issuer", v.e.Issuer, "--code", code, "--dir", dir, "--label", "phone", "--ca-file", v.e.CAFile)
	fatal(v.t, err)
	if shown = fingerprintShown.FindString(out); shown == "" || !strings.Contains(out, "counts for nothing yet") {
		v.t.Fatalf("the program prints no fingerprint: %s", out)
	}
	return shown
}

// says answers the question whether the device is the visitor's.
func (v *visitor) says(asked *browser.Page, answer string) *browser.Page {
	v.t.Helper()
	for _, f := range asked.Forms {
		if f.Values.Get("answer") != answer {
			continue
		}
		fields := map[string]string{}
		for name := range f.Values {
			fields[name] = f.Values.Get(name)
		}
		page, err := v.Post(v.t.Context(), asked.URL.String(), v.e.Origin+f.Action, fields)
		fatal(v.t, err)
		return page
	}
	v.t.Fatalf("not asked for %q: %s", answer, asked.Text())
	return nil
}

// recovers tells how a recovery with the device in dir is answered.
func (v *visitor) recovers(dir, account string) int {
	v.t.Helper()
	c, err := claimant.FromDevice(v.e.Issuer, v.e.Client, dir)
	fatal(v.t, err)
	_, a, err := c.Recover(v.t.Context(), account)
	fatal(v.t, err)
	return a.Status
}

func TestAPersonAddsADeviceAndConfirmsIt(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo, Probation: "72h", Patient: true})
	v := newVisitor(t, e)
	v.wantIn(v.signs(v.begins(), "alice"), "alice")
	code, page := v.code()
	dir := filepath.Join(t.TempDir(), "device")
	shown := v.enrols(code, dir)
	if list := v.authenticators().Text(); !strings.Contains(list, "counts for nothing until you confirm it") {
		t.Errorf("before it is confirmed: %s", list)
	}
	asked, err := v.Click(t.Context(), page, "compare the fingerprint")
	fatal(t, err)
	if !strings.Contains(asked.Text(), shown) {
		t.Fatalf("the device shows %s, the page: %s", shown, asked.Text())
	}
	if status := v.recovers(dir, "alice@demo.example"); status != http.StatusForbidden {
		t.Errorf("recovers unconfirmed: %d", status)
	}
	another := newVisitor(t, e) // of hers: somebody has her password
	another.wantIn(another.signs(another.begins(), "alice"), "alice")
	other, err := another.Open(t.Context(), e.Issuer+"/authenticators/device-certificate")
	fatal(t, err)
	if !strings.Contains(other.Text(), shown) || strings.Contains(other.Body, `value="mine"`) {
		t.Errorf("another session is asked: %s", other.Text())
	}
	if done := v.says(asked, "mine"); done.Status != http.StatusOK || !strings.Contains(done.Text(), "It was added") {
		t.Fatalf("confirmed: %d %s", done.Status, done.Text())
	}
	if list := v.authenticators().Text(); !strings.Contains(list, "new; from ") {
		t.Errorf("after it was confirmed: %s", list)
	}
	if again := v.says(asked, "mine"); again.Status != http.StatusBadRequest {
		t.Errorf("confirmed twice: %d", again.Status)
	}
	if status := v.recovers(dir, "alice@demo.example"); status != http.StatusForbidden {
		t.Errorf("recovers on probation: %d", status)
	}
	for _, kind := range []string{"activation-code-made", "device-enrolled", "device-confirmed"} {
		told(t, e, kind)
	}
	_, err = e.Run(t.Context(), "regrant", "device", "enroll", "--issuer", e.Issuer, "--code", code, "--dir", filepath.Join(t.TempDir(), "second"), "--ca-file", e.CAFile)
	if exit, ok := errors.AsType[*env.ExitError](err); !ok {
		t.Errorf("the code worked twice: %v %v", exit, err)
	}
}

func TestAConfirmedDeviceRecoversAndAStrangersDoesNot(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo, Patient: true}) // without a probation
	v := newVisitor(t, e)
	v.wantIn(v.signs(v.begins(), "alice"), "alice")
	for answer, want := range map[string]int{"mine": http.StatusOK, "not-mine": http.StatusForbidden} {
		code, page := v.code()
		dir := filepath.Join(t.TempDir(), "device")
		v.enrols(code, dir)
		asked, err := v.Click(t.Context(), page, "compare the fingerprint")
		fatal(t, err)
		if done := v.says(asked, answer); done.Status != http.StatusOK {
			t.Fatalf("%s: %d %s", answer, done.Status, done.Text())
		}
		if status := v.recovers(dir, "alice@demo.example"); status != want {
			t.Errorf("%s: recovery answers %d, want %d", answer, status, want)
		}
	}
	told(t, e, "device-disowned")
}

// told waits until alice was told of something of that kind.
func told(t *testing.T, e *env.Env, kind string) {
	t.Helper()
	if _, ok := e.Hook.Await(20*time.Second, func(n env.Notice) bool { return n.Type == kind && n.AccountID == "alice-0001" }); !ok {
		t.Errorf("the owner is not told of %s", kind)
	}
}

// commands are those for devices on a page.
func commands(page *browser.Page) []string {
	return regexp.MustCompile(`regrant device enroll --issuer \S+( --tpm)?`).FindAllString(page.Text(), -1)
}

var deviceMethod = regexp.MustCompile(`(?m)^\t\tmethod device_certificate \{[^}]*\}\n`)

// A person needs no operator for a TPM either, also where a key in a file counts for nothing.
func TestAPersonAddsATPMAndConfirmsIt(t *testing.T) {
	c := chips(t, 1)
	e := withTPM(t, c, alone)
	plain := "regrant device enroll --issuer " + e.Issuer
	v := newVisitor(t, e)
	v.wantIn(v.signs(v.begins(), "alice"), "alice")
	if _, page := v.code(); !slices.Equal(commands(page), []string{plain, plain + " --tpm"}) {
		t.Errorf("with both methods the page shows %q", commands(page))
	}
	fatal(t, e.Configure(t.Context(), func(text string) string { return deviceMethod.ReplaceAllString(text, "") }))
	code, page := v.code()
	if !slices.Equal(commands(page), []string{plain + " --tpm"}) {
		t.Errorf("with TPMs alone the page shows %q", commands(page))
	}
	m := newMachine(t, e, c[0])
	said, exit := m.enrol(code)
	shown := fingerprintShown.FindString(said)
	if exit != 0 || shown == "" || !strings.Contains(said, "counts for nothing yet") {
		t.Fatalf("exit %d: %s", exit, said)
	}
	m.mustFail(1, "")
	asked, err := v.Click(t.Context(), page, "compare the fingerprint")
	fatal(t, err)
	if !strings.Contains(asked.Text(), shown) {
		t.Fatalf("the device shows %s, the page: %s", shown, asked.Text())
	}
	if done := v.says(asked, "mine"); !strings.Contains(done.Text(), "It was added: TPM of a device") {
		t.Fatalf("confirmed: %d %s", done.Status, done.Text())
	}
	m.mustRecover()
}
