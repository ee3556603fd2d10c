package enrolment

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/authority"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/login"
	"github.com/regrant/regrant/storage"
)

// withDevices is open, where people add devices.
func withDevices(t *testing.T) *house {
	t.Helper()
	h := open(t)
	root := attesttest.NewCA(t)
	var err error
	h.Devices, err = authority.Open(t.Context(), authority.Config{
		Namespace: "main", DB: h.DB, Accounts: h.Accounts, Journal: h.Journal, Outbox: h.Outbox, Ring: h.Ring,
		Root: authority.Root{Certificate: root.Certificate, Key: root.Key}, Probation: probation, Upstream: "main", Issuer: issuer, Compute: h.Compute,
	})
	must(t, err)
	return h
}

// enrols brings the code with a key of its own, and returns what the device shows of that.
func (h *house) enrols(code string) (fingerprint string, err error) {
	h.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(h.t, err)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, crypto.Signer(key))
	must(h.t, err)
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	must(h.t, err)
	_, err = h.Devices.Enroll(h.t.Context(), code, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), "phone")
	return attest.Fingerprint(spki), err
}

// added is a device that waits for v.
func (h *house) added(v Visitor) WaitingDevice {
	h.t.Helper()
	code, err := h.AddDevice(h.t.Context(), v)
	must(h.t, err)
	shown, err := h.enrols(code.Text)
	must(h.t, err)
	waiting, err := h.WaitingDevices(h.t.Context(), v)
	must(h.t, err)
	if len(waiting) != 1 || waiting[0].Fingerprint != shown || waiting[0].Label != "phone" || !waiting[0].Own {
		h.t.Fatalf("waiting %+v, the device shows %s", waiting, shown)
	}
	return waiting[0]
}

func (h *house) confirm(v Visitor, id string) error {
	h.t.Helper()
	_, err := h.ConfirmDevice(h.t.Context(), v, id)
	return err
}

func TestADeviceIsAddedInThreeSteps(t *testing.T) {
	h := withDevices(t)
	v := h.alice()
	d := h.added(v)
	if i := h.all(aliceID)[0]; i.Standing != StandingAwaited || i.ID != d.ID {
		t.Errorf("listed as %+v", i)
	}
	bound, err := h.ConfirmDevice(t.Context(), v, d.ID)
	must(t, err)
	if i := h.all(aliceID)[0]; i.Standing != StandingProbation || !i.EffectiveAt.Equal(h.Clock().Add(probation)) || !bound.EffectiveAt.Equal(i.EffectiveAt) || !bound.Only {
		t.Errorf("listed as %+v, bound %+v", i, bound)
	}
	if waiting, err := h.WaitingDevices(t.Context(), v); err != nil || len(waiting) != 0 {
		t.Errorf("still waits: %+v %v", waiting, err)
	}
	if err := h.confirm(v, d.ID); !errors.Is(err, ErrOver) {
		t.Errorf("confirmed twice: %v", err)
	}
	if n := len(h.entries(journal.KindDeviceConfirmed)); n != 1 {
		t.Errorf("%d journal entries", n)
	}
}

func TestOnlyTheSessionThatAskedForTheCodeConfirms(t *testing.T) {
	h := withDevices(t)
	v := h.alice()
	d := h.added(v)
	another := h.alice()
	if waiting, err := h.WaitingDevices(t.Context(), another); err != nil || len(waiting) != 1 || waiting[0].Own {
		t.Errorf("another session sees %+v %v", waiting, err)
	}
	if waiting, err := h.WaitingDevices(t.Context(), h.visit(bobID, "pwd")); err != nil || len(waiting) != 0 {
		t.Errorf("bob sees %+v %v", waiting, err)
	}
	for name, who := range map[string]Visitor{"another session of hers": another, "bob": h.visit(bobID, "pwd")} {
		if err := h.confirm(who, d.ID); !errors.Is(err, ErrOver) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := h.DisownDevice(t.Context(), h.visit(bobID, "pwd"), d.ID); !errors.Is(err, ErrOver) {
		t.Errorf("bob turned it away: %v", err)
	}
	must(t, h.confirm(v, d.ID))
}

func TestASessionThatIsOverConfirmsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(h *house, v Visitor)
		want error
	}{
		"signed out":       {func(h *house, v Visitor) { must(h.t, h.Logins.End(h.t.Context(), v.Secret)) }, login.ErrNone},
		"its time is over": {func(h *house, _ Visitor) { h.wait(login.Life) }, login.ErrNone},
		"epoch raised": {func(h *house, _ Visitor) {
			h.update(func(tx storage.Tx) error { return h.Accounts.RaiseEpoch(tx, aliceID) })
		}, login.ErrNone},
		"recovered meanwhile": {func(h *house, _ Visitor) {
			h.update(func(tx storage.Tx) error { return h.Accounts.Recovered(tx, aliceID, nil) })
		}, login.ErrNone},
	} {
		t.Run(name, func(t *testing.T) {
			h := withDevices(t)
			v := h.alice()
			d := h.added(v)
			c.end(h, v)
			if err := h.confirm(v, d.ID); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if got := h.get(d.ID); !errors.Is(got.Usable(h.Clock().Add(1000*time.Hour)), account.ErrAwaited) {
				t.Errorf("counts: %+v", got)
			}
		})
	}
}

func TestACodeNeedsWhatBindingNeeds(t *testing.T) {
	h := withDevices(t)
	v := h.alice()
	h.update(func(tx storage.Tx) error {
		_, _, err := h.Accounts.Assured(tx, aliceID, 2, true) // she has a better factor
		return err
	})
	_, err := h.AddDevice(t.Context(), v)
	if _, weak := errors.AsType[*login.Refusal](err); !weak {
		t.Errorf("with a password alone: %v", err)
	}
	h.update(func(tx storage.Tx) error { return h.Accounts.Recovered(tx, bobID, nil) })
	h.wait(time.Second)
	if _, err := h.AddDevice(t.Context(), h.visit(bobID, "pwd")); !errors.Is(err, account.ErrQuarantine) {
		t.Errorf("just recovered: %v", err)
	}
	if n := len(h.entries(journal.KindActivationCodeMade)); n != 0 {
		t.Errorf("%d codes", n)
	}
	without := open(t)
	if _, err := without.AddDevice(t.Context(), without.alice()); !errors.Is(err, ErrMethod) {
		t.Errorf("where there are no devices: %v", err)
	}
}

func TestAnotherSessionTurnsAStrangersDeviceAway(t *testing.T) {
	h := withDevices(t)
	v := h.alice()
	d := h.added(v)
	must(t, h.DisownDevice(t.Context(), h.alice(), d.ID))
	if err := h.DisownDevice(t.Context(), v, d.ID); !errors.Is(err, ErrOver) {
		t.Errorf("twice: %v", err)
	}
	if err := h.confirm(v, d.ID); !errors.Is(err, ErrOver) { // whose session goes on
		t.Errorf("confirmed: %v", err)
	}
	if all := h.all(aliceID); len(all) != 0 || h.get(d.ID).RevokedAt.IsZero() {
		t.Errorf("listed: %+v", all)
	}
}

func TestWhatCannotBeWrittenConfirmsNothing(t *testing.T) {
	h := withDevices(t)
	v := h.alice()
	d := h.added(v)
	h.db.writesDown.Store(true)
	if err := h.confirm(v, d.ID); err == nil || errors.Is(err, ErrOver) {
		t.Errorf("%v", err)
	}
	h.db.writesDown.Store(false)
	must(t, h.confirm(v, d.ID))
}
