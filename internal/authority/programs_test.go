package authority

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/storage"
)

// chip is a format whose hardware answers "yes", unless a test changes that. Its handles are those of one chip.
type chip struct {
	attest.Format
	method  attest.Method
	handles []string
	asked   []attest.Enrolling
}

func (c *chip) Method() attest.Method { return c.method }

func (c *chip) Begin(e attest.Enrolling, body []byte) (attest.Prompt, error) {
	c.asked = append(c.asked, e)
	return attest.Prompt{Options: []byte(`{"please":"answer"}`), Keep: []byte("kept")}, c.read(body)
}

func (c *chip) Finish(e attest.Enrolling, keep, body []byte) (attest.Enrolled, error) {
	c.asked = append(c.asked, e)
	if string(keep) != "kept" {
		return attest.Enrolled{}, errors.New("something else was kept")
	}
	made := attest.Enrolled{NonExportable: true, Attested: true, Model: "model", Detail: map[string]string{"key_fingerprint": "f"}}
	for _, h := range c.handles {
		made.Handles = append(made.Handles, attest.Handle{Value: []byte(h)})
	}
	return made, c.read(body)
}

func (c *chip) read(body []byte) error {
	switch string(body) {
	case "yes":
		return nil
	case "panic":
		panic("a secret of the evidence")
	default:
		return attest.Refuse(attest.ReasonIdentity, "another chip")
	}
}

// programmed is a gateway with such a format.
type programmed struct {
	*gateway
	programs *Programs
	chip     *chip
}

func newPrograms(t testing.TB) *programmed {
	t.Helper()
	p := &programmed{gateway: newGateway(t), chip: &chip{method: attest.MethodTPM, handles: []string{"ak", "ek"}}}
	p.with(t, p.Authority, p.chip)
	return p
}

func (p *programmed) with(t testing.TB, a *Authority, formats ...attest.Format) {
	t.Helper()
	v, err := attest.NewVerifier(formats...)
	if err != nil {
		t.Fatal(err)
	}
	p.programs = a.Programs(v, func(attest.Method) time.Duration { return time.Hour })
}

