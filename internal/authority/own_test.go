package authority

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/storage"
)

const sitting = 8 * time.Minute // that the session lasts

// ownCode is a code that alice made in a session.
func (g *gateway) ownCode(t testing.TB) (code Code) {
	t.Helper()
	g.update(t, func(tx storage.Tx) (err error) {
		code, err = g.OwnCode(tx, Owner{
			AccountID: "alice-id", Identifier: "alice", Identifiers: []string{"alice"}, Session: []byte("session"), Until: tx.Now().Add(sitting),
		})
		return err
	})
	return code
}

func (g *gateway) update(t testing.TB, fn func(storage.Tx) error) {
	t.Helper()
	if err := g.DB.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// waiting is a device that waits for its confirmation.
func (g *gateway) waiting(t testing.TB) Enrolled {
	t.Helper()
	e, err := g.Enroll(t.Context(), g.ownCode(t).Text, freshCSR(t), "phone")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (g *gateway) confirm(t testing.TB, accountID, id, session string) error {
	t.Helper()
	return g.DB.Update(t.Context(), func(tx storage.Tx) error {
		_, err := g.Confirm(tx, accountID, id, []byte(session))
		return err
	})
}

func (g *gateway) usable(t testing.TB, id string) error {
	t.Helper()
	return g.bound(t, id).Usable(g.clock.Now().Add(g.Probation))
}

func (g *gateway) kinds(t testing.TB) (kinds []journal.Kind) {
	t.Helper()
	for _, e := range g.journalled(t) {
		kinds = append([]journal.Kind{e.Kind}, kinds...)
	}
	return kinds
}

func TestAnOwnCodeEndsWithItsSession(t *testing.T) {
	g := newGateway(t)
	if code := g.ownCode(t); !code.ExpiresAt.Equal(g.clock.Now().Add(sitting)) {
		t.Errorf("expires %v", code.ExpiresAt)
	}
	g.update(t, func(tx storage.Tx) error { // R-045, whatever a session lasts
		code, err := g.OwnCode(tx, Owner{AccountID: "alice-id", Session: []byte("s"), Until: tx.Now().Add(time.Hour)})
		if !code.ExpiresAt.Equal(tx.Now().Add(codeLife)) {
			t.Errorf("expires %v", code.ExpiresAt)
		}
		return err
	})
	e := g.journalled(t)[0]
	m := g.told(t)[string(journal.KindActivationCodeMade)]
	if e.Actor != byOwner || e.Detail["actor_proof"] != "session" || !strings.Contains(m.Text, "signed in as you") {
		t.Errorf("journal %+v, told %q", e, m.Text)
	}
}

func TestADeviceWithAnOwnCodeCountsForNothingUntilItIsConfirmed(t *testing.T) {
	g := newGateway(t)
	e := g.waiting(t)
	if !e.ConfirmBefore.Equal(g.clock.Now().Add(sitting)) || !e.EffectiveAt.Equal(e.ConfirmBefore.Add(g.Probation)) {
		t.Errorf("enrolled %+v", e)
	}
	g.clock.Advance(time.Minute)
	if err := g.bound(t, e.AuthenticatorID).Usable(g.clock.Now().Add(time.Hour * 1000)); !errors.Is(err, account.ErrAwaited) {
		t.Errorf("usable: %v", err)
	}
	if err := g.confirm(t, "alice-id", e.AuthenticatorID, "session"); err != nil {
		t.Fatal(err)
	}
	if err := g.usable(t, e.AuthenticatorID); err != nil {
		t.Errorf("usable: %v", err)
	}
	if err := g.bound(t, e.AuthenticatorID).Usable(g.clock.Now()); !errors.Is(err, account.ErrProbation) {
		t.Errorf("usable at once: %v", err)
	}
	if m := g.told(t); !strings.Contains(m[string(journal.KindDeviceEnrolled)].Text, "unless it is confirmed") ||
		!strings.Contains(m[string(journal.KindDeviceConfirmed)].Text, "phone") {
		t.Errorf("told %v", m)
	}
}

func TestACodeOfAnAdministratorNeedsNoConfirmation(t *testing.T) {
	g := newGateway(t)
	if e := g.enrol(t); !e.ConfirmBefore.IsZero() || g.usable(t, e.AuthenticatorID) != nil {
		t.Errorf("enrolled %+v", e)
	}
}

func TestOfTwoDevicesWithOneOwnCodeOneWaits(t *testing.T) {
	g := newGateway(t)
	code := g.ownCode(t).Text
	var devices sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		request := freshCSR(t)
		devices.Go(func() { _, errs[i] = g.Enroll(t.Context(), code, request, "") })
	}
	devices.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, ErrCode) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d enrolled", won)
	}
}

