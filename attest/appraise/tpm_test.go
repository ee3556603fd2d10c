package appraise_test

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/tpm/tpmtest"
)

// tpmScene is a chip in software, and good requests about it.
type tpmScene struct {
	ak, key *tpmtest.Key
	log     *tpmtest.Log
}

func newTPM(t testing.TB) *tpmScene {
	t.Helper()
	return &tpmScene{tpmtest.NewAK(t), tpmtest.NewApplicationKey(t), tpmtest.Boot()}
}

func (s *tpmScene) request(format string, evidence object) object {
	return object{"id": "one", "format": format, "time": now.Format(time.RFC3339), "evidence": evidence}
}

// values are PCRs as JSON has them.
func values(pcrs map[int][]byte, indices ...int) object {
	out := make(object)
	for _, i := range indices {
		out[strconv.Itoa(i)] = hex.EncodeToString(pcrs[i])
	}
	return out
}

func (s *tpmScene) quote() object {
	q := s.ak.Quote([]byte(challenge), map[int][]byte{0: s.log.PCRs[0], 7: s.log.PCRs[7]}, nil)
	r := s.request("tpm-quote", object{
		"ak_public": encode(s.ak.Area()), "quote": encode(q.Attest), "signature": encode(q.Signature), "pcrs": values(s.log.PCRs, 0, 7),
	})
	r["challenge"] = encode([]byte(challenge))
	r["expect"] = object{"pcrs": []int{0, 7}}
	return r
}

func (s *tpmScene) certify() object {
	c := s.ak.Certify(s.key, []byte(challenge), nil)
	return s.request("tpm-certify", object{
		"ak_public": encode(s.ak.Area()), "key_public": encode(s.key.Sized()), "attest": encode(c.Attest), "signature": encode(c.Signature),
	})
}

func (s *tpmScene) eventLog() object {
	return s.request("tpm-event-log", object{"event_log": encode(s.log.Bytes), "pcrs": object{"sha256": values(s.log.PCRs, 0, 7, 8)}})
}

func TestQuoteOfATPMIsJudged(t *testing.T) {
	s := newTPM(t)
	got := claimsOf(t, mustAccept(t, in(s.quote(), "evidence", object{"event_log": encode(s.log.Bytes)})))
	if got["ak_name"] != hex.EncodeToString(s.ak.Name()) || got["reset_count"] != 7.0 || got["restart_count"] != 2.0 ||
		got["firmware_version"] != "2017002400000000" || got["secure_boot"] != false || len(got["pcrs"].(object)) != 2 {
		t.Errorf("claims %v", got)
	}
	if _, told := claimsOf(t, mustAccept(t, s.quote()))["secure_boot"]; told {
		t.Error("Secure Boot is told without a log")
	}
	evidence := func(changes object) object { return in(s.quote(), "evidence", changes) }
	expect := func(changes object) object { return in(s.quote(), "expect", changes) }
	mustAccept(t, evidence(object{"ak_public": encode(s.ak.Sized())}))
	padded := base64.StdEncoding.EncodeToString(s.ak.Sized())
	mustAccept(t, evidence(object{"ak_public": padded}))
	mustAccept(t, expect(object{"pcrs": nil, "bank": "sha256"}))
	mustAccept(t, expect(object{"reference": object{"7": []string{hex.EncodeToString(s.log.PCRs[7])}}}))
	for name, tt := range map[string]struct {
		reason  attest.Reason
		request object
	}{
		"another AK":         {attest.ReasonSignature, evidence(object{"ak_public": encode(tpmtest.NewAK(t).Area())})},
		"application key":    {attest.ReasonKey, evidence(object{"ak_public": encode(s.key.Area())})},
		"log of another":     {attest.ReasonMalformed, evidence(object{"event_log": ""})},
		"log that is none":   {attest.ReasonMalformed, evidence(object{"event_log": "!"})},
		"signature is none":  {attest.ReasonMalformed, evidence(object{"signature": ""})},
		"quote is no base64": {attest.ReasonMalformed, evidence(object{"quote": "a b"})},
		"no values":          {attest.ReasonIntegrity, evidence(object{"pcrs": object{}})},
		"index twice":        {attest.ReasonMalformed, evidence(object{"pcrs": object{"0": hex.EncodeToString(s.log.PCRs[0]), "07": hex.EncodeToString(s.log.PCRs[7])}})},
		"PCR not quoted":     {attest.ReasonIntegrity, expect(object{"pcrs": []int{0, 7, 9}})},
		"PCR of nowhere":     {attest.ReasonIntegrity, expect(object{"pcrs": []int{0, 7, 99}})},
		"one PCR too many":   {attest.ReasonIntegrity, expect(object{"pcrs": []int{7}})},
		"another bank":       {attest.ReasonIntegrity, in(expect(object{"bank": "sha384"}), "evidence", object{"pcrs": object{}})},
		"weak bank":          {attest.ReasonIntegrity, expect(object{"bank": "sha1"})},
		"no reference":       {attest.ReasonIntegrity, expect(object{"reference": object{"7": []string{}}})},
		"another reference":  {attest.ReasonIntegrity, expect(object{"reference": object{"0": []string{hex.EncodeToString(s.log.PCRs[7])}}})},
		"Secure Boot":        {attest.ReasonIntegrity, expect(object{"secure_boot": true})},
	} {
		t.Run(name, func(t *testing.T) { mustRefuse(t, tt.request, tt.reason) })
	}
	other := s.quote()
	other["challenge"] = encode([]byte("another"))
	mustRefuse(t, other, attest.ReasonChallenge)
	other["challenge"] = ""
	mustRefuse(t, other, attest.ReasonChallenge)
	delete(other, "challenge")
	mustFail(t, other)
	for _, q := range []object{
		evidence(object{"ak_public": nil}), evidence(object{"quote": nil}), evidence(object{"signature": nil}), evidence(object{"pcrs": nil}),
		evidence(object{"nonce": ""}), evidence(object{"pcrs": []string{}}), expect(object{"bank": "SHA256"}), expect(object{"reference": object{"x": nil}}),
		expect(object{"reference": object{"7": []string{"00"}}}), expect(object{"pcr": 1}),
	} {
		mustFail(t, q)
	}
}

