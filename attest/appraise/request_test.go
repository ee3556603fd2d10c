package appraise_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/appraise"
)

func TestRequestThatIsNotValidIsAnError(t *testing.T) {
	s := newScene(t)
	top := func(changes object) object { q := object{"q": s.chain()}; return in(q, "q", changes)["q"].(object) }
	for name, q := range map[string]object{
		"unknown member":             top(object{"note": ""}),
		"no format":                  top(object{"format": nil}),
		"unknown format":             top(object{"format": "X509-chain"}),
		"no time":                    top(object{"time": nil}),
		"time without zone":          top(object{"time": "2026-11-21T20:20:00"}),
		"no evidence":                top(object{"evidence": nil}),
		"evidence that is null":      top(object{"evidence": json.RawMessage("null")}),
		"evidence of another type":   top(object{"evidence": []string{}}),
		"format in another case":     top(object{"format": nil, "Format": "x509-chain"}),
		"time in another case":       top(object{"time": nil, "Time": now.Format(time.RFC3339)}),
		"evidence in another case":   in(s.chain(), "evidence", object{"certificates": nil, "Certificates": s.device.Chain}),
		"trust in another case":      in(s.chain(), "trust", object{"Roots": []string{}}),
		"wish in another case":       in(s.chain(), "expect", object{"Revocation": "off"}),
		"challenge that is no bytes": top(object{"challenge": "a b"}),
		"challenge of another type":  top(object{"challenge": 1}),
		"unknown evidence":           in(s.chain(), "evidence", object{"signature": ""}),
		"no certificates":            in(s.chain(), "evidence", object{"certificates": nil}),
		"unknown expectation":        in(s.chain(), "expect", object{"extended_key_usages": []string{}}),
		"wish for no revocation":     in(s.chain(), "expect", object{"revocation": "no"}),
		"purpose that is no OID":     in(s.chain(), "expect", object{"extended_key_usage": []string{"clientAuth"}}),
		"any purpose and another":    in(s.chain(), "expect", object{"extended_key_usage": []string{"any", "1.3.6.1.5.5.7.3.2"}}),
		"path of nothing":            in(s.chain(), "expect", object{"max_path": 0}),
		"path without end":           in(s.chain(), "expect", object{"max_path": 1000}),
		"unknown trust":              in(s.chain(), "trust", object{"root": []string{}}),
		"root that is no PEM":        in(s.chain(), "trust", object{"roots": []string{"x"}}),
		"CRL that is no PEM":         in(s.chain(), "trust", object{"crls": []string{"x"}}),
		"response that is no base64": in(s.chain(), "trust", object{"ocsp_responses": []string{"!"}}),
		"age that is none":           in(s.chain(), "trust", object{"max_crl_age": "1 day"}),
		"age below zero":             in(s.chain(), "trust", object{"max_ocsp_age": "-1h"}),
	} {
		t.Run(name, func(t *testing.T) { mustFail(t, q) })
	}
	door := appraise.New(nil)
	for _, text := range []string{"", " ", "{", "null", "[]", `"x509-chain"`, `{"id":"a","id":"b"}`, "{}{}", `{"id":1}`, "\xff", strings.Repeat(`{"a":`, 100)} {
		if a := door.Answer([]byte(text)); a.Verdict != appraise.Error || a.ID != "" {
			t.Errorf("%.20q: %+v", text, a)
		}
	}
}

// Of two members of one name, whoever checks the one and uses the other is deceived.
func TestMemberThatOccursTwiceIsAnError(t *testing.T) {
	s := newScene(t)
	text, err := json.Marshal(s.chain())
	if err != nil {
		t.Fatal(err)
	}
	door := appraise.New(nil)
	for name, member := range map[string]string{
		"request": `"format":"x509-chain"`, "evidence": `"certificates":`, "trust": `"roots":`, "expect": `"revocation":"off"`,
	} {
		t.Run(name, func(t *testing.T) {
			extra := member
			if strings.HasSuffix(member, ":") {
				extra += "[]"
			}
			once := string(text)
			if a := door.Answer([]byte(once)); a.Verdict != appraise.Accept || strings.Count(once, member) != 1 {
				t.Fatalf("good case: %+v", a)
			}
			if a := door.Answer([]byte(strings.Replace(once, member, extra+","+member, 1))); a.Verdict != appraise.Error {
				t.Errorf("answer %+v", a)
			}
		})
	}
}

func TestPanicOfAParserIsARefusalAndCounted(t *testing.T) {
	door := appraise.New(map[string]appraise.Format{"fragile": func(*appraise.Request) (any, error) { panic("with the evidence in it") }})
	for n := range int64(2) {
		a := door.Answer([]byte(`{"id":"one","format":"fragile","time":"2026-11-21T20:20:00Z","evidence":{}}`))
		if a.Verdict != appraise.Refuse || a.Reason != attest.ReasonMalformed || strings.Contains(a.Detail, "evidence") || door.Panics() != n+1 {
			t.Errorf("answer %+v, %d panics", a, door.Panics())
		}
	}
}
