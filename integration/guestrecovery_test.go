package integration

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/internal/wire"
)

// posts sends JSON as a program in the session of the page does, and reads what is answered.
func (v *visitor) posts(path, csrf string, in, out any) {
	v.t.Helper()
	body, err := json.Marshal(in)
	fatal(v.t, err)
	req, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, v.e.Issuer+path, bytes.NewReader(body))
	fatal(v.t, err)
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Origin": v.e.Origin, "Sec-Fetch-Site": "same-origin", "X-Csrf-Token": csrf,
		"Cookie": selfCookie + "=" + v.Cookie("localhost", selfCookie),
	} {
		req.Header.Set(name, value)
	}
	resp, err := v.e.Client.Do(req)
	fatal(v.t, err)
	defer resp.Body.Close()
	var text bytes.Buffer
	_, err = text.ReadFrom(resp.Body)
	fatal(v.t, err)
	if resp.StatusCode != http.StatusOK {
		v.t.Fatalf("%s: %d %s", path, resp.StatusCode, &text)
	}
	fatal(v.t, json.Unmarshal(text.Bytes(), out))
}

// binds an authenticator of a method; answer makes what the client answers to the text that it is to show it for.
func (v *visitor) binds(method string, answer func(text string) map[string]any) (bound wire.FinishResponse) {
	v.t.Helper()
	csrf := ""
	for _, f := range v.authenticators().Forms {
		if strings.HasSuffix(f.Action, "/begin") {
			csrf = f.Values.Get("csrf")
		}
	}
	var begun wire.BeginResponse
	v.posts("/authenticators/"+method+"/begin", csrf, struct{}{}, &begun)
	in := answer(begun.Text)
	in["state"] = begun.State
	v.posts("/authenticators/"+method+"/finish", csrf, in, &bound)
	return bound
}

// vouched is an environment in which Alice has codes, and the office's word that she is E-1.
type vouched struct {
	t *testing.T
	e *env.Env
	office
	codes []string
}

func newVouched(t *testing.T) *vouched {
	t.Helper()
	buildGuest(t)
	s := &vouched{t: t, office: newOffice(t)}
	code := "method recovery_code {\n risk_analysis RA-DEMO-4\n probation 0s\n}"
	s.e = own(t, env.Options{IdP: env.Demo, Patient: true, Caddy: "caddy-voucher", Gateway: []string{s.method(), code}})
	v := newVisitor(t, s.e)
	v.wantIn(v.signs(v.begins(), "alice"), "alice")
	s.codes = v.binds("recovery-code", func(string) map[string]any { return map[string]any{} }).Codes
	v.binds("voucher", func(text string) (in map[string]any) {
		fatal(t, json.Unmarshal(s.vouches("E-1", text), &in))
		return in
	})
	return s
}

// code is evidence, good once.
func (s *vouched) code() json.RawMessage {
	text, _ := json.Marshal(map[string]string{"method": "recovery-code", "code": s.codes[0]})
	s.codes = s.codes[1:]
	return text
}

func (s *vouched) begin() (*claimant.Claimant, wire.InitiateResponse) {
	s.t.Helper()
	p := &claimant.Claimant{Issuer: s.e.Issuer, Client: s.e.Client, Holder: claimant.NewKey()}
	begun, answer, err := p.Initiate(s.t.Context(), "alice@demo.example")
	fatal(s.t, err)
	if answer.Status != http.StatusOK {
		s.t.Fatalf("%d %s", answer.Status, answer.Body)
	}
	return p, begun
}

// brings evidence, and says what came of it: an outcome, or why there is none.
func (s *vouched) brings(p *claimant.Claimant, id string, proofs ...json.RawMessage) (came wire.AttestResponse, outcome string) {
	s.t.Helper()
	answer, err := p.JSON(s.t.Context(), "/attest", map[string]any{"recovery_id": id, "evidence": proofs})
	fatal(s.t, err)
	if answer.Status != http.StatusOK {
		return came, answer.Code()
	}
	fatal(s.t, answer.Into(&came))
	return came, came.Outcome
}

// Bound in a session of the person's own, it is good beside a recovery code, under the risk analysis that was named.
func TestAMethodOfSomebodyElseRecoversBesideACode(t *testing.T) {
	s := newVouched(t)
	for _, x := range []struct {
		name    string
		proofs  func(statement string) []json.RawMessage
		outcome string
	}{
		{"beside a code", func(st string) []json.RawMessage { return []json.RawMessage{s.vouches("E-1", st), s.code()} }, "granted"},
		{"alone", func(st string) []json.RawMessage { return []json.RawMessage{s.vouches("E-1", st)} }, "refused"},
		{"for another person", func(st string) []json.RawMessage { return []json.RawMessage{s.vouches("E-2", st), s.code()} }, "refused"},
		{"of another office", func(st string) []json.RawMessage { return []json.RawMessage{newOffice(t).vouches("E-1", st), s.code()} }, "refused"},
		{"for another recovery", func(string) []json.RawMessage {
			_, other := s.begin()
			return []json.RawMessage{s.vouches("E-1", other.Statement), s.code()}
		}, "refused"},
	} {
		t.Run(x.name, func(t *testing.T) {
			p, begun := s.begin()
			if _, outcome := s.brings(p, begun.RecoveryID, x.proofs(begun.Statement)...); outcome != x.outcome {
				t.Errorf("%s, want %s", outcome, x.outcome)
			}
		})
	}
	p, begun := s.begin()
	more, outcome := s.brings(p, begun.RecoveryID, s.code())
	if outcome != "more" || !slices.Contains(offered(more.Methods), "voucher") {
		t.Fatalf("after a code: %s %+v", outcome, more.Methods)
	}
	if _, outcome = s.brings(p, more.RecoveryID, s.vouches("E-1", more.Statement)); outcome != "granted" {
		t.Errorf("after a code: %s", outcome)
	}
}
