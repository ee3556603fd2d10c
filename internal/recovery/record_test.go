package recovery

import (
	"encoding/json"
	"testing"

	"github.com/regrant/regrant/attest"
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
