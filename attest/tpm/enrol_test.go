package tpm_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"testing"

	gotpm "github.com/google/go-tpm/tpm2"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/tpm"
	"github.com/regrant/regrant/attest/tpm/tpmtest"
)

// enrolment is a good one. A test changes one thing of it.
type enrolment struct {
	maker     *attesttest.CA
	chip      *tpmtest.Chip
	ak, key   *tpmtest.Key
	log       *tpmtest.Log
	config    tpm.Config
	enrolling attest.Enrolling
	offer     map[string]any // what is sent instead, or besides; nil: left out
}

func newEnrolment(t testing.TB, chip func(testing.TB, *attesttest.CA) *tpmtest.Chip) *enrolment {
	t.Helper()
	maker := attesttest.NewCA(t)
	if chip == nil {
		chip = withEK(tpmtest.RSA(), nil)
	}
	return &enrolment{
		maker: maker, chip: chip(t, maker), ak: tpmtest.NewAK(t), key: tpmtest.NewApplicationKey(t), log: tpmtest.Boot(),
		config: tpm.Config{Makers: []*x509.Certificate{maker.Certificate}},
		enrolling: attest.Enrolling{
			Issuer: "https://login.example", AccountID: "a1", Name: "alice", Challenge: [32]byte{1}, Random: rand.Reader, Now: now,
		},
	}
}

func withEK(ek crypto.Signer, mutate func(*x509.Certificate)) func(testing.TB, *attesttest.CA) *tpmtest.Chip {
	return func(t testing.TB, maker *attesttest.CA) *tpmtest.Chip { return tpmtest.NewChip(t, maker, ek, mutate) }
}

