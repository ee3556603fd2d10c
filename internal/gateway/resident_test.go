package gateway

import (
	"context"
	"errors"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/attesttest/wallet"
	"github.com/regrant/regrant/internal/enrolment"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/journal/journaltest"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/internal/login"
	"github.com/regrant/regrant/internal/throttle"
)

// resident is alice, who has bound one of everything, and her program.
type resident struct {
	*program
	wallet []wallet.Authenticator
}

// resident moves into a house that takes everything. What wrap makes of a format judges in its place; it may be nil.
func newResident(t *testing.T, wrap func(attest.Format) attest.Format, change ...func(*house)) *resident {
	t.Helper()
	maker := attesttest.NewCA(t)
	lane := throttle.NewLane(16, 1)
	everything := func(h *house) {
		h.accepts = func(ring *keys.Ring) (all []attest.Format) {
			keyed := func(parts ...[]byte) []byte { return ring.MAC(keys.Methods, parts...) }
			for _, f := range wallet.Formats(t, maker, keyed, scarcely(lane)) {
				if wrap != nil {
					f = wrap(f)
				}
				all = append(all, f)
			}
			return all
		}
	}
	h := open(t, append(change, everything)...)
	r := &resident{program: h.enrolled(), wallet: wallet.New(t, maker)}
	v := h.visitor()
	for _, a := range r.wallet {
		h.binds(v, a)
	}
	return r
}

var errNoRoom = errors.New("no room")

// scarcely is how a host bounds what takes much memory.
func scarcely(lane *throttle.Lane) func(func()) error {
	return func(work func()) error {
		leave, ok := lane.Enter(netip.Prefix{})
		if !ok {
			return errNoRoom
		}
		defer leave()
		return lane.Compute(context.Background(), work)
	}
}

// visitor is alice, signed in.
func (h *house) visitor() enrolment.Visitor {
	h.t.Helper()
	_, sealed, err := h.Login.Start(h.t.Context(), login.Wish{})
	must(h.t, err)
	session, secret, err := h.Login.Callback(h.t.Context(), sealed, url.Values{"state": {h.idp.login.State}, "code": {"code"}}, nil)
	must(h.t, err)
	return enrolment.Visitor{Session: session, Secret: secret, Network: netip.MustParsePrefix("203.0.113.0/24")}
}

// binds enrols a as its client does.
func (h *house) binds(v enrolment.Visitor, a wallet.Authenticator) enrolment.Bound {
	h.t.Helper()
	begun, err := h.Enrolment.Begin(h.t.Context(), v, a.Method(), a.Begin())
	must(h.t, err)
	bound, err := h.Enrolment.Finish(h.t.Context(), v, a.Method(), enrolment.Answer{
		State: begun.State, Label: "mine", Body: a.Finish(begun.Options, begun.Text),
	})
	must(h.t, err)
	a.Keep(bound.Shown)
	return bound
}

// having is alice's authenticator of a method.
func (r *resident) having(m attest.Method) wallet.Authenticator {
	r.h.t.Helper()
	for _, a := range r.wallet {
		if a.Method() == m {
			return a
		}
	}
	r.h.t.Fatalf("no %s in the wallet", m)
	return nil
}

// brings attests with evidence that make makes of the statement.
func (r *resident) brings(evidence func(statement string) []string) *httptest.ResponseRecorder {
	r.h.t.Helper()
	begun := r.initiate("sign-in")
	return r.post("/recovery/attest", `{"recovery_id":"`+begun.RecoveryID+`","evidence":[`+strings.Join(evidence(begun.Statement), ",")+`]}`)
}

// proof is good evidence of a method, and what has to come with it.
func (r *resident) proof(m attest.Method, statement string) (element string, besides []string) {
	r.h.t.Helper()
	if m == attest.MethodDeviceCertificate {
		return string(r.device.Evidence(statement)), nil
	}
	if m.Guessable() {
		besides = []string{string(r.having(attest.MethodSSHKey).Evidence(statement))}
	}
	return string(r.having(m).Evidence(statement)), besides
}

// refusal is why the journal says that the newest recovery was refused.
func (h *house) refusal() string {
	h.t.Helper()
	if entries := journaltest.All(h.t, h.DB, journal.New("main")); len(entries) > 0 && entries[0].Kind == journal.KindRecoveryRefused {
		return entries[0].Detail["reason"]
	}
	return ""
}
