package recovery

import (
	"errors"
	"strings"
	"testing"

	"github.com/regrant/regrant/fosite/broker"
	"github.com/regrant/regrant/upstream"
)

// Wrong passwords may have locked it while the browser was on its way.
func TestAnAccountIsPreparedAgainAsItsCodeIsRedeemed(t *testing.T) {
	h := newHouse(t)
	txn, signature := h.inSession(browserHolder("b"))
	before := h.idp.log()
	if err := h.Logins().Redeem(t.Context(), "of nobody"); !errors.Is(err, broker.ErrSpent) || h.idp.log() != before {
		t.Errorf("%v, asked the provider for %s", err, strings.TrimPrefix(h.idp.log(), before))
	}
	h.idp.onPrepare = func() {
		if h.state(txn) != StateSession {
			t.Errorf("prepared in %s", h.state(txn))
		}
	}
	must(t, h.Logins().Redeem(t.Context(), signature))
	if got := strings.TrimPrefix(h.idp.log(), before); got != " prepare" || h.state(txn) != StateFinish {
		t.Errorf("asked the provider for%s, state %s", got, h.state(txn))
	}
}

func TestThatAnAccountCouldNotBePreparedAgainEndsNothing(t *testing.T) {
	for name, fails := range map[string]func(*fakeIdP){
		"it cannot be": func(f *fakeIdP) { f.set("prepare", upstream.ErrUnavailable) },
		"no answer":    func(f *fakeIdP) { f.silent = true },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			txn, signature := h.inSession(browserHolder("b"))
			fails(h.idp)
			must(t, h.Logins().Redeem(t.Context(), signature))
			if h.state(txn) != StateFinish {
				t.Errorf("state %s", h.state(txn))
			}
		})
	}
}

func TestNothingIsDemandedAgainForAVetoedRecovery(t *testing.T) {
	h := newHouse(t)
	_, signature := h.inSession(browserHolder("b"))
	before := h.idp.log()
	h.revokeDevice()
	if err := h.Logins().Redeem(t.Context(), signature); !errors.Is(err, broker.ErrSpent) || h.idp.log() != before {
		t.Errorf("%v, asked the provider for %s", err, strings.TrimPrefix(h.idp.log(), before))
	}
}
