package recovery

import (
	"encoding/json"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

func TestARecoveryOfVersionOneIsRead(t *testing.T) {
	doc, err := upgrade(1, []byte(`{"txn":"t","state":"granted","authenticator":"a"}`))
	const want = `{"authenticators":["a"],"methods":["device-certificate"],"state":"granted","tier":"device-certificate","txn":"t"}`
	if err != nil || string(doc) != want {
		t.Errorf("%s, %v", doc, err)
	}
	for _, broken := range []string{`{"txn":"t"}`, `{"txn":"t","authenticator":null}`, `{"txn":"t","authenticator":""}`, `{"txn":"t","authenticator":1}`, "null", "[]", ""} {
		if doc, err := upgrade(1, []byte(broken)); err == nil {
			t.Errorf("%s was read as %s", broken, doc)
		}
	}
}

func TestARecoveryOfVersionTwoDoesItsStepsAgain(t *testing.T) {
	for _, state := range []State{"check", "revoke", StatePrepare, StateSession, StateDone} {
		want := state
		if state == "check" || state == "revoke" {
			want = StatePrepare
		}
		doc, err := upgrade(2, []byte(`{"authenticators":["a","b"],"state":"`+string(state)+`","tries":3,"txn":"t"}`))
		if err != nil || string(doc) != `{"authenticators":["a","b"],"state":"`+string(want)+`","tries":3,"txn":"t"}` {
			t.Errorf("%s: %s, %v", state, doc, err)
		}
	}
}

// Whoever was in the middle of a recovery when the gateway was updated comes through: his browser finds it, and nothing of how it was found
// before is left.
func TestARecoveryUnderWayOutlivesAnUpdate(t *testing.T) {
	for _, state := range []State{"check", "revoke"} {
		t.Run(string(state), func(t *testing.T) {
			h, browser := direct(t), browserHolder("b")
			h.dies(browser)
			h.asVersionTwo(state)
			h.sweep(leaseLife)
			if got := h.idp.log(); h.only().State != StateSession || got != "state revoke state prepare" {
				t.Fatalf("state %s after %s", h.only().State, got)
			}
			ready, err := h.entering(browser, "")
			if err != nil || ready.Way == nil {
				t.Fatalf("%+v, %v", ready, err)
			}
			h.idp.login = true
			h.sweep(upstream.AnswerLife)
			if got := h.only().State; got != StateDone {
				t.Errorf("state %s at the end", got)
			}
			must(t, h.db.View(t.Context(), func(r storage.Reader) error {
				for rec, err := range h.table.Each(r, byAccount, []byte(aliceID), 10) {
					t.Errorf("it still counts among what is under way: %+v, %v", rec, err)
				}
				return nil
			}))
		})
	}
}

// asVersionTwo writes the only recovery as version 2 did at state, which had the same indexes as what has become of it.
func (h *house) asVersionTwo(state State) {
	h.t.Helper()
	rec, old := h.only(), tableConfig("main", h.Ring.Sealer(keys.Record))
	old.Version, old.Upgrade = 2, nil
	for i, index := range old.Indexes {
		old.Indexes[i].Keys = func(r *record) [][]byte {
			as := *r
			as.State = StatePrepare
			return index.Keys(&as)
		}
	}
	must(h.t, h.db.Update(h.t.Context(), func(tx storage.Tx) error {
		if err := h.table.Delete(tx, []byte(rec.Txn)); err != nil {
			return err
		}
		rec.State = state
		return storage.NewTable(old).Put(tx, rec)
	}))
}

// FuzzUpgrade reads records of version 1. Whatever they say, what comes of them names what proved it, or is an error.
func FuzzUpgrade(f *testing.F) {
	f.Add([]byte(`{"txn":"t","state":"granted","authenticator":"a","epoch":3}`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, old []byte) {
		doc, err := upgrade(1, old)
		if err != nil {
			return
		}
		var got struct {
			Authenticators []string        `json:"authenticators"`
			Methods        []attest.Method `json:"methods"`
			Authenticator  *string         `json:"authenticator"`
		}
		if err := json.Unmarshal(doc, &got); err != nil || len(got.Authenticators) != 1 || got.Authenticators[0] == "" || len(got.Methods) != 1 {
			t.Errorf("upgraded to %s, %v", doc, err)
		}
	})
}

func TestWhyNoSessionCameIsSaidOfWhatWasPromised(t *testing.T) {
	newPassword := []attest.Action{attest.ActionSignIn, attest.ActionResetPassword}
	for want, recs := range map[string][]record{
		"no new credential was set": {{Answered: true, Actions: newPassword}},
		"no session came": {
			{Actions: newPassword}, {Answered: true, Actions: []attest.Action{attest.ActionSignIn, attest.ActionRevokeSessions}},
		},
	} {
		for _, rec := range recs {
			if got := rec.unfinished(); got != want {
				t.Errorf("%+v: %s", rec, got)
			}
		}
	}
}
