package gateway

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/wire"
)

// methods are all that there are, but for a guest's.
var methods = []attest.Method{
	attest.MethodDeviceCertificate, attest.MethodPasskey, attest.MethodTPM, attest.MethodSSHKey, attest.MethodRecoveryKey, attest.MethodRecoveryCode, attest.MethodPassphrase,
}

// spoilt are elements that differ from a good one in one thing, by what that is.
func spoilt(t testing.TB, element string) map[string]string {
	t.Helper()
	var good map[string]any
	must(t, json.Unmarshal([]byte(element), &good))
	all := map[string]string{}
	put := func(what, name string, value any) {
		m := maps.Clone(good)
		m[name] = value
		text, err := json.Marshal(m)
		must(t, err)
		all[what+" "+name] = string(text)
	}
	for name, value := range good {
		if name == "method" {
			continue
		}
		m := maps.Clone(good)
		delete(m, name)
		text, err := json.Marshal(m)
		must(t, err)
		all["without "+name] = string(text)
		for what, wrong := range map[string]any{
			"null": nil, "number": 7, "boolean": true, "empty text": "", "text that is none": "\x00\u202e", "empty list": []any{}, "empty object": map[string]any{},
			"list of numbers": []int{1, 2}, "longer": strings.Repeat("QUJD", 4<<10), "nested": nested(12), "list of long texts": slices.Repeat([]string{strings.Repeat("A", 2000)}, 20),
		} {
			put(what, name, wrong)
		}
		switch value := value.(type) {
		case string:
			put("truncated", name, value[:len(value)/2])
			put("twice", name, value+value)
			put("with a byte changed", name, changed(value))
		case map[string]any:
			for inner, v := range value {
				m := maps.Clone(value)
				delete(m, inner)
				if _, ok := v.(string); ok {
					m[inner] = "A"
				}
				if needed[inner] {
					put("spoilt "+inner+" in", name, m)
				}
			}
		}
	}
	put("unknown", "surplus", 1)
	put("of another case,", "Method", good["method"])
	return all
}

// needed are the members of members that must be there and right.
var needed = map[string]bool{"id": true, "rawId": true, "type": true, "response": true, "kty": true, "crv": true, "x": true, "y": true, "0": true, "7": true}

func nested(depth int) (v any) {
	for range depth {
		v = []any{v}
	}
	return v
}

// changed is text with another character in its middle, where whatever it says is no longer so.
func changed(text string) string {
	i := len(text) / 2
	for text[i] == '\n' || text[i] == '-' || text[i] == ' ' {
		i++
	}
	c := "A"
	if text[i] == 'A' {
		c = "B"
	}
	return text[:i] + c + text[i+1:]
}

// Each row begins with evidence that is accepted, and changes one thing of it.
func TestWhateverIsWrongWithEvidenceIsOneAnswer(t *testing.T) {
	r := newResident(t, nil)
	var refused string
	for _, m := range methods {
		t.Run(string(m), func(t *testing.T) {
			w := r.brings(func(st string) []string { e, besides := r.proof(m, st); return append(besides, e) })
			if w.Code != http.StatusOK {
				t.Fatalf("the good case: %d %s", w.Code, w.Body)
			}
			element, _ := r.proof(m, "x")
			for what := range spoilt(t, element) {
				w := r.brings(func(st string) []string {
					e, besides := r.proof(m, st)
					return append(besides, spoilt(t, e)[what])
				})
				if refused == "" {
					wantProblem(t, w, http.StatusForbidden, wire.ProblemRefused, "")
					refused = w.Body.String()
				}
				if w.Code != http.StatusForbidden || w.Body.String() != refused {
					t.Errorf("%s: %d %s", what, w.Code, w.Body)
				}
				if why := r.h.refusal(); why == "" || strings.Contains(why, "panic") {
					t.Errorf("%s: the journal says %q", what, why)
				}
			}
		})
	}
	if log := r.h.log.String(); strings.Contains(log, "level=ERROR") || strings.Contains(log, "panic") {
		t.Error(log)
	}
}