func TestOfRacingConfirmationsOneCounts(t *testing.T) {
	g := newGateway(t)
	e := g.waiting(t)
	var both sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		both.Go(func() { errs[i] = g.confirm(t, "alice-id", e.AuthenticatorID, "session") })
	}
	both.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, account.ErrNotAwaited) {
			t.Error(err)
		}
	}
	if n := len(g.kinds(t)); won != 1 || n != 3 { // code, enrolment, confirmation
		t.Errorf("%d confirmed, %d journalled", won, n)
	}
}

func TestAnotherSessionConfirmsNothing(t *testing.T) {
	g := newGateway(t)
	e := g.waiting(t)
	for name, err := range map[string]error{
		"another session": g.confirm(t, "alice-id", e.AuthenticatorID, "another"),
		"another account": g.confirm(t, "bob-id", e.AuthenticatorID, "session"),
		"another device":  g.confirm(t, "alice-id", g.enrol(t).AuthenticatorID, "session"),
	} {
		if !errors.Is(err, account.ErrNotAwaited) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := g.usable(t, e.AuthenticatorID); !errors.Is(err, account.ErrAwaited) {
		t.Errorf("usable: %v", err)
	}
}

func TestACodeOfASessionThatIsOverIsNoGood(t *testing.T) {
	g := newGateway(t)
	code := g.ownCode(t).Text
	g.update(t, func(tx storage.Tx) error { return g.Accounts.RaiseEpoch(tx, "alice-id") })
	if _, err := g.Enroll(t.Context(), code, freshCSR(t), ""); !errors.Is(err, ErrCode) {
		t.Errorf("enrolled: %v", err)
	}
}

func TestADeviceThatIsNotTheOwnersIsTurnedAway(t *testing.T) {
	g := newGateway(t)
	e := g.waiting(t)
	disown := func(accountID, id string) error {
		return g.DB.Update(t.Context(), func(tx storage.Tx) error { return g.Disown(tx, accountID, id) })
	}
	for name, err := range map[string]error{
		"another account": disown("bob-id", e.AuthenticatorID), "unknown": disown("alice-id", "unknown"),
		"one that does not wait": disown("alice-id", g.enrol(t).AuthenticatorID),
	} {
		if !errors.Is(err, account.ErrNotAwaited) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := disown("alice-id", e.AuthenticatorID); err != nil {
		t.Fatal(err)
	}
	if err := g.confirm(t, "alice-id", e.AuthenticatorID, "session"); !errors.Is(err, account.ErrNotAwaited) {
		t.Errorf("confirmed: %v", err)
	}
	if m := g.told(t)[string(journal.KindDeviceDisowned)]; !strings.Contains(m.Text, "phone") {
		t.Errorf("told %+v", m)
	}
}

// The process that enrolled the device is gone: whichever runs then ends it, once, and tells.
func TestWhatNobodyConfirmedEndsByItself(t *testing.T) {
	g := newGateway(t)
	e, other := g.waiting(t), g.waiting(t)
	if err := g.confirm(t, "alice-id", other.AuthenticatorID, "session"); err != nil {
		t.Fatal(err)
	}
	g.config.Logger = slog.New(slog.NewTextHandler(g.log, nil))
	nodes := []*Authority{g.open(t), g.open(t)}
	look := func() {
		var all sync.WaitGroup
		for _, n := range nodes {
			all.Go(func() {
				if err := n.endUnconfirmed(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	look()
	if err := g.usable(t, e.AuthenticatorID); !errors.Is(err, account.ErrAwaited) {
		t.Errorf("too early: %v", err)
	}
	g.clock.Advance(sitting)
	look()
	look()
	if a := g.bound(t, e.AuthenticatorID); a.RevokedAt.IsZero() || a.RevokedBy != byGateway {
		t.Errorf("not ended: %+v", a)
	}
	if err := g.usable(t, other.AuthenticatorID); err != nil {
		t.Errorf("a confirmed device ended, too: %v", err)
	}
	if kinds := g.kinds(t); len(kinds) != 6 || kinds[5] != journal.KindDeviceUnconfirmed {
		t.Errorf("journal %v", kinds)
	}
	if m := g.told(t)[string(journal.KindDeviceUnconfirmed)]; !strings.Contains(m.Text, "phone") {
		t.Errorf("told %+v", m)
	}
}

func TestTheWatchOverDevicesEndsWithItsContext(t *testing.T) {
	g := newGateway(t)
	g.Logger = slog.New(slog.NewTextHandler(g.log, nil))
	e := g.waiting(t)
	g.clock.Advance(sitting)
	ctx, end := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	for g.bound(t, e.AuthenticatorID).RevokedAt.IsZero() {
		select {
		case err := <-done:
			t.Fatal(err)
		case <-time.After(time.Millisecond):
		}
	}
	end()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
