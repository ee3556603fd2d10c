package trial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/internal/login"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

func TestATrialIsMadeWatchedAndEnded(t *testing.T) {
	h := open(t)
	b := h.begun()
	if !strings.HasPrefix(b.Account.Identifiers[0], "regrant-trial-") || len(b.Password) < 20 || !h.waived(b.Account.ID) || h.trials() != 1 {
		t.Fatalf("%+v", b)
	}
	id := h.bind(b.Account.ID)
	seen, err := h.Observe(t.Context(), b.ID)
	must(t, err)
	if len(seen.Sessions) != 1 || len(seen.Authenticators) != 1 || seen.Authenticators[0] != id || len(seen.Journal) != 1 {
		t.Errorf("%+v", seen)
	}
	left, err := h.End(t.Context(), b.ID)
	must(t, err)
	if !left.Clean() || h.trials() != 0 || h.waived(b.Account.ID) {
		t.Errorf("left: %+v", left)
	}
	if _, err := h.Logins.Read(t.Context(), b.Session); !errors.Is(err, login.ErrNone) {
		t.Errorf("its session: %v", err)
	}
	if kinds := h.kinds(b.Account.ID); fmt.Sprint(kinds) != "[trial-begun by Olga trial-ended by Olga]" {
		t.Errorf("journal: %v", kinds)
	}
	if _, err := h.Observe(t.Context(), b.ID); !errors.Is(err, ErrOver) {
		t.Errorf("observed after its end: %v", err)
	}
	again, err := h.End(t.Context(), b.ID)
	if must(t, err); !again.Clean() || len(h.kinds(b.Account.ID)) != 2 {
		t.Errorf("ended twice: %+v", again)
	}
}

func TestNoTrialTakesAnAccountThatIsThereAlready(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*house)
		want   error
	}{
		"the server says that there is one": {func(h *house) { h.server.refuse = true }, upstream.ErrRefused},
		"the server names somebody else": {func(h *house) {
			h.server.answer = upstream.Account{ID: "alice-1", Identifiers: []string{"alice"}}
		}, ErrNotOrdinary},
		"something was bound to it":     {func(h *house) { h.bind("id-1") }, ErrNotOrdinary},
		"something happened to it here": {func(h *house) { raise(h, "id-1") }, ErrNotOrdinary},
		"it has rights":                 {func(h *house) { h.server.privilege = upstream.PrivilegePrivileged }, ErrNotOrdinary},
		"its rights cannot be read":     {func(h *house) { h.server.privilege = upstream.PrivilegeUnknown }, ErrNotOrdinary},
		"it is disabled":                {func(h *house) { h.server.disabled = true }, ErrNotOrdinary},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			c.change(h)
			b, err := h.Begin(t.Context(), "Olga")
			if !errors.Is(err, c.want) || b.Session != "" || b.Password != "" {
				t.Fatalf("%+v, %v", b, err)
			}
			if h.waived("alice-1") || h.waived("id-1") || h.server.accounts["alice-1"] != "alice" {
				t.Error("somebody is taken for a trial's account")
			}
		})
	}
}

func raise(h *house, accountID string) {
	must(h.t, h.DB.Update(h.t.Context(), func(tx storage.Tx) error { return h.Accounts.RaiseEpoch(tx, accountID) }))
}

func TestOnlyTheAccountOfALiveTrialIsWaived(t *testing.T) {
	h := open(t)
	b := h.begun()
	for _, other := range []string{"", "alice-1", b.ID, b.Account.Identifiers[0], b.Account.ID + "0", b.Account.ID[:len(b.Account.ID)-1]} {
		if h.waived(other) {
			t.Errorf("%q is", other)
		}
	}
	h.wait(Grace - time.Second)
	if !h.waived(b.Account.ID) {
		t.Error("too early")
	}
	h.wait(time.Second)
	if h.waived(b.Account.ID) {
		t.Error("still, after its time")
	}
}

func TestTheSessionOfATrialIsThatAccountsAlone(t *testing.T) {
	h := open(t)
	b := h.begun()
	s, err := h.Logins.Read(t.Context(), b.Session)
	must(t, err)
	if s.AccountID() != b.Account.ID || s.Recovery() || s.Assurance() != (upstream.Assurance{AAL: upstream.AAL1}) {
		t.Errorf("%+v", s)
	}
	if s.EndsAt().After(b.ExpiresAt) {
		t.Errorf("it ends %s, after the trial", s.EndsAt())
	}
}

func TestWhoeverWritesTheStoreMakesNoTrial(t *testing.T) {
	h := open(t)
	b := h.begun()
	rewrite := func(old, new string) {
		must(t, h.DB.Update(t.Context(), func(tx storage.Tx) error {
			for e, err := range tx.Scan([]byte("main/trial\x00"), nil, 0) {
				must(t, err)
				must(t, tx.Put(e.Key, bytes.ReplaceAll(e.Value, []byte(old), []byte(new)), time.Time{}))
			}
			return nil
		}))
	}
	rewrite(`"account_id":"`+b.Account.ID, `"account_id":"alice-1`)
	err := h.DB.View(t.Context(), func(r storage.Reader) error {
		_, err := h.Live(r, b.Account.ID)
		return err
	})
	if err == nil {
		t.Error("an altered record is believed")
	}
	if _, err := h.End(t.Context(), b.ID); err == nil || h.server.accounts["alice-1"] == "" {
		t.Errorf("alice is deleted: %v", err)
	}
}