// Evidence of one method under the name of another, of a method that nobody has, for another recovery, and twice.
func TestEvidenceInAnotherPlaceIsRefused(t *testing.T) {
	r := newResident(t, nil)
	renamed := func(element string, m attest.Method) string {
		var e map[string]any
		must(t, json.Unmarshal([]byte(element), &e))
		e["method"] = m
		text, err := json.Marshal(e)
		must(t, err)
		return string(text)
	}
	refuses := func(what string, evidence func(st string) []string) {
		t.Helper()
		wantProblem(t, r.brings(evidence), http.StatusForbidden, wire.ProblemRefused, "")
		if why := r.h.refusal(); why == "" || strings.Contains(why, "panic") {
			t.Errorf("%s: the journal says %q", what, why)
		}
	}
	for _, m := range methods {
		good := func(st string) string { e, _ := r.proof(m, st); return e }
		for _, other := range append(methods, "knock-knock", "android-key") {
			if other != m {
				refuses(string(m)+" as "+string(other), func(st string) []string { return []string{renamed(good(st), other)} })
			}
		}
		refuses("twice", func(st string) []string { return []string{good(st), good(st)} })
		if m.Class() != attest.ClassSavedCode && m.Class() != attest.ClassPassword { // those are bound to the request that brings them
			refuses("for another recovery", func(string) []string { return []string{good(r.initiate("sign-in").Statement)} })
		}
	}
}

// Evidence that is no list of JSON objects which name their method is bad evidence, too: refused, journalled and burnt.
func TestEvidenceThatCannotBeReadIsRefusedLikeAnyOther(t *testing.T) {
	r := newResident(t, nil)
	good := string(r.having(attest.MethodSSHKey).Evidence(r.initiate("sign-in").Statement))
	refused := r.brings(func(string) []string { return []string{good} })
	for what, evidence := range map[string]string{
		"cut off": `[` + good[:len(good)/2] + `]`, "not a list": good, "a text": `["x"]`, "a list": `[[]]`, "null": `[null]`,
		"no method": `[{}]`, "method is a number": `[{"method":7}]`, "method twice": `[{"method":"ssh-key","method":"tpm"}]`,
		"a member twice": `[` + strings.Replace(good, `{`, `{"signature":"x",`, 1) + `]`,
		"deep":           `[{"method":"ssh-key","signature":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}]`,
		"nine":           `[` + strings.Repeat(good+",", 8) + good + `]`, "bad UTF-8": "[{\"method\":\"ssh-key\",\"signature\":\"\xff\"}]",
	} {
		t.Run(what, func(t *testing.T) {
			begun := r.initiate("sign-in")
			w := r.post("/recovery/attest", `{"recovery_id":"`+begun.RecoveryID+`","evidence":`+evidence+`}`)
			if w.Code != http.StatusForbidden || w.Body.String() != refused.Body.String() {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if why := r.h.refusal(); !strings.HasPrefix(why, "malformed") {
				t.Errorf("the journal says %q", why)
			}
			again := r.post("/recovery/attest", `{"recovery_id":"`+begun.RecoveryID+`","evidence":[`+good+`]}`)
			wantProblem(t, again, http.StatusBadRequest, wire.ProblemRecoveryExpired, "")
		})
	}
}

// Each row is a good request but for its frame: nothing is burnt, and nothing refused.
func TestWhatIsNotARequestIsSaidToBeNone(t *testing.T) {
	r := newResident(t, nil)
	begun := r.initiate("sign-in")
	id, good := `"recovery_id":"`+begun.RecoveryID+`"`, `"evidence":[`+string(r.having(attest.MethodPasskey).Evidence(begun.Statement))+`]`
	for what, body := range map[string]string{
		"no evidence": `{` + id + `,"evidence":[]}`, "a stranger's member": `{` + id + `,"account":"bob",` + good + `}`, "no recovery": `{` + good + `}`,
		"a recovery twice": `{` + id + `,` + id + `,` + good + `}`, "nobody's recovery": `{"recovery_id":"x","evidence":[{}]}`,
		"unread before its recovery": `{"evidence":[{"a":1,"a":2}],` + id + `}`, "no object": `[` + `{` + id + `,` + good + `}]`, "not all": `{` + id,
	} {
		if w := r.post("/recovery/attest", body); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
	}
	if w := r.post("/recovery/attest", `{`+id+`,`+good+`}`); w.Code != http.StatusOK {
		t.Errorf("the recovery was burnt: %d %s", w.Code, w.Body)
	}
}