func (e *enrolment) format(t testing.TB) *tpm.Format {
	t.Helper()
	f, err := tpm.New(e.config)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func object(t testing.TB, members, changes map[string]any) []byte {
	t.Helper()
	members = maps.Clone(members)
	for name, value := range changes {
		if value == nil {
			delete(members, name)
		} else {
			members[name] = value
		}
	}
	text, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (e *enrolment) begin(t testing.TB) (attest.Prompt, error) {
	t.Helper()
	var chain []string
	for _, der := range e.chip.Chain {
		chain = append(chain, encode(der))
	}
	c := e.ak.Certify(e.key, nil, nil)
	return e.format(t).Begin(e.enrolling, object(t, map[string]any{
		"ek_certificates": chain, "ak_public": encode(e.ak.Area()), "key_public": encode(e.key.Area()),
		"key_attest": encode(c.Attest), "key_signature": encode(c.Signature),
	}, e.offer))
}

func (e *enrolment) mustNotBegin(t *testing.T, reason attest.Reason) {
	t.Helper()
	p, err := e.begin(t)
	refused(t, err, reason)
	if p.Options != nil || p.Keep != nil {
		t.Errorf("%+v came with the refusal", p)
	}
}

// options are what a client reads.
type options struct {
	Credential string `json:"credential"`
	Secret     string `json:"encrypted_secret"`
	Text       string `json:"text"`
	Quote      struct {
		Bank     string `json:"bank"`
		PCRs     []int  `json:"pcrs"`
		EventLog bool   `json:"event_log"`
	} `json:"quote"`
}

func (e *enrolment) mustBegin(t testing.TB) (attest.Prompt, options) {
	t.Helper()
	p, err := e.begin(t)
	if err != nil {
		t.Fatal(err)
	}
	var o options
	if err := json.Unmarshal(p.Options, &o); err != nil {
		t.Fatal(err)
	}
	return p, o
}

// activate opens the credential as the chip would.
func (e *enrolment) activate(t testing.TB, o options) []byte {
	t.Helper()
	blob, err := base64.RawURLEncoding.DecodeString(o.Credential)
	if err != nil {
		t.Fatal(err)
	}
	seed, err := base64.RawURLEncoding.DecodeString(o.Secret)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := e.chip.Activate(e.ak.Name(), blob, seed)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func (e *enrolment) quoteMembers(text string) map[string]any {
	sum := sha256.Sum256([]byte(text))
	pcrs := tpm.Registers{0: e.log.PCRs[0], 7: e.log.PCRs[7]}
	q := e.ak.Quote(sum[:], pcrs, nil)
	return map[string]any{"quote": encode(q.Attest), "signature": encode(q.Signature), "pcrs": pcrs.Format()}
}

// answer is what a good client sends at last, with the secret.
func (e *enrolment) answer(t testing.TB, o options, changes map[string]any) []byte {
	t.Helper()
	members := e.quoteMembers(o.Text)
	members["secret"] = encode(e.activate(t, o))
	return object(t, members, changes)
}

func (e *enrolment) mustFinish(t testing.TB) attest.Enrolled {
	t.Helper()
	p, o := e.mustBegin(t)
	done, err := e.format(t).Finish(e.enrolling, p.Keep, e.answer(t, o, nil))
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func TestEnrolledDeviceIsWhatItsMakerSays(t *testing.T) {
	e := newEnrolment(t, nil)
	got := e.mustFinish(t)
	switch {
	case len(got.Handles) != 2 || !bytes.Equal(got.Handles[0].Value, e.ak.Name()) || len(got.Handles[1].Value) != 32:
		t.Errorf("handles %+v", got.Handles)
	case !got.NonExportable || !got.Attested || got.Model != "id:00001014 swtpm id:20240125":
		t.Errorf("%+v", got)
	case !got.NotAfter.Equal(attesttest.NotAfter) || len(got.Detail["key_fingerprint"]) != 29 || got.Shown != nil:
		t.Errorf("%+v", got)
	}
	_, o := e.mustBegin(t)
	if o.Text != attest.EnrolmentText(e.enrolling, attest.MethodTPM) || o.Quote.Bank != "sha256" || len(o.Quote.PCRs) != 2 || o.Quote.EventLog {
		t.Errorf("options %+v", o)
	}
}

// the secret is bound to the name of the AK, and to the chip with the EK.
func TestAnotherKeyOrChipCannotActivate(t *testing.T) {
	e := newEnrolment(t, nil)
	_, o := e.mustBegin(t)
	blob, _ := base64.RawURLEncoding.DecodeString(o.Credential)
	seed, _ := base64.RawURLEncoding.DecodeString(o.Secret)
	if _, err := e.chip.Activate(tpmtest.NewAK(t).Name(), blob, seed); err == nil {
		t.Error("activated for another key")
	}
	other := tpmtest.NewChip(t, e.maker, rsaKeyOf(t), nil)
	if _, err := other.Activate(e.ak.Name(), blob, seed); err == nil {
		t.Error("activated by another chip")
	}
}

func rsaKeyOf(t *testing.T) crypto.Signer { return rsaKey(t, 2048) }

func TestOfferThatIsNotGoodIsRefused(t *testing.T) {
	good := newEnrolment(t, nil)
	loose := tpmtest.NewAK(t)
	loose.Public.ObjectAttributes.Restricted = false
	imported := tpmtest.NewApplicationKey(t)
	imported.Public.ObjectAttributes.SensitiveDataOrigin = false
	many := make([]string, 7)
	for name, tt := range map[string]struct {
		reason attest.Reason
		mutate func(*enrolment)
	}{
		"AK that is none": {attest.ReasonKey, func(e *enrolment) { e.ak = loose }},
		"imported key":    {attest.ReasonKey, func(e *enrolment) { e.key = imported }},
		"key that is another": {attest.ReasonIdentity, func(e *enrolment) {
			e.offer = map[string]any{"key_public": encode(tpmtest.NewApplicationKey(t).Area())}
		}},
		"certified by another":   {attest.ReasonSignature, func(e *enrolment) { e.offer = map[string]any{"ak_public": encode(tpmtest.NewAK(t).Area())} }},
		"unknown member":         {attest.ReasonMalformed, func(e *enrolment) { e.offer = map[string]any{"secret": "AA"} }},
		"no AK":                  {attest.ReasonMalformed, func(e *enrolment) { e.offer = map[string]any{"ak_public": nil} }},
		"no signature":           {attest.ReasonMalformed, func(e *enrolment) { e.offer = map[string]any{"key_signature": nil} }},
		"wrong type":             {attest.ReasonMalformed, func(e *enrolment) { e.offer = map[string]any{"key_attest": 1} }},
		"padding":                {attest.ReasonMalformed, func(e *enrolment) { e.offer = map[string]any{"key_attest": "AA=="} }},
		"seven certificates":     {attest.ReasonMalformed, func(e *enrolment) { e.offer = map[string]any{"ek_certificates": many} }},
		"certificate of nothing": {attest.ReasonMalformed, func(e *enrolment) { e.offer = map[string]any{"ek_certificates": []string{""}} }},
	} {
		t.Run(name, func(t *testing.T) {
			e := *good
			tt.mutate(&e)
			e.mustNotBegin(t, tt.reason)
		})
	}
}

func TestAnswerThatIsNotGoodBindsNothing(t *testing.T) {
	e := newEnrolment(t, nil)
	p, o := e.mustBegin(t)
	stranger := *e
	stranger.ak = tpmtest.NewAK(t)
	foreign := stranger.quoteMembers(o.Text)
	other := e.quoteMembers("another text")
	for name, tt := range map[string]struct {
		reason  attest.Reason
		changes map[string]any
	}{
		"another secret":  {attest.ReasonIdentity, map[string]any{"secret": encode(make([]byte, 32))}},
		"shorter secret":  {attest.ReasonIdentity, map[string]any{"secret": encode(e.activate(t, o)[:31])}},
		"longer secret":   {attest.ReasonMalformed, map[string]any{"secret": encode(append(e.activate(t, o), 0))}},
		"no secret":       {attest.ReasonMalformed, map[string]any{"secret": nil}},
		"no quote":        {attest.ReasonMalformed, map[string]any{"quote": nil}},
		"another account": {attest.ReasonChallenge, map[string]any{"quote": other["quote"], "signature": other["signature"]}},
		"another AK":      {attest.ReasonSignature, map[string]any{"quote": foreign["quote"], "signature": foreign["signature"]}},
		"unknown member":  {attest.ReasonMalformed, map[string]any{"label": "laptop"}},
	} {
		t.Run(name, func(t *testing.T) {
			done, err := e.format(t).Finish(e.enrolling, p.Keep, e.answer(t, o, tt.changes))
			refused(t, err, tt.reason)
			if done.Handles != nil || done.Attested || done.NonExportable {
				t.Errorf("%+v came with the refusal", done)
			}
		})
	}
	elsewhere := e.enrolling
	elsewhere.Challenge = [32]byte{2}
	_, err := e.format(t).Finish(elsewhere, p.Keep, e.answer(t, o, nil))
	refused(t, err, attest.ReasonChallenge)
	if _, err := e.format(t).Finish(e.enrolling, []byte("{}"), e.answer(t, o, map[string]any{"secret": "AA"})); err == nil {
		t.Error("finished what never began")
	}
}

// A machine that would not be let recover is not enrolled.
func TestMachineMustBeInTheDemandedState(t *testing.T) {
	e := newEnrolment(t, nil)
	e.config.Reference = map[int][]string{7: {hexOf(make([]byte, 32))}}
	p, o := e.mustBegin(t)
	_, err := e.format(t).Finish(e.enrolling, p.Keep, e.answer(t, o, nil))
	refused(t, err, attest.ReasonIntegrity)
	e.config.Reference = map[int][]string{7: {hexOf(e.log.PCRs[7])}}
	e.mustFinish(t)
}

// What is read is the AK's TPMT_PUBLIC, in either coat.
func TestKeysMayComeWithTheirSize(t *testing.T) {
	e := newEnrolment(t, nil)
	e.offer = map[string]any{"ak_public": encode(e.ak.Sized()), "key_public": encode(e.key.Sized())}
	if got := e.mustFinish(t); !bytes.Equal(got.Handles[0].Value, e.ak.Name()) {
		t.Errorf("handle %x", got.Handles[0].Value)
	}
	e.ak = tpmtest.NewRSAAK(t, gotpm.TPMAlgRSASSA)
	e.offer = nil
	e.mustFinish(t)
}
