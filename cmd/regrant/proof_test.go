package main

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/recoverykey"
)

const proofIssuer = "https://id.example.com/recovery"

var proofNow = time.Date(2026, 11, 21, 20, 23, 0, 0, time.UTC)

// desk is a person with a recovery key and no network.
type desk struct {
	t     *testing.T
	dir   string
	now   time.Time
	typed string // on standard input
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	return &desk{t: t, dir: t.TempDir(), now: proofNow}
}

func (d *desk) file(name string) string { return filepath.Join(d.dir, name) }

func (d *desk) write(name, text string) string {
	d.t.Helper()
	if err := os.WriteFile(d.file(name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return d.file(name)
}

func (d *desk) read(name string) string {
	d.t.Helper()
	text, err := os.ReadFile(d.file(name))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(text)
}

func (d *desk) run(args ...string) result {
	d.t.Helper()
	var out, errs bytes.Buffer
	e := &env{in: strings.NewReader(d.typed), out: &out, err: &errs, now: func() time.Time { return d.now }}
	code := run(context.Background(), e, append([]string{"proof"}, args...))
	return result{code, out.String(), errs.String()}
}

// make makes a key with files key.txt and sheet.html.
func (d *desk) make(more ...string) result {
	d.t.Helper()
	return d.run(append([]string{"new", "--issuer", proofIssuer, "--out", d.file("key.txt"), "--sheet", d.file("sheet.html")}, more...)...)
}

func (d *desk) mustMake(more ...string) {
	d.t.Helper()
	if r := d.make(more...); r.code != exitDone {
		d.t.Fatalf("%+v", r)
	}
}

// sign signs the text, with the answer typed behind it.
func (d *desk) sign(text, answer string) result {
	d.t.Helper()
	d.typed = answer + "\n"
	return d.run("sign", "--key", d.file("key.txt"), d.write("statement.txt", text))
}

func goodStatement() attest.Statement {
	alice, err := attest.ParseIdentifier("alice@example.com")
	if err != nil {
		panic(err)
	}
	return attest.Statement{
		Issuer: proofIssuer, Account: alice, Actions: []attest.Action{attest.ActionSignIn, attest.ActionReplacePasskey},
		Recovery: attest.NewRecoveryID(), Holder: attest.HolderOfSecret([]byte("cookie")),
		Requested: proofNow.Add(-3 * time.Minute), Network: netip.MustParsePrefix("203.0.113.0/24"), Expires: proofNow.Add(12 * time.Minute),
	}
}

// verifies tells whether what was printed proves the text.
func (d *desk) verifies(printed, text string) {
	d.t.Helper()
	body, err := recoverykey.ParseProof(printed)
	if err != nil {
		d.t.Fatalf("%v in\n%s", err, printed)
	}
	k, err := loadRecoveryKey(d.file("key.txt"))
	if err != nil {
		d.t.Fatal(err)
	}
	e := attest.Enrolling{Issuer: proofIssuer}
	private, err := k.private(k.block)
	if err != nil {
		d.t.Fatal(err)
	}
	f := recoverykey.New()
	enrolled, err := f.Finish(e, nil, mustEvidence(d.t, private, attest.EnrolmentText(e, f.Method())))
	if err != nil {
		d.t.Fatal(err)
	}
	h := enrolled.Handles[0]
	if _, err := f.Verify(attest.Input{Body: body, Challenge: []byte(text), Bound: attest.Binding{Authenticator: "a", Handle: h.Value, Reference: h.Reference}}); err != nil {
		d.t.Error(err)
	}
}

func TestStatementIsShownInClearWordsAndSigned(t *testing.T) {
	d := newDesk(t)
	d.mustMake()
	text := goodStatement().Text()
	r := d.sign(text, "y")
	r.want(t, exitDone, "")
	for _, says := range []string{
		proofIssuer, "alice@example.com", "you are signed in, the passkey is replaced", "2026-11-21 20:20:00 UTC, 3m0s ago, from the network 203.0.113.0/24",
		"2026-11-21 20:35:00 UTC, in 12m0s", "Did you start this recovery yourself",
	} {
		if !strings.Contains(r.err, says) {
			t.Errorf("does not say %q:\n%s", says, r.err)
		}
	}
	if len(r.out) > 8<<10 {
		t.Errorf("proof of %d bytes", len(r.out))
	}
	d.verifies(r.out, text)
}

func TestNothingIsSignedWithoutAClearYes(t *testing.T) {
	d := newDesk(t)
	d.mustMake()
	for _, answer := range []string{"", "n", "no", "yess", "y y"} {
		r := d.sign(goodStatement().Text(), answer)
		r.want(t, exitRefused, "not signed")
		if r.out != "" {
			t.Errorf("%q: printed %s", answer, r.out)
		}
	}
}

func TestStatementThatShouldNotBeSignedIsNot(t *testing.T) {
	d := newDesk(t)
	d.mustMake()
	for name, tt := range map[string]struct {
		change func(*attest.Statement)
		code   int
		says   string
	}{
		"unknown issuer":     {func(s *attest.Statement) { s.Issuer = "https://id.example.org/recovery" }, exitMismatch, "does not sign for https://id.example.org/recovery"},
		"issuer of a prefix": {func(s *attest.Statement) { s.Issuer += "y" }, exitMismatch, "does not sign for"},
		"ended":              {func(s *attest.Statement) { s.Expires = proofNow }, exitRefused, "the statement ended at"},
		"good for too long":  {func(s *attest.Statement) { s.Expires = s.Requested.Add(16 * time.Minute) }, exitMismatch, "longer than"},
		"of the future":      {func(s *attest.Statement) { s.Requested = proofNow.Add(2 * time.Minute) }, exitMismatch, "in the future"},
	} {
		t.Run(name, func(t *testing.T) {
			s := goodStatement()
			tt.change(&s)
			r := d.sign(s.Text(), "y")
			r.want(t, tt.code, tt.says)
			if r.out != "" {
				t.Errorf("printed %s", r.out)
			}
		})
	}
}

func TestTextAroundAStatementIsRefused(t *testing.T) {
	d := newDesk(t)
	d.mustMake()
	good := goodStatement().Text()
	for name, text := range map[string]string{
		"empty": "", "before": "Hello\n" + good, "behind": good + "Thanks\n", "twice": good + good, "one line less": good[:strings.LastIndex(good, "expires")],
		"one more value": strings.Replace(good, "\nnonce", "\nnote: x\nnonce", 1), "other title": strings.Replace(good, "v1", "v2", 1),
		"spaces inside": strings.Replace(good, "account: ", "account:  ", 1), "too long": good + strings.Repeat(" ", 5000),
	} {
		t.Run(name, func(t *testing.T) {
			r := d.sign(text, "y")
			if r.code != exitUsage || r.out != "" {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestStatementMayBeCarriedThroughAnyEditor(t *testing.T) {
	d := newDesk(t)
	d.mustMake()
	good := goodStatement().Text()
	for _, text := range []string{"\r\n " + strings.ReplaceAll(good, "\n", "\r\n") + "\r\n", strings.TrimSuffix(good, "\n"), good + "\n\n"} {
		r := d.sign(text, "yes")
		r.want(t, exitDone, "")
		d.verifies(r.out, good)
	}
}

func TestStatementMayBePasted(t *testing.T) {
	d := newDesk(t)
	d.mustMake()
	text := goodStatement().Text()
	d.typed = "\n" + text + "\ny\n"
	r := d.run("sign", "--key", d.file("key.txt"))
	r.want(t, exitDone, "end with an empty line")
	d.verifies(r.out, text)
	d.typed = text // and no answer
	d.run("sign", "--key", d.file("key.txt")).want(t, exitRefused, "not signed")
	d.typed = strings.Repeat("x\n", 4000)
	d.run("sign", "--key", d.file("key.txt")).want(t, exitUsage, "more than 4096 bytes")
}

func TestShowSignsNothing(t *testing.T) {
	d := newDesk(t)
	file := d.write("statement.txt", goodStatement().Text())
	r := d.run("show", file)
	r.want(t, exitDone, "")
	if !strings.Contains(r.out, "alice@example.com") || strings.Contains(r.out, "PROOF") {
		t.Error(r.out)
	}
	d.mustMake()
	d.run("show", "--key", d.file("key.txt"), file).want(t, exitDone, "made for this issuer")
	s := goodStatement()
	s.Issuer = "https://id.example.org/recovery"
	d.run("show", "--key", d.file("key.txt"), d.write("other.txt", s.Text())).want(t, exitMismatch, "does not sign for")
}

func TestTextOfAnEnrolmentIsSignedAsSuch(t *testing.T) {
	d := newDesk(t)
	d.mustMake()
	e := attest.Enrolling{Issuer: proofIssuer, Name: "alice@example.com", Challenge: [32]byte{1, 2, 3}}
	good := attest.EnrolmentText(e, attest.MethodRecoveryKey)
	r := d.sign(good, "y")
	r.want(t, exitDone, "from now on this key can recover the account")
	body, err := recoverykey.ParseProof(r.out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := recoverykey.New().Finish(e, nil, body); err != nil {
		t.Error(err)
	}
	e.Issuer = "https://id.example.org/recovery"
	d.sign(attest.EnrolmentText(e, attest.MethodRecoveryKey), "y").want(t, exitMismatch, "does not sign for")
	for name, text := range map[string]string{
		"another method": strings.Replace(good, "recovery-key", "ssh-key", 1), "no challenge": good[:strings.Index(good, "challenge")],
		"short challenge": good[:len(good)-4], "behind": good + "x: y\n", "another version": strings.Replace(good, "v1", "v2", 1),
	} {
		if r := d.sign(text, "y"); r.code == exitDone || r.out != "" {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
