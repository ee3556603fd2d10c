package secret

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/regrant/regrant/attest"
)

const chosen = "maple tidal engine frost"

// always has a slot for everybody.
func always(work func()) error { work(); return nil }

// known is a passphrase that is bound, and the evidence that tells it.
type known struct {
	format *Passphrase
	in     attest.Input
}

// newKnown binds what was chosen, at a cost that tests can pay.
func newKnown(t testing.TB) *known {
	t.Helper()
	k := &known{format: NewPassphrase(PassphraseConfig{Hash: keyed("pepper"), Slots: always})}
	handle, err := k.format.handle("alice")
	if err != nil {
		t.Fatal(err)
	}
	r := passphraseReference{Algorithm: argonAlgorithm, cost: cost{Time: 1, Memory: 8, Threads: 1}, Salt: []byte("0123456789abcdef")}
	if r.Verifier, err = k.format.verifier(chosen, handle, r); err != nil {
		t.Fatal(err)
	}
	k.in = attest.Input{
		Body: passphraseBody(t, chosen), Now: now,
		Bound: attest.Binding{Authenticator: "a", Handle: handle, Reference: r.encode()},
	}
	return k
}

func passphraseBody(t testing.TB, text string) []byte {
	return body(t, map[string]string{"method": "passphrase", "passphrase": text})
}

func TestThePassphraseIsAccepted(t *testing.T) {
	k := newKnown(t)
	located, err := k.format.Locate(k.in.Body, "alice")
	if err != nil || !bytes.Equal(located, k.in.Bound.Handle) {
		t.Fatalf("%x, %v", located, err)
	}
	claims, err := k.format.Verify(k.in)
	accepted(t, claims, err, located)
}

// RFC 8265 section 4.2: composed or not, with whatever space the keyboard makes.
func TestOnePassphraseHasOneForm(t *testing.T) {
	k := newKnown(t)
	for _, tt := range []struct{ one, other string }{
		{"café crème brûlée", "cafe\u0301 cre\u0300me bru\u0302le\u0301e"},
		{"maple tidal engine frost", "maple\u00a0tidal\u2003engine frost"},
	} {
		one, err1 := parsePassphrase(tt.one)
		other, err2 := parsePassphrase(tt.other)
		if err1 != nil || err2 != nil || one != other {
			t.Errorf("%q and %q: %q and %q, %v, %v", tt.one, tt.other, one, other, err1, err2)
		}
	}
	k.in.Body = passphraseBody(t, "maple\u3000tidal engine frost")
	claims, err := k.format.Verify(k.in)
	accepted(t, claims, err, k.in.Bound.Handle)
}

func TestAWrongPassphraseIsAGuess(t *testing.T) {
	k := newKnown(t)
	for _, wrong := range []string{"Maple tidal engine frost", chosen + " ", chosen[1:], strings.Repeat("x", MaxPassphrase)} {
		k.in.Body = passphraseBody(t, wrong)
		claims, err := k.format.Verify(k.in)
		refused(t, claims, err, attest.ReasonIdentity, true)
	}
}

func TestAnAccountWithoutAPassphraseCostsTheSame(t *testing.T) {
	k, hashed := newKnown(t), 0
	k.format.config.Slots = func(work func()) error { hashed++; work(); return nil }
	decoy, err := parsePassphraseReference(passphraseDecoy)
	if err != nil || decoy.cost != costNow {
		t.Fatalf("decoy %+v, %v", decoy, err)
	}
	k.in.Bound = attest.Binding{}
	claims, err := k.format.Verify(k.in)
	refused(t, claims, err, attest.ReasonIdentity, false)
	if hashed != 1 {
		t.Errorf("%d hashes", hashed)
	}
}

func TestWithoutAnAccountThereIsNothingToLookUp(t *testing.T) {
	k := newKnown(t)
	handle, err := k.format.Locate(k.in.Body, "")
	refused(t, attest.Claims{Handle: handle}, err, attest.ReasonPolicy, false)
	other, err := k.format.Locate(k.in.Body, "bob")
	if err != nil || bytes.Equal(other, k.in.Bound.Handle) {
		t.Errorf("two accounts share %x, %v", other, err)
	}
}

