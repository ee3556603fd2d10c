package tpm_test

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	gotpm "github.com/google/go-tpm/tpm2"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/tpm"
	"github.com/regrant/regrant/attest/tpm/tpmtest"
)

const statement = "the text of a statement"

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// recovery is a good one by an enrolled device.
type recovery struct {
	*enrolment
	input attest.Input
}

func newRecovery(t testing.TB) *recovery {
	t.Helper()
	e := newEnrolment(t, nil)
	h := e.mustFinish(t).Handles[0]
	holder, err := attest.HolderOfKey(e.key.Private.Public().(*ecdsa.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	r := &recovery{e, attest.Input{
		Challenge: []byte(statement), Holder: holder, Now: now,
		Bound: attest.Binding{Authenticator: "one", Handle: h.Value, Reference: h.Reference},
	}}
	r.input.Body = r.body(t, nil)
	return r
}

func (r *recovery) body(t testing.TB, changes map[string]any) []byte {
	t.Helper()
	members := r.quoteMembers(statement)
	members["method"], members["ak_public"] = "tpm", encode(r.ak.Area())
	return object(t, members, changes)
}

// bodyWith is a quote that differs from the good one as mutate says.
func (r *recovery) bodyWith(t testing.TB, mutate func(*gotpm.TPMSAttest, *gotpm.TPMSQuoteInfo)) []byte {
	t.Helper()
	pcrs := tpm.Registers{0: r.log.PCRs[0], 7: r.log.PCRs[7]}
	q := r.ak.Quote(sum(statement), pcrs, mutate)
	return r.body(t, map[string]any{"quote": encode(q.Attest), "signature": encode(q.Signature)})
}

func (r *recovery) mustVerify(t testing.TB) attest.Claims {
	t.Helper()
	c, err := r.format(t).Verify(r.input)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (r *recovery) mustRefuse(t *testing.T, reason attest.Reason) {
	t.Helper()
	c, err := r.format(t).Verify(r.input)
	refused(t, err, reason)
	if c.Handle != nil || c.HolderKey {
		t.Errorf("%+v came with the refusal", c)
	}
}

func TestQuoteByTheBoundKeyGivesClaims(t *testing.T) {
	r := newRecovery(t)
	got := r.mustVerify(t)
	if !bytes.Equal(got.Handle, r.ak.Name()) || !got.HolderKey || got.Model != "id:00001014 swtpm id:20240125" || got.Counter != 0 || got.Signals != nil {
		t.Errorf("%+v", got)
	}
	handle, err := r.format(t).Locate(r.input.Body, "")
	if err != nil || !bytes.Equal(handle, r.ak.Name()) {
		t.Errorf("%x, %v", handle, err)
	}
	r.input.Holder = attest.HolderOfSecret([]byte("cookie"))
	if r.mustVerify(t).HolderKey {
		t.Error("a browser was taken for the device")
	}
}

func TestPromptTellsWhatToQuote(t *testing.T) {
	e := newEnrolment(t, nil)
	e.config.PCRs, e.config.SecureBoot, e.config.Bank = []int{7, 4, 7}, true, "sha384"
	got, err := e.format(t).Prompt(attest.Statement{})
	if err != nil || string(got) != `{"bank":"sha384","pcrs":[4,7],"event_log":true}` {
		t.Errorf("%s, %v", got, err)
	}
}

func TestQuoteForAnotherStatementIsRefused(t *testing.T) {
	r := newRecovery(t)
	r.input.Challenge = append(r.input.Challenge, '\n')
	r.mustRefuse(t, attest.ReasonChallenge)
	r.input.Challenge = nil
	r.mustRefuse(t, attest.ReasonChallenge)
}

// The statement itself as qualifying data, instead of its digest, is no proof of having seen all of it.
func TestStatementIsQuotedByItsDigest(t *testing.T) {
	r := newRecovery(t)
	r.input.Body = r.bodyWith(t, func(a *gotpm.TPMSAttest, _ *gotpm.TPMSQuoteInfo) { a.ExtraData.Buffer = []byte(statement) })
	r.mustRefuse(t, attest.ReasonChallenge)
}

func TestOnlyTheBoundKeyQuotes(t *testing.T) {
	r := newRecovery(t)
	bound := r.ak.Area()
	r.ak = tpmtest.NewAK(t)
	r.input.Body = r.body(t, nil)
	r.mustRefuse(t, attest.ReasonIdentity)
	r.input.Body = r.body(t, map[string]any{"ak_public": encode(bound)})
	r.mustRefuse(t, attest.ReasonSignature)
}

// Where nothing is bound the same work is done; the verifier refuses afterwards.
func TestUnboundKeyIsVerifiedAllTheSame(t *testing.T) {
	r := newRecovery(t)
	r.input.Bound = attest.Binding{}
	if c := r.mustVerify(t); c.HolderKey || c.Model != "" {
		t.Errorf("%+v", c)
	}
	r.input.Challenge = []byte("another")
	r.mustRefuse(t, attest.ReasonChallenge)
}

func TestBodyThatIsNotOneIsRefused(t *testing.T) {
	r := newRecovery(t)
	for name, changes := range map[string]map[string]any{
		"another method": {"method": "passkey"}, "no method": {"method": nil}, "unknown member": {"extra": 1}, "no AK": {"ak_public": nil},
		"no quote": {"quote": nil}, "no signature": {"signature": ""}, "empty log": {"event_log": ""}, "padding": {"quote": "AA=="},
		"large quote": {"quote": strings.Repeat("A", 8<<10)}, "large log": {"event_log": strings.Repeat("A", 2<<20)},
		"values in a list": {"pcrs": []string{}}, "value of a number": {"pcrs": map[string]int{"0": 1}}, "stray bits": {"quote": "AB"},
	} {
		t.Run(name, func(t *testing.T) {
			r.input.Body = r.body(t, changes)
			r.mustRefuse(t, attest.ReasonMalformed)
		})
	}
	twice := `{"method":"tpm",` + string(r.body(t, nil)[1:])
	r.input.Body = []byte(twice)
	r.mustRefuse(t, attest.ReasonMalformed)
	r.input.Body = r.body(t, map[string]any{"pcrs": nil})
	r.mustRefuse(t, attest.ReasonIntegrity)
}

// The numbers are shifted by a constant of the key, so one may be near the end of what 32 bits hold.
func TestCountersThatGoBackAreSignals(t *testing.T) {
	quoted := func(resets, restarts uint32, firmware uint64) func(*gotpm.TPMSAttest, *gotpm.TPMSQuoteInfo) {
		return func(a *gotpm.TPMSAttest, _ *gotpm.TPMSQuoteInfo) {
			a.ClockInfo.ResetCount, a.ClockInfo.RestartCount, a.FirmwareVersion = resets, restarts, firmware
		}
	}
	const resets, restarts, firmware = 7, 2, uint64(0x2017002400000000) // at the enrolment
	for name, tt := range map[string]struct {
		resets, restarts uint32
		firmware         uint64
		seen, counter    uint32
		signals          []attest.Signal
	}{
		"the same":             {resets, restarts, firmware, 0, 0, nil},
		"started again":        {resets + 3, 0, firmware, 0, 3, nil},
		"resumed":              {resets, restarts + 1, firmware, 0, 0, nil},
		"fewer starts":         {resets - 1, restarts, firmware, 0, 0, []attest.Signal{attest.SignalReset}},
		"far fewer starts":     {1<<32 - 93, restarts, firmware, 0, 0, []attest.Signal{attest.SignalReset}},
		"fewer than were seen": {resets + 3, restarts, firmware, 4, 3, []attest.Signal{attest.SignalReset}},
		"as many as were seen": {resets + 3, restarts, firmware, 3, 3, nil},
		"fewer resumptions":    {resets, restarts - 1, firmware, 0, 0, []attest.Signal{attest.SignalReset}},
		"another firmware":     {resets, restarts, firmware + 1, 0, 0, []attest.Signal{attest.SignalFirmware}},
		"both":                 {resets - 1, restarts, firmware - 1, 0, 0, []attest.Signal{attest.SignalReset, attest.SignalFirmware}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRecovery(t)
			r.input.Body = r.bodyWith(t, quoted(tt.resets, tt.restarts, tt.firmware))
			r.input.Bound.Counter = tt.seen
			if got := r.mustVerify(t); got.Counter != tt.counter || !slices.Equal(got.Signals, tt.signals) {
				t.Errorf("counter %d, signals %v", got.Counter, got.Signals)
			}
		})
	}
}

func TestStoredDeviceThatCannotBeReadIsNoRefusal(t *testing.T) {
	r := newRecovery(t)
	for name, stored := range map[string]string{
		"nothing": "", "no object": "1", "empty": "{}", "another algorithm": strings.Replace(string(r.input.Bound.Reference), "ES256", "ES384", 1),
		"cut": string(r.input.Bound.Reference[:40]),
	} {
		t.Run(name, func(t *testing.T) {
			r.input.Bound.Reference = []byte(stored)
			_, err := r.format(t).Verify(r.input)
			if _, refusal := err.(*attest.Error); err == nil || refusal { //nolint:errorlint // it is not wrapped
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestStoreHoldsNoSecret(t *testing.T) {
	e := newEnrolment(t, nil)
	p, o := e.mustBegin(t)
	secret := e.activate(t, o)
	done, err := e.format(t).Finish(e.enrolling, p.Keep, e.answer(t, o, nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range done.Handles {
		if bytes.Contains(h.Reference, secret) || bytes.Contains(h.Reference, []byte(encode(secret))) || !bytes.Contains(h.Reference, []byte(`"algorithm":"ES256"`)) {
			t.Errorf("stored %s", h.Reference)
		}
	}
}

func TestConfigurationThatCannotBeMeantIsAnError(t *testing.T) {
	good := newEnrolment(t, nil).config
	for name, mutate := range map[string]func(*tpm.Config){
		"unknown bank":              func(c *tpm.Config) { c.Bank = "SHA256" },
		"weak bank":                 func(c *tpm.Config) { c.Bank = "sha1" },
		"PCR out of range":          func(c *tpm.Config) { c.PCRs = []int{24} },
		"PCR below zero":            func(c *tpm.Config) { c.PCRs = []int{-1} },
		"Secure Boot without PCR 7": func(c *tpm.Config) { c.PCRs, c.SecureBoot = []int{0}, true },
		"reference of no quote":     func(c *tpm.Config) { c.Reference = map[int][]string{9: {hexOf(make([]byte, 32))}} },
		"reference of no value":     func(c *tpm.Config) { c.Reference = map[int][]string{7: {}} },
		"reference too short":       func(c *tpm.Config) { c.Reference = map[int][]string{7: {"00"}} },
		"reference is no hex":       func(c *tpm.Config) { c.Reference = map[int][]string{7: {strings.Repeat("x", 64)}} },
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			mutate(&c)
			if _, err := tpm.New(c); err == nil {
				t.Error("accepted")
			}
		})
	}
}
