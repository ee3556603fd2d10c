package tpm_test

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"encoding/json"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/tpm/tpmtest"
)

// challenged are options of an EK challenge.
type challenged struct {
	Credential *string `json:"credential"`
	Challenge  *struct {
		Object    tpmBytes `json:"object_public"`
		Duplicate tpmBytes `json:"duplicate"`
		Seed      tpmBytes `json:"in_sym_seed"`
	} `json:"ek_challenge"`
	Text string `json:"text"`
}

func newChallenge(t testing.TB, ek crypto.Signer) (*enrolment, attest.Prompt, challenged) {
	t.Helper()
	e := newEnrolment(t, withEK(ek, nil))
	e.offer = map[string]any{"ak_public": nil, "key_public": nil, "key_attest": nil, "key_signature": nil}
	p, err := e.begin(t)
	if err != nil {
		t.Fatal(err)
	}
	var o challenged
	if err := json.Unmarshal(p.Options, &o); err != nil {
		t.Fatal(err)
	}
	if o.Credential != nil || o.Challenge == nil {
		t.Fatalf("options %s", p.Options)
	}
	return e, p, o
}

// solve is what a good client sends at last.
func (e *enrolment) solve(t testing.TB, o challenged, changes map[string]any) []byte {
	t.Helper()
	solution, err := e.chip.Solve(e.ak, o.Challenge.Object, o.Challenge.Duplicate, o.Challenge.Seed)
	if err != nil {
		t.Fatal(err)
	}
	c := e.ak.Certify(e.key, nil, nil)
	members := e.quoteMembers(o.Text)
	for name, value := range map[string][]byte{
		"ek_attest": solution.Attest, "ek_signature": solution.Signature,
		"ak_public": e.ak.Area(), "key_public": e.key.Area(), "key_attest": c.Attest, "key_signature": c.Signature,
	} {
		members[name] = encode(value)
	}
	return object(t, members, changes)
}

func TestEKChallengeEnrols(t *testing.T) {
	for name, ek := range map[string]crypto.Signer{"RSA": tpmtest.RSA(), "P-256": ecKey(t, elliptic.P256())} {
		t.Run(name, func(t *testing.T) {
			e, p, o := newChallenge(t, ek)
			got, err := e.format(t).Finish(e.enrolling, p.Keep, e.solve(t, o, nil))
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Handles) != 2 || !bytes.Equal(got.Handles[0].Value, e.ak.Name()) || !got.Attested || !got.NonExportable {
				t.Errorf("%+v", got)
			}
		})
	}
	e := newEnrolment(t, withEK(ecKey(t, elliptic.P384()), nil))
	e.offer = map[string]any{"ak_public": nil, "key_public": nil, "key_attest": nil, "key_signature": nil}
	e.mustNotBegin(t, attest.ReasonUnsupported)
}

func TestSolutionThatIsNotGoodBindsNothing(t *testing.T) {
	e, p, o := newChallenge(t, tpmtest.RSA())
	_, _, other := newChallenge(t, tpmtest.RSA())
	solution := func(k *tpmtest.Key, o challenged) tpmtest.Attestation {
		s, err := e.chip.Solve(k, o.Challenge.Object, o.Challenge.Duplicate, o.Challenge.Seed)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	stranger, loose := tpmtest.NewAK(t), tpmtest.NewAK(t)
	loose.Public.ObjectAttributes.Restricted = false
	ofStranger, ofOther := solution(stranger, o), solution(e.ak, other)
	signed := e.ak.Certify(e.ak, nil, nil) // by the AK itself, and not with the key of the challenge
	quoted := e.quoteMembers("another text")
	good := solution(e.ak, o)
	for name, tt := range map[string]struct {
		reason  attest.Reason
		changes map[string]any
	}{
		"for another AK":        {attest.ReasonIdentity, map[string]any{"ek_attest": encode(ofStranger.Attest), "ek_signature": encode(ofStranger.Signature)}},
		"of another challenge":  {attest.ReasonIdentity, map[string]any{"ek_attest": encode(ofOther.Attest), "ek_signature": encode(ofOther.Signature)}},
		"by the AK":             {attest.ReasonIdentity, map[string]any{"ek_attest": encode(signed.Attest), "ek_signature": encode(signed.Signature)}},
		"AK that is none":       {attest.ReasonKey, map[string]any{"ak_public": encode(loose.Area())}},
		"another AK":            {attest.ReasonIdentity, map[string]any{"ak_public": encode(stranger.Area())}},
		"another key":           {attest.ReasonIdentity, map[string]any{"key_public": encode(tpmtest.NewApplicationKey(t).Area())}},
		"another account":       {attest.ReasonChallenge, map[string]any{"quote": quoted["quote"], "signature": quoted["signature"]}},
		"no solution":           {attest.ReasonMalformed, map[string]any{"ek_attest": nil}},
		"no AK":                 {attest.ReasonMalformed, map[string]any{"ak_public": nil}},
		"more than a solution":  {attest.ReasonMalformed, map[string]any{"ek_attest": encode(append(good.Attest, 0))}},
		"more than a signature": {attest.ReasonIdentity, map[string]any{"ek_signature": encode(append(good.Signature, 0))}},
		"a secret besides":      {attest.ReasonMalformed, map[string]any{"secret": "AA"}},
	} {
		t.Run(name, func(t *testing.T) {
			done, err := e.format(t).Finish(e.enrolling, p.Keep, e.solve(t, o, tt.changes))
			refused(t, err, tt.reason)
			if done.Handles != nil || done.Attested {
				t.Errorf("%+v came with the refusal", done)
			}
		})
	}
}

// What began with a challenge does not end with a credential, nor the other way round.
func TestEachBeginningHasItsOwnEnd(t *testing.T) {
	e, challenge, o := newChallenge(t, tpmtest.RSA())
	e.offer = nil
	credential, options := e.mustBegin(t)
	_, err := e.format(t).Finish(e.enrolling, challenge.Keep, e.answer(t, options, nil))
	refused(t, err, attest.ReasonMalformed)
	_, err = e.format(t).Finish(e.enrolling, credential.Keep, e.solve(t, o, nil))
	refused(t, err, attest.ReasonMalformed)
}

func FuzzSolution(f *testing.F) {
	format := goldenFormat(f)
	keep := file(f, "challenge.json")
	f.Add(file(f, "solution.json"))
	f.Add([]byte(`{"ek_attest":"AA","ek_signature":"AA","ak_public":"AA","key_public":"AA","key_attest":"AA","key_signature":"AA"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		done, err := format.Finish(goldenEnrolling(), keep, body)
		attesttest.MustRefuse(t, err)
		if (err == nil) != (done.Handles != nil) {
			t.Errorf("%+v, %v", done, err)
		}
	})
}
