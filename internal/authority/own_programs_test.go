package authority

import (
	"errors"
	"testing"
	"time"

	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/storage"
)

func TestWhatAProgramMadeWaitsForTheSessionOfItsCode(t *testing.T) {
	p := newPrograms(t)
	// That this is so soon after a recovery is for the session to judge, which may have proven something older.
	p.update(t, func(tx storage.Tx) error { return p.Accounts.Recovered(tx, "alice-id", nil) })
	e, err := p.tries(t, p.ownCode(t).Text)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.usable(t, e.AuthenticatorID); !errors.Is(err, account.ErrAwaited) || !e.ConfirmBefore.Equal(p.clock.Now().Add(sitting)) {
		t.Errorf("usable: %v, enrolled %+v", err, e)
	}
	if err := p.confirm(t, "alice-id", e.AuthenticatorID, "another"); !errors.Is(err, account.ErrNotAwaited) {
		t.Errorf("confirmed by another session: %v", err)
	}
	if err := p.confirm(t, "alice-id", e.AuthenticatorID, "session"); err != nil {
		t.Fatal(err)
	}
	if a := p.bound(t, e.AuthenticatorID); !a.EffectiveAt.Equal(p.clock.Now().Add(time.Hour)) { // the probation of its own method
		t.Errorf("effective %v", a.EffectiveAt)
	}
}