func TestFewTrialsRunAtATime(t *testing.T) {
	h := open(t)
	var last Begun
	for range MaxOpen {
		last = h.begun()
	}
	if _, err := h.Begin(t.Context(), "Olga"); !errors.Is(err, ErrTooMany) || h.server.made != MaxOpen {
		t.Fatalf("%v, %d accounts", err, h.server.made)
	}
	_, err := h.End(t.Context(), last.ID)
	must(t, err)
	h.begun()
}

func TestATrialThatNobodyKeepsIsDeleted(t *testing.T) {
	h := open(t)
	b := h.begun()
	h.bind(b.Account.ID)
	for range 3 {
		h.wait(Grace - time.Second)
		must(t, h.Keep(t.Context(), b.ID))
		must(t, h.sweep(t.Context()))
		if h.trials() != 1 || !h.waived(b.Account.ID) {
			t.Fatal("deleted too early")
		}
	}
	h.wait(Grace)
	if err := h.Keep(t.Context(), b.ID); !errors.Is(err, ErrOver) {
		t.Errorf("kept after its time: %v", err)
	}
	must(t, h.sweep(t.Context()))
	left, err := h.End(t.Context(), b.ID)
	if must(t, err); h.trials() != 0 || !left.Clean() {
		t.Errorf("left: %+v", left)
	}
}

func TestNoTrialIsKeptForEver(t *testing.T) {
	h := open(t)
	b := h.begun()
	for h.Keep(t.Context(), b.ID) == nil {
		if h.wait(Grace / 2); h.ahead.Load() > int64(Life) {
			t.Fatal("it is kept after its end")
		}
	}
	must(t, h.sweep(t.Context()))
	if h.trials() != 0 {
		t.Error("its account is left")
	}
}

// The answer of the identity provider got lost: nobody knows whether there is an account.
func TestAnAccountThatNobodyKnowsOfIsFoundByItsName(t *testing.T) {
	h := open(t)
	h.server.makeErr = upstream.ErrUnavailable
	if _, err := h.Begin(t.Context(), "Olga"); !errors.Is(err, upstream.ErrUnavailable) || h.trials() != 1 {
		t.Fatalf("%v", err)
	}
	h.wait(Grace)
	must(t, h.sweep(t.Context()))
	if h.trials() != 0 || h.server.accounts["alice-1"] == "" {
		t.Errorf("accounts: %v", h.server.accounts)
	}
}

// What Run has looked for in vain would be nobody's, were it made afterwards.
func TestNoAccountIsMadeAfterItWasLookedFor(t *testing.T) {
	h := open(t)
	begin := time.Now()
	h.begun()
	if by := h.server.makeBy; by.IsZero() || by.After(begin.Add(Grace-upstream.Timeout)) {
		t.Errorf("an account may be made for %s", by.Sub(begin))
	}
}

func TestWhatCannotBeDeletedIsTriedAgain(t *testing.T) {
	h := open(t)
	b := h.begun()
	h.bind(b.Account.ID)
	h.server.endErr = upstream.ErrUnavailable
	if _, err := h.End(t.Context(), b.ID); !errors.Is(err, upstream.ErrUnavailable) {
		t.Fatalf("%v", err)
	}
	if h.waived(b.Account.ID) {
		t.Error("its authenticators still count at once")
	}
	if _, err := h.Logins.Read(t.Context(), b.Session); !errors.Is(err, login.ErrNone) {
		t.Errorf("its session: %v", err)
	}
	h.wait(Grace)
	if err := h.sweep(t.Context()); err == nil {
		t.Error("nobody learns of it")
	}
	h.server.endErr = nil
	h.wait(lookLease)
	must(t, h.sweep(t.Context()))
	if h.trials() != 0 {
		t.Error("its account is left")
	}
}

func TestWhereNoAccountCanBeMadeNoTrialBegins(t *testing.T) {
	h := open(t)
	h.Trials = nil
	if _, err := h.Begin(t.Context(), "Olga"); !errors.Is(err, upstream.ErrUnsupported) {
		t.Errorf("%v", err)
	}
	must(t, h.sweep(t.Context()))
}

func TestTrialsThatAreNotThere(t *testing.T) {
	h := open(t)
	_, observed := h.Observe(t.Context(), "x")
	_, ended := h.End(t.Context(), "x")
	for _, err := range []error{observed, ended, h.Keep(t.Context(), "x")} {
		if !errors.Is(err, ErrOver) {
			t.Errorf("%v", err)
		}
	}
}

func TestTheWorkerEndsWithItsContext(t *testing.T) {
	h := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
