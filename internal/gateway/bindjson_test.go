package gateway

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/regrant/regrant/internal/wire"
)

// finished is the body of a finish.
func finished(t testing.TB, state string, members map[string]any) string {
	t.Helper()
	all := map[string]any{"state": state}
	for name, v := range members {
		all[name] = v
	}
	body, err := json.Marshal(all)
	must(t, err)
	return string(body)
}

func (b *browser) begunJSON(method string) wire.BeginResponse {
	b.h.t.Helper()
	return answer[wire.BeginResponse](b.h.t, b.json(http.MethodPost, beginOf(method), "{}", b.token()))
}

func TestAProgramWithTheSessionBindsAndRemoves(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.signIn()
	begun := b.begunJSON("passphrase")
	if string(begun.Options) != `{"min_length":15,"max_length":128}` || begun.ExpiresIn != 600 || !strings.HasPrefix(begun.Text, "regrant enrolment v1\n") {
		t.Errorf("begun %+v", begun)
	}
	w := b.json(http.MethodPost, finishOf("passphrase"), finished(t, begun.State, map[string]any{"passphrase": words, "label": "mine"}), b.token())
	out := answer[wire.FinishResponse](t, w)
	if i := h.only(); out.ID != i.ID || out.Method != "passphrase" || out.Label != "mine" || !out.EffectiveAt.Equal(i.EffectiveAt) || !out.Only || out.Codes != nil {
		t.Errorf("%+v", out)
	}
	w = b.json(http.MethodDelete, list+"/"+out.ID, "", b.token())
	if w.Code != http.StatusNoContent || w.Body.Len() > 0 || len(h.bound()) > 0 || b.cookies[selfCookie] != "" {
		t.Errorf("%d %s, bound %+v", w.Code, w.Body, h.bound())
	}
}

func TestAProgramGetsTheCodesOnce(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.signIn()
	body := finished(t, b.begunJSON("recovery-code").State, nil)
	out := answer[wire.FinishResponse](t, b.json(http.MethodPost, finishOf("recovery-code"), body, b.token()))
	if len(out.Codes) != 10 {
		t.Errorf("%d codes", len(out.Codes))
	}
	wantProblem(t, b.json(http.MethodPost, finishOf("recovery-code"), body, b.token()), http.StatusBadRequest, wire.ProblemEnrolmentOver, "")
}

func TestAProgramReportsALoss(t *testing.T) {
	h := open(t)
	b := h.browser()
	id := b.withCodes().ID
	wantProblem(t, b.json(http.MethodPost, "/recovery/report-lost", `{"id":""}`, b.token()), http.StatusBadRequest, wire.ProblemMalformed, "/id")
	wantProblem(t, b.json(http.MethodPost, "/recovery/report-lost", `{"id":"x"}`, b.token()), http.StatusNotFound, wire.ProblemNotFound, "")
	if w := b.json(http.MethodPost, "/recovery/report-lost", `{"id":"`+id+`"}`, b.token()); w.Code != http.StatusNoContent || len(h.bound()) > 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// Each starts from the good case and changes one thing.
func TestWhatAProgramGetsWrongBindsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		change func(b *browser, body, token *string)
		status int
		code   wire.ProblemCode
		member string
	}{
		"no token":          {func(_ *browser, _, token *string) { *token = "" }, 403, wire.ProblemRefused, ""},
		"another token":     {func(_ *browser, _, token *string) { *token = "x" }, 403, wire.ProblemRefused, ""},
		"no session":        {func(b *browser, _, _ *string) { delete(b.cookies, selfCookie) }, 403, wire.ProblemSignIn, ""},
		"no JSON":           {func(_ *browser, body, _ *string) { *body = "{" }, 400, wire.ProblemMalformed, ""},
		"a list":            {func(_ *browser, body, _ *string) { *body = "[]" }, 400, wire.ProblemMalformed, ""},
		"a member twice":    {func(_ *browser, body, _ *string) { *body = `{"passphrase":"x",` + (*body)[1:] }, 400, wire.ProblemMalformed, "/passphrase"},
		"no state":          {func(_ *browser, body, _ *string) { *body = `{"passphrase":"` + words + `"}` }, 400, wire.ProblemMalformed, "/state"},
		"a state of words":  {func(_ *browser, body, _ *string) { *body = `{"state":1,"passphrase":"` + words + `"}` }, 400, wire.ProblemMalformed, "/state"},
		"an unknown state":  {func(_ *browser, body, _ *string) { *body = `{"state":"AAAA","passphrase":"` + words + `"}` }, 400, wire.ProblemEnrolmentOver, ""},
		"a bad label":       {func(_ *browser, body, _ *string) { *body = `{"label":"a\nb",` + (*body)[1:] }, 400, wire.ProblemMalformed, "/label"},
		"an unknown member": {func(_ *browser, body, _ *string) { *body = `{"State":"x",` + (*body)[1:] }, 403, wire.ProblemRefused, ""},
		"a weak secret":     {func(_ *browser, body, _ *string) { *body = strings.Replace(*body, words, "passwordpassword", 1) }, 403, wire.ProblemRefused, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			b := h.browser()
			b.signIn()
			body, token := finished(t, b.begunJSON("passphrase").State, map[string]any{"passphrase": words}), b.token()
			c.change(b, &body, &token)
			w := b.json(http.MethodPost, finishOf("passphrase"), body, token)
			wantProblem(t, w, c.status, c.code, c.member)
			if len(h.bound()) > 0 || strings.Contains(w.Body.String(), words) {
				t.Errorf("bound %+v, said %s", h.bound(), w.Body)
			}
		})
	}
}

func TestAKeyThatWasRemovedDoesNotComeBack(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.signIn()
	key := newRecoveryKey(t)
	page := b.begun("recovery-key")
	b.fill(page, finishOf("recovery-key"), map[string]string{"proof": key.proof(t, page)})
	id := h.only().ID
	b.json(http.MethodDelete, list+"/"+id, "", b.token())
	b.signIn()
	page = b.begun("recovery-key")
	wantPage(t, b.fill(page, finishOf("recovery-key"), map[string]string{"proof": key.proof(t, page)}), http.StatusConflict, "It is known already")
}

func TestAMethodThatSpeaksFirstIsRefusedPolitely(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.signIn()
	wantProblem(t, b.json(http.MethodPost, beginOf("recovery-code"), `{"x":1}`, b.token()), http.StatusForbidden, wire.ProblemRefused, "")
	wantProblem(t, b.json(http.MethodPost, beginOf("tpm"), `{}`, b.token()), http.StatusNotFound, wire.ProblemNotFound, "")
}
