package gateway

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest/canary"
	"github.com/regrant/regrant/attest/attesttest/wallet"
	"github.com/regrant/regrant/internal/authority"
	"github.com/regrant/regrant/internal/wire"
	"github.com/regrant/regrant/storage"
)

// stored is everything in the store, keys and values, as whoever has its disk and the key of that disk sees it.
func (h *house) stored() map[string][]byte {
	h.t.Helper()
	all := map[string][]byte{}
	must(h.t, h.DB.View(h.t.Context(), func(r storage.Reader) error {
		for e, err := range r.Scan(nil, nil, 0) {
			if err != nil {
				return err
			}
			all[string(e.Key)] = append(append(bytes.Clone(e.Key), '\n'), e.Value...)
		}
		return nil
	}))
	return all
}

// Alice binds everything, recovers with everything, is refused in many ways; then a thief takes the store, the log and every answer that was
// not hers to read.
func TestADumpOfTheStoreHoldsNoSecret(t *testing.T) {
	r := newResident(t, nil)
	secrets := canary.Secrets{}
	code, err := r.h.Authority.NewCode(t.Context(), authority.CodeRequest{Identifier: alice, As: "admin"})
	must(t, err)
	secrets["activation code"], secrets["activation code in one word"] = []byte(code.Text), []byte(strings.ReplaceAll(code.Text, "-", ""))
	secrets["secret of a session"] = []byte(r.h.visitor().Secret)
	for _, a := range r.wallet {
		for name, secret := range a.Secrets() {
			secrets[name] = secret
		}
	}
	codes := r.having(attest.MethodRecoveryCode).(*wallet.Codes)
	for i, text := range codes.Left {
		secrets.Code(fmt.Sprint("code ", i), text)
	}
	answers := r.recoversWithEverything(t, secrets)
	if len(secrets) < 60 {
		t.Fatalf("only %d secrets are canaries", len(secrets))
	}
	rows := r.h.stored()
	inside := canary.Secrets{"what a format keeps": []byte(`"public_key":`)}
	if inside.Found(bytes.Join(slices.Collect(maps.Values(rows)), nil)) == nil {
		t.Fatal("the scan does not look into records")
	}
	for _, table := range []string{"main/authenticator", "main/recovery", "main/journal", "main/outbox", "main/self-session", "main/account-guard"} {
		found := false
		for key, row := range rows {
			if strings.HasPrefix(key, table+"\x00") {
				secrets.Absent(t, table, row)
				found = true
				delete(rows, key)
			}
		}
		if !found {
			t.Errorf("nothing in %s", table)
		}
	}
	for key, row := range rows {
		secrets.Absent(t, strings.ToValidUTF8(key, "?"), row)
	}
	secrets.Absent(t, "the log", r.h.log.Bytes())
	secrets.Absent(t, "an answer", []byte(strings.Join(answers, "\n")))
}

// recoversWithEverything plants what is handed out on the way, and returns what strangers are answered.
func (r *resident) recoversWithEverything(t *testing.T, secrets canary.Secrets) (answers []string) {
	t.Helper()
	for _, m := range methods {
		begun := r.initiate("sign-in")
		secrets["recovery_id of "+string(m)] = []byte(begun.RecoveryID)
		e, besides := r.proof(m, begun.Statement)
		if m == attest.MethodSSHKey { // with a code, which is consumed and replaced
			c, _ := r.proof(attest.MethodRecoveryCode, begun.Statement)
			besides = []string{c}
		}
		w := r.post("/recovery/attest", `{"recovery_id":"`+begun.RecoveryID+`","evidence":[`+strings.Join(append(besides, e), ",")+`]}`)
		came := answer[wire.AttestResponse](t, w)
		for name, value := range map[string]string{"recovery token of ": came.RecoveryToken, "second recovery_id of ": came.RecoveryID} {
			if value != "" {
				secrets[name+string(m)] = []byte(value)
			}
		}
		for _, text := range came.ReplacementCodes {
			secrets.Code("replacement", text)
			sheet := r.having(attest.MethodRecoveryCode).(*wallet.Codes)
			sheet.Left = sheet.Left[1:]
		}
		for _, wrong := range []string{strings.Replace(e, `"method"`, `"x":1,"method"`, 1), e + "x", e[:len(e)/2]} {
			refused := r.brings(func(string) []string { return append(besides, wrong) })
			answers = append(answers, refused.Body.String())
		}
	}
	if _, ok := secrets["replacement"]; !ok {
		t.Error("no code was replaced")
	}
	answers = append(answers, r.pagesOfStrangers(t)...)
	return answers
}

// pagesOfStrangers are error pages.
func (r *resident) pagesOfStrangers(t *testing.T) (pages []string) {
	t.Helper()
	b := r.h.browser()
	for _, w := range []*httptest.ResponseRecorder{
		b.get("/recovery/no-such-page", "none"), b.post("/recovery/prove", "same-origin", map[string][]string{"recovery_id": {"x"}, "method": {"passphrase"}, "passphrase": {"x"}}),
		b.get("/recovery/authenticators", "none"),
	} {
		if w.Code >= http.StatusInternalServerError {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		pages = append(pages, w.Body.String())
	}
	return pages
}
