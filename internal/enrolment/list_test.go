package enrolment

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/storage"
)

func TestAnItemSaysWhereItStands(t *testing.T) {
	h := open(t)
	id := h.bind(h.alice(), key, "blue").ID
	want := func(when string, want Standing) {
		t.Helper()
		if got := h.all(aliceID)[0]; got.Standing != want || got.ID != id {
			t.Errorf("%s: %+v", when, got)
		}
	}
	want("just bound", StandingProbation)
	h.wait(probation)
	want("after the probation", StandingUsable)
	h.wait(366 * 24 * time.Hour)
	want("a year on", StandingExpired)
	must(t, h.Remove(t.Context(), h.alice(), id))
	if all := h.all(aliceID); len(all) != 0 {
		t.Errorf("removed: %+v", all)
	}

	second := h.bind(h.alice(), attest.MethodPassphrase, "x").ID
	h.update(func(tx storage.Tx) error {
		for range account.MaxFailures {
			if _, err := h.Accounts.Failed(tx, second); err != nil {
				return err
			}
		}
		return nil
	})
	i := slices.IndexFunc(h.all(aliceID), func(i Item) bool { return i.ID == second })
	if got := h.all(aliceID)[i]; got.Standing != StandingDisabled || got.Method != attest.MethodPassphrase || got.Name != "my x" {
		t.Errorf("guessed at too often: %+v", got)
	}
}

func TestOfCodesAndOfAPassphraseThereIsOneSet(t *testing.T) {
	for _, m := range []attest.Method{attest.MethodRecoveryCode, attest.MethodPassphrase} {
		h := open(t)
		first := h.bind(h.alice(), m, "old")
		h.bind(h.alice(), key, "blue")
		h.wait(time.Second)
		second := h.bind(h.alice(), m, "new")
		if a := h.get(first.ID); a.RevokedAt.IsZero() || a.RevokeReason != "replaced" {
			t.Errorf("%s: the first is %+v", m, a)
		}
		if got := h.all(aliceID); len(got) != 2 || len(h.entries(journal.KindAuthenticatorBound)) != 3 {
			t.Errorf("%s: %+v", m, got)
		}
		if m == attest.MethodRecoveryCode && (!slices.Equal(second.Shown, []string{"code-a-new", "code-b-new"}) || h.all(aliceID)[1].CodesLeft != 2) {
			t.Errorf("shown %q", second.Shown)
		}
	}
}

// each change leaves one entry and one notice, which name it and hold no secret.
func TestEachChangeIsJournalledAndTold(t *testing.T) {
	h := open(t)
	codes := h.bind(h.visit(aliceID, "pwd", "otp"), attest.MethodRecoveryCode, "s3cret")
	blue := h.bind(h.visit(aliceID, "pwd", "otp"), key, "blue")
	must(t, h.Remove(t.Context(), h.visit(aliceID, "pwd", "otp"), codes.ID))
	must(t, h.ReportLost(t.Context(), h.alice(), blue.ID))
	for kind, id := range map[journal.Kind]string{journal.KindAuthenticatorRemoved: codes.ID, journal.KindAuthenticatorLost: blue.ID} {
		found := h.entries(kind)
		if len(found) != 1 || found[0].Authenticator != id || found[0].AccountID != aliceID || found[0].Actor != "owner" || found[0].Detail["network"] != "203.0.113.0/24" {
			t.Errorf("%s: %+v", kind, found)
		}
	}
	bound := h.entries(journal.KindAuthenticatorBound)
	i := slices.IndexFunc(bound, func(e journal.Entry) bool { return e.Authenticator == blue.ID })
	if len(bound) != 2 || i < 0 {
		t.Fatalf("bound: %+v", bound)
	}
	for name, want := range map[string]string{"method": "ssh-key", "class": "single-factor-cryptographic", "amr": "pwd otp", "model": "model-of-blue"} {
		if got := bound[i].Detail[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	said := map[string]int{}
	for _, e := range h.stored() {
		for _, text := range []string{
			"my blue (ssh-key) was added to the ways to recover your account. From 2026-11-24T20:00:00Z on it can be used", "my s3cret (recovery-code) was removed", "my blue (ssh-key) was reported lost",
		} {
			said[text] += bytes.Count(e.Value, []byte(text))
		}
		if bytes.Contains(e.Value, []byte("code-a-")) {
			t.Errorf("a code is in the store: %s", e.Value)
		}
	}
	for text, n := range said {
		if n != 1 {
			t.Errorf("%d notices say %q", n, text)
		}
	}
}

// What was wrong is for the operator, and nobody is told of an enrolment that came to nothing.
func TestARefusedEnrolmentIsJournalledAndNobodyIsTold(t *testing.T) {
	h := open(t)
	v := h.alice()
	if _, err := h.Finish(t.Context(), v, key, Answer{State: h.begun(v, key).State, Body: []byte("refuse")}); err == nil {
		t.Fatal("not refused")
	}
	found := h.entries(journal.KindEnrolmentRefused)
	if len(found) != 1 || found[0].AccountID != aliceID || found[0].Detail["method"] != "ssh-key" || found[0].Detail["reason"] != "signature: a detail for the operator" {
		t.Errorf("%+v", found)
	}
	for _, e := range h.stored() {
		if bytes.Contains(e.Value, []byte(`"message":`)) {
			t.Errorf("told: %s", e.Value)
		}
	}
}

// Whoever can write to the database, and knows no key, adds no authenticator.
func TestAnAuthenticatorAddedToTheStoreByHandIsNotBelieved(t *testing.T) {
	h := open(t)
	v := h.alice()
	id := h.bind(v, key, "blue").ID
	forge := func(tx storage.Tx, table string) error {
		forged := strings.Repeat("X", len(id))
		for e, err := range tx.Scan(nil, nil, 0) {
			if err != nil {
				return err
			}
			if bytes.Contains(e.Key, []byte(table)) {
				swap := func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(id), []byte(forged)) }
				if err := tx.Put(swap(e.Key), swap(e.Value), time.Time{}); err != nil {
					return err
				}
			}
		}
		return nil
	}
	h.update(func(tx storage.Tx) error { return forge(tx, "authenticator") })
	if all := h.all(aliceID); len(all) != 1 || all[0].ID != id {
		t.Errorf("listed %+v", all)
	}
	h.update(func(tx storage.Tx) error { return forge(tx, "account-guard") }) // which is to name it
	if items, _, err := h.List(t.Context(), aliceID); err == nil {
		t.Errorf("listed %+v", items)
	}
	if _, err := h.Begin(t.Context(), v, key, nil); err == nil {
		t.Error("an enrolment goes on beside it")
	}
}

func TestAStoreThatIsDownSaysNothingAboutTheAccount(t *testing.T) {
	h := open(t)
	v := h.alice()
	h.db.down.Store(true)
	if items, advice, err := h.List(t.Context(), aliceID); !errors.Is(err, io.ErrClosedPipe) || items != nil || advice.Kind != AdviceFine || advice.Add != nil {
		t.Errorf("%v, %+v, %v", items, advice, err)
	}
	if _, err := h.Begin(t.Context(), v, key, nil); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%v", err)
	}
}