// R-014, and no record of one account can stand in for another's.
func TestWithoutItsKeyOrHandleNoPassphraseIsAccepted(t *testing.T) {
	k := newKnown(t)
	k.format.config.Hash = keyed("another")
	claims, err := k.format.Verify(k.in)
	refused(t, claims, err, attest.ReasonIdentity, true)
	k.format.config.Hash = nil
	claims, err = k.format.Verify(k.in)
	unanswered(t, claims, err)

	k = newKnown(t)
	k.in.Bound.Handle, _ = k.format.handle("bob")
	claims, err = k.format.Verify(k.in)
	refused(t, claims, err, attest.ReasonIdentity, true)
}

func TestStoredPassphrasesThatCannotBeReadAreNoRefusal(t *testing.T) {
	k := newKnown(t)
	good := string(k.in.Bound.Reference)
	for name, reference := range map[string]string{
		"none":              "",
		"empty":             "{}",
		"another algorithm": strings.Replace(good, argonAlgorithm, "argon2i", 1),
		"no time":           strings.Replace(good, `"time":1`, `"time":0`, 1),
		"too much time":     strings.Replace(good, `"time":1`, `"time":9`, 1),
		"too much memory":   strings.Replace(good, `"memory":8`, `"memory":4294967295`, 1),
		"too little memory": strings.Replace(good, `"memory":8`, `"memory":7`, 1),
		"no threads":        strings.Replace(good, `"threads":1`, `"threads":0`, 1),
		"too many threads":  strings.Replace(good, `"threads":1`, `"threads":9`, 1),
		"negative":          strings.Replace(good, `"time":1`, `"time":-1`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			k.in.Bound.Reference = []byte(reference)
			claims, err := k.format.Verify(k.in)
			unanswered(t, claims, err)
		})
	}
}

func TestPassphraseEvidenceOfAnotherFormIsRefusedBeforeHashing(t *testing.T) {
	k := newKnown(t)
	k.format.config.Slots = func(func()) error { t.Error("hashed"); return nil }
	good := string(k.in.Body)
	for name, sent := range map[string]string{
		"nothing":        "",
		"cut":            good[:len(good)-1],
		"no passphrase":  `{"method":"passphrase"}`,
		"array":          `{"method":"passphrase","passphrase":["` + chosen + `"]}`,
		"unknown member": strings.Replace(good, "{", `{"x":1,`, 1),
		"twice":          strings.Replace(good, "{", `{"passphrase":"`+chosen+`",`, 1),
		"other method":   strings.Replace(good, `"method":"passphrase"`, `"method":"recovery-code"`, 1),
		"short":          strings.Replace(good, chosen, chosen[:MinPassphrase-1], 1),
		"long":           strings.Replace(good, chosen, strings.Repeat("é", MaxPassphrase+1), 1),
		"1 MiB":          strings.Replace(good, chosen, strings.Repeat("x", 1<<20), 1),
		"many bytes":     strings.Replace(good, chosen, strings.Repeat("x", maxPassphraseText+1), 1),
		"line feed":      strings.Replace(good, chosen, chosen+`\n`, 1),
		"NUL":            strings.Replace(good, chosen, chosen+`\u0000`, 1),
		"lone surrogate": strings.Replace(good, chosen, chosen+`\ud800`, 1),
		"no UTF-8":       strings.Replace(good, chosen, chosen+"\xff", 1),
		"unassigned":     strings.Replace(good, chosen, chosen+"\U000e0080", 1),
	} {
		t.Run(name, func(t *testing.T) {
			k.in.Body = []byte(sent)
			claims, err := k.format.Verify(k.in)
			refused(t, claims, err, attest.ReasonMalformed, false)
			if strings.Contains(err.Error(), "maple") {
				t.Errorf("the error repeats the passphrase: %v", err)
			}
			if handle, err := k.format.Locate(k.in.Body, "alice"); err == nil {
				t.Errorf("located %x", handle)
			}
		})
	}
}