func (p *programmed) begun(t testing.TB, code string) Begun {
	t.Helper()
	b, err := p.programs.Begin(t.Context(), code, attest.MethodTPM, []byte("yes"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// tries is a whole enrolment.
func (p *programmed) tries(t testing.TB, code string) (Enrolled, error) {
	t.Helper()
	return p.programs.Finish(t.Context(), code, p.begun(t, code).State, "laptop", []byte("yes"))
}

func TestProgramBindsWhatItsHardwareAnswers(t *testing.T) {
	p := newPrograms(t)
	code := p.code(t)
	b := p.begun(t, code)
	if string(b.Options) != `{"please":"answer"}` || b.Account != "alice" || strings.Contains(b.State, "kept") {
		t.Errorf("began with %+v", b)
	}
	e, err := p.programs.Finish(t.Context(), code, b.State, "laptop", []byte("yes"))
	if err != nil {
		t.Fatal(err)
	}
	a := p.bound(t, e.AuthenticatorID)
	if a.AccountID != "alice-id" || a.Method != attest.MethodTPM || a.Label != "laptop" || a.BoundBy != "carol" || a.DeviceID != e.DeviceID ||
		len(a.Handles) != 2 || !a.NonExportable || !a.Attested || a.Model != "model" || !a.EffectiveAt.Equal(p.clock.Now().Add(time.Hour)) {
		t.Errorf("bound %+v", a)
	}
	if e.Account != "alice" || e.Issuer != p.Issuer || e.CertificateChain != nil || !e.EffectiveAt.Equal(a.EffectiveAt) {
		t.Errorf("enrolled %+v", e)
	}
	first, last := p.chip.asked[0], p.chip.asked[1]
	if first.Challenge == [32]byte{} || first.Challenge != last.Challenge || first.AccountID != "alice-id" || last.Name != "alice" || last.Issuer != p.Issuer {
		t.Errorf("the format was told %+v, then %+v", first, last)
	}
	if !slices.ContainsFunc(p.journalled(t), func(e journal.Entry) bool {
		return e.Kind == journal.KindDeviceEnrolled && e.Authenticator == a.ID &&
			e.Detail["method"] == "tpm" && e.Detail["model"] == "model" && e.Detail["key_fingerprint"] == "f"
	}) {
		t.Errorf("journalled %+v", p.journalled(t))
	}
	if m := p.told(t)[string(journal.KindDeviceEnrolled)]; !strings.Contains(m.Text, "laptop") || !strings.Contains(m.Text, "carol") {
		t.Errorf("told %+v", m)
	}
}

func TestOnlyBindingSpendsTheCode(t *testing.T) {
	p := newPrograms(t)
	code := p.code(t)
	state := p.begun(t, code).State
	for _, body := range []string{"no", "panic"} {
		if _, err := p.programs.Begin(t.Context(), code, attest.MethodTPM, []byte(body)); !errors.Is(err, ErrEvidence) {
			t.Errorf("began with %s: %v", body, err)
		}
		if _, err := p.programs.Finish(t.Context(), code, state, "", []byte(body)); !errors.Is(err, ErrEvidence) {
			t.Errorf("ended with %s: %v", body, err)
		}
	}
	if _, err := p.programs.Finish(t.Context(), code, state, "a\nb", []byte("yes")); !errors.Is(err, ErrRequest) {
		t.Errorf("a label of two lines: %v", err)
	}
	refusals := 0
	for _, e := range p.journalled(t) {
		if e.Kind == journal.KindEnrolmentRefused && e.AccountID == "alice-id" && e.Detail["method"] == "tpm" && e.Detail["reason"] != "" {
			refusals++
		}
	}
	if refusals != 4 || strings.Contains(string(p.everything(t)), "a secret of the evidence") {
		t.Errorf("%d refusals are in the journal", refusals)
	}
	if _, err := p.programs.Finish(t.Context(), code, state, "", []byte("yes")); err != nil {
		t.Fatal(err)
	}
	p.chip.handles = []string{"other"}
	if _, err := p.programs.Finish(t.Context(), code, state, "", []byte("yes")); !errors.Is(err, ErrCode) {
		t.Errorf("a spent code: %v", err)
	}
	if _, err := p.programs.Begin(t.Context(), code, attest.MethodTPM, []byte("yes")); !errors.Is(err, ErrCode) {
		t.Errorf("a spent code: %v", err)
	}
}

func TestAWrongCodeIsCountedAtEitherEnd(t *testing.T) {
	for name, guess := range map[string]func(p *programmed, code, state string) error{
		"beginning": func(p *programmed, code, _ string) error {
			_, err := p.programs.Begin(t.Context(), code, attest.MethodTPM, []byte("yes"))
			return err
		},
		"end": func(p *programmed, code, state string) error {
			_, err := p.programs.Finish(t.Context(), code, state, "", []byte("yes"))
			return err
		},
	} {
		p := newPrograms(t)
		code := p.code(t)
		state := p.begun(t, code).State
		for range codeLimits.Soft {
			if err := guess(p, wrong(code), state); !errors.Is(err, ErrCode) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := guess(p, code, state); !errors.Is(err, ErrCode) {
			t.Errorf("%s: judged while it rests: %v", name, err)
		}
		p.clock.Advance(codeLimits.FirstRest)
		if _, err := p.tries(t, code); err != nil {
			t.Errorf("%s: after the rest: %v", name, err)
		}
	}
}

func TestAStateIsGoodWithItsOwnCodeAlone(t *testing.T) {
	p := newPrograms(t)
	code, other := p.code(t), p.code(t)
	state := p.begun(t, code).State
	for name, c := range map[string][2]string{
		"another code's": {other, state}, "cut short": {code, state[:len(state)-1]}, "none": {code, ""}, "made up": {code, "AAAA"},
	} {
		if _, err := p.programs.Finish(t.Context(), c[0], c[1], "", []byte("yes")); !errors.Is(err, ErrState) {
			t.Errorf("%s: %v", name, err)
		}
	}
	elsewhere := p.config
	elsewhere.Issuer += "/other"
	a, err := Open(t.Context(), elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	p.with(t, a, p.chip)
	if _, err := p.programs.Finish(t.Context(), code, state, "", []byte("yes")); !errors.Is(err, ErrState) {
		t.Errorf("another issuer's: %v", err)
	}
}

func TestProgramsEnrolNoMethodsOfPeople(t *testing.T) {
	p := newPrograms(t)
	p.with(t, p.Authority, &chip{method: attest.MethodPasskey}, &chip{method: "x-guest"})
	for _, m := range []attest.Method{attest.MethodTPM, attest.MethodPasskey, "x-guest", ""} {
		if _, err := p.programs.Begin(t.Context(), p.code(t), m, []byte("yes")); !errors.Is(err, ErrMethod) {
			t.Errorf("%q: %v", m, err)
		}
	}
}

func TestForSevenDaysAfterARecoveryNoProgramBinds(t *testing.T) {
	p := newPrograms(t)
	code := p.code(t)
	state := p.begun(t, code).State
	err := p.DB.Update(t.Context(), func(tx storage.Tx) error {
		return p.Accounts.Recovered(tx, "alice-id", []string{"stolen"})
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.programs.Begin(t.Context(), code, attest.MethodTPM, []byte("yes")); !errors.Is(err, ErrRecovered) {
		t.Errorf("began: %v", err)
	}
	if _, err := p.programs.Finish(t.Context(), code, state, "", []byte("yes")); !errors.Is(err, ErrRecovered) {
		t.Errorf("bound: %v", err)
	}
	p.clock.Advance(account.Quarantine)
	if _, err := p.tries(t, p.code(t)); err != nil {
		t.Errorf("after seven days: %v", err)
	}
}

// A chip whose state was copied makes a new attestation key beside the same endorsement key.
func TestOneChipIsOneDevice(t *testing.T) {
	p := newPrograms(t)
	first, err := p.tries(t, p.code(t))
	if err != nil {
		t.Fatal(err)
	}
	p.chip.handles = []string{"another ak", "ek"}
	code := p.code(t)
	for _, revoked := range []bool{false, true} {
		if revoked {
			if err := p.Revoke(t.Context(), first.AuthenticatorID, "carol", "lost"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := p.tries(t, code); !errors.Is(err, ErrKeyBound) {
			t.Errorf("bound again, after a revocation %t: %v", revoked, err)
		}
	}
	p.chip.handles = []string{"another ak", "another ek"}
	if _, err := p.tries(t, code); err != nil {
		t.Errorf("the code is gone: %v", err)
	}
}

func TestOfManyProgramsWithOneCodeOneBinds(t *testing.T) {
	p := newPrograms(t)
	code := p.code(t)
	state := p.begun(t, code).State
	var done sync.WaitGroup
	results := make([]error, 20)
	formats := make([]*programmed, len(results))
	for i := range formats {
		formats[i] = &programmed{gateway: p.gateway, chip: &chip{method: attest.MethodTPM, handles: []string{string(rune('a' + i))}}}
		formats[i].with(t, p.Authority, formats[i].chip)
	}
	for i, f := range formats {
		done.Go(func() { _, results[i] = f.programs.Finish(t.Context(), code, state, "", []byte("yes")) })
	}
	done.Wait()
	won := len(results)
	results = slices.DeleteFunc(results, func(err error) bool { return err == nil })
	if won -= len(results); won != 1 {
		t.Errorf("%d are bound", won)
	}
	for _, err := range results {
		if !errors.Is(err, ErrCode) && !errors.Is(err, storage.ErrConflict) {
			t.Error(err)
		}
	}
}
