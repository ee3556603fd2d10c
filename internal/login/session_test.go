package login

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/storage"
)

func (h *house) wantNobody(secret string) {
	h.t.Helper()
	if s, err := h.Read(h.t.Context(), secret); !errors.Is(err, ErrNone) || s.AccountID() != "" {
		h.t.Errorf("session %+v, %v, want none", s, err)
	}
}

func TestASessionEndsInEveryWay(t *testing.T) {
	raise := func(accountID string) func(*house, string) {
		return func(h *house, _ string) {
			must(h.t, h.DB.Update(h.t.Context(), func(tx storage.Tx) error { return h.Accounts.RaiseEpoch(tx, accountID) }))
		}
	}
	for name, c := range map[string]struct {
		do   func(h *house, secret string)
		ends bool
	}{
		"control":                       {func(*house, string) {}, false},
		"just before its time":          {func(h *house, _ string) { h.wait(Life - time.Second) }, false},
		"its time":                      {func(h *house, _ string) { h.wait(Life) }, true},
		"signed out":                    {func(h *house, secret string) { must(h.t, h.End(h.t.Context(), secret)) }, true},
		"somebody else signed out":      {func(h *house, _ string) { must(h.t, h.End(h.t.Context(), random())) }, false},
		"epoch raised":                  {raise("alice-1"), true},
		"somebody else's epoch raised":  {raise("bob-1"), false},
		"signed out with a made-up one": {func(h *house, _ string) { must(h.t, h.End(h.t.Context(), "x")) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			_, secret := h.signedIn(Wish{})
			c.do(h, secret)
			if c.ends {
				h.wantNobody(secret)
			} else if h.read(secret).AccountID() != "alice-1" {
				t.Error("the session is over")
			}
		})
	}
}

func TestWhoSignedOutStaysSo(t *testing.T) {
	h := open(t)
	_, secret := h.signedIn(Wish{})
	must(t, h.End(t.Context(), secret))
	must(t, h.End(t.Context(), secret))
	h.wantNobody(secret)
}

func TestNoOtherSecretIsASession(t *testing.T) {
	h := open(t)
	_, secret := h.signedIn(Wish{})
	for _, bad := range []string{"", "x", random(), secret + "=", secret[:42], strings.ToUpper(secret), secret + "\n"} {
		h.wantNobody(bad)
	}
	h.read(secret)
}

func TestASessionThatCannotBeReadIsNotOver(t *testing.T) {
	h := open(t)
	_, secret := h.signedIn(Wish{})
	h.DB = brokenDB{h.DB}
	if _, err := h.Read(t.Context(), secret); !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ErrNone) {
		t.Errorf("%v, want that it could not be told", err)
	}
	if err := h.End(t.Context(), secret); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("ending it: %v", err)
	}
}

// Who reads the store can open nothing with it, and who writes it cannot sign in.
func TestTheStoreHoldsNoKeyToASession(t *testing.T) {
	h := open(t)
	_, secret := h.signedIn(Wish{})
	raw, err := base64.RawURLEncoding.DecodeString(secret)
	must(t, err)
	var rows []storage.Entry
	must(t, h.DB.View(t.Context(), func(r storage.Reader) error {
		for e, err := range r.Scan([]byte("main/self-session"), nil, 0) {
			must(t, err)
			rows = append(rows, storage.Entry{Key: slices.Clone(e.Key), Value: slices.Clone(e.Value)})
		}
		return nil
	}))
	if len(rows) != 2 {
		t.Fatalf("%d rows, want the record and its index entry", len(rows))
	}
	for _, e := range rows {
		for _, canary := range [][]byte{raw, []byte(secret), []byte(h.provider.asked.State), []byte(h.provider.asked.Verifier)} {
			if bytes.Contains(e.Key, canary) || bytes.Contains(e.Value, canary) {
				t.Errorf("row %q holds a secret", e.Key)
			}
		}
	}
	must(t, h.DB.Update(t.Context(), func(tx storage.Tx) error {
		for _, e := range rows {
			if err := tx.Put(e.Key, bytes.Replace(e.Value, []byte("alice-1"), []byte("carol-1"), 1), h.now().Add(Life)); err != nil {
				return err
			}
		}
		return nil
	}))
	if s, err := h.Read(t.Context(), secret); err == nil {
		t.Errorf("an altered record is believed: %+v", s)
	}
}

func TestNamesThatNobodyCanRecoverByAreNotShown(t *testing.T) {
	h := open(t)
	h.provider.who.Identifiers = []string{"ali\u202ece", "", "alice@example.com"}
	if s, _ := h.signedIn(Wish{}); s.Name() != "alice@example.com" || len(s.Identifiers()) != 1 {
		t.Errorf("session %+v", s)
	}
	h.provider.who.Identifiers = nil
	if s, _ := h.signedIn(Wish{}); s.Name() != "alice-1" || len(s.Identifiers()) != 0 {
		t.Errorf("session %+v", s)
	}
}