func TestWithoutASlotItCannotBeTold(t *testing.T) {
	k := newKnown(t)
	for name, slots := range map[string]func(func()) error{
		"full": func(func()) error { return errors.New("full") }, "idle": func(func()) error { return nil }, "none": nil,
	} {
		k.format.config.Slots = slots
		claims, err := k.format.Verify(k.in)
		unanswered(t, claims, err)
		enrolled, err := k.format.Finish(enrolling("alice"), nil, body(t, map[string]string{"passphrase": chosen}))
		unanswered(t, attest.Claims{}, err)
		if enrolled.Handles != nil {
			t.Errorf("%s: enrolled", name)
		}
	}
}

func TestAChosenPassphraseIsBoundAndWorks(t *testing.T) {
	k := newKnown(t)
	prompt, err := k.format.Begin(enrolling("alice"), []byte("{}"))
	if err != nil || string(prompt.Options) != `{"min_length":15,"max_length":128}` {
		t.Fatalf("%s, %v", prompt.Options, err)
	}
	sent := body(t, map[string]string{"passphrase": chosen})
	first, err1 := k.format.Finish(enrolling("alice"), nil, sent)
	second, err2 := k.format.Finish(enrolling("alice"), nil, sent)
	if err1 != nil || err2 != nil || len(first.Handles) != 1 || first.Shown != nil || first.Handles[0].OneTime {
		t.Fatalf("%+v, %v, %v", first, err1, err2)
	}
	if bytes.Equal(first.Handles[0].Reference, second.Handles[0].Reference) {
		t.Error("the same passphrase has the same record")
	}
	if stored := string(first.Handles[0].Reference); strings.Contains(stored, "maple") || !strings.Contains(stored, `"memory":65536`) {
		t.Errorf("stored: %s", stored)
	}
	k.in.Bound.Reference = first.Handles[0].Reference
	claims, err := k.format.Verify(k.in)
	accepted(t, claims, err, first.Handles[0].Value)
}

func TestAFailedEnrolmentBindsNothing(t *testing.T) {
	k := newKnown(t)
	broken, nobody := enrolling("alice"), enrolling("")
	broken.Random = io.MultiReader(strings.NewReader("salt"), iotest.ErrReader(errors.New("broken")))
	for name, tt := range map[string]struct {
		e      attest.Enrolling
		sent   string
		reason attest.Reason // "": no refusal
	}{
		"weak":           {enrolling("alice"), `{"passphrase":"passwordpassword"}`, attest.ReasonPolicy},
		"short":          {enrolling("alice"), `{"passphrase":"Xk4mz9qw"}`, attest.ReasonMalformed},
		"unknown member": {enrolling("alice"), `{"passphrase":"` + chosen + `","x":1}`, attest.ReasonMalformed},
		"no salt":        {broken, `{"passphrase":"` + chosen + `"}`, ""},
		"no account":     {nobody, `{"passphrase":"` + chosen + `"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			enrolled, err := k.format.Finish(tt.e, nil, []byte(tt.sent))
			if enrolled.Handles != nil {
				t.Errorf("bound %+v", enrolled)
			}
			if tt.reason == "" {
				unanswered(t, attest.Claims{}, err)
				return
			}
			refused(t, attest.Claims{}, err, tt.reason, false)
		})
	}
}

func FuzzVerifyPassphrase(f *testing.F) {
	k := newKnown(f)
	for _, seed := range []string{string(k.in.Body), "{}", "", `{"method":"passphrase","passphrase":"é"}`, "[[[["} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		in := k.in
		in.Body = sent
		claims, err := k.format.Verify(in)
		if p, _ := parsePassphraseEvidence(sent); err == nil && (p != chosen || !bytes.Equal(claims.Handle, in.Bound.Handle)) {
			t.Errorf("accepted %q", sent)
		}
	})
}

func FuzzStoredPassphrase(f *testing.F) {
	f.Add(newKnown(f).in.Bound.Reference)
	f.Add(passphraseDecoy)
	f.Add([]byte(`{"alg":"argon2id+hmac-sha256","time":1e9,"memory":-1,"threads":300,"salt":"","verifier":""}`))
	f.Fuzz(func(t *testing.T, reference []byte) {
		if r, err := parsePassphraseReference(reference); err == nil && !r.possible() {
			t.Errorf("%+v", r)
		}
	})
}