func TestCertificationByATPMIsJudged(t *testing.T) {
	s := newTPM(t)
	got := claimsOf(t, mustAccept(t, s.certify()))
	if got["key_name"] != hex.EncodeToString(s.key.Name()) || len(got["spki_sha256"].(string)) != 43 {
		t.Errorf("claims %v", got)
	}
	asked := s.certify()
	asked["challenge"] = encode([]byte(challenge))
	mustAccept(t, asked)
	asked["challenge"] = encode([]byte("another"))
	mustRefuse(t, asked, attest.ReasonChallenge)
	asked["challenge"] = ""
	mustRefuse(t, asked, attest.ReasonChallenge)
	mustRefuse(t, in(s.certify(), "evidence", object{"key_public": encode(tpmtest.NewApplicationKey(t).Area())}), attest.ReasonIdentity)
	mustRefuse(t, in(s.certify(), "evidence", object{"ak_public": encode(s.key.Area())}), attest.ReasonKey)
	mustRefuse(t, in(s.certify(), "evidence", object{"attest": "!"}), attest.ReasonMalformed)
	mustFail(t, in(s.certify(), "evidence", object{"attest": nil}))
}

func TestEventLogIsJudged(t *testing.T) {
	s := newTPM(t)
	got := claimsOf(t, mustAccept(t, s.eventLog()))
	if got["events"] != 5.0 || got["secure_boot"] != false {
		t.Errorf("claims %v", got)
	}
	pcrs := func(v any) object { return in(s.eventLog(), "evidence", object{"pcrs": v}) }
	mustAccept(t, pcrs(object{"sha256": values(s.log.PCRs, 7)}))
	wrong := values(s.log.PCRs, 7)
	wrong["9"] = wrong["7"]
	mustRefuse(t, pcrs(object{"sha256": wrong}), attest.ReasonIntegrity)
	mustRefuse(t, pcrs(object{"sha384": object{"7": hex.EncodeToString(make([]byte, 48))}}), attest.ReasonIntegrity)
	mustRefuse(t, pcrs(object{"sha256": object{}}), attest.ReasonMalformed)
	mustRefuse(t, pcrs(object{}), attest.ReasonMalformed)
	mustRefuse(t, pcrs(object{"sm3": object{}}), attest.ReasonUnsupported)
	mustRefuse(t, pcrs(object{"sha256": object{"7": "00"}}), attest.ReasonMalformed)
	mustRefuse(t, in(s.eventLog(), "evidence", object{"event_log": encode(s.log.Bytes[:90])}), attest.ReasonMalformed)
	mustFail(t, pcrs(nil))
	mustFail(t, in(s.eventLog(), "evidence", object{"event_log": nil}))
}
