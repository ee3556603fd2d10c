package reconcile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/journal/journaltest"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/badger"
	"github.com/regrant/regrant/upstream"
)

// house is a reconciler with an identity provider that knows a number of people.
type house struct {
	*Reconciler
	t       *testing.T
	mu      sync.Mutex
	now     time.Time
	people  map[string]*upstream.State
	down    error
	closed  []string // accounts that the gateway may not read
	asked   int
	without bool // without an admin API
	reasons []string
}

func newHouse(t *testing.T, people int) *house {
	t.Helper()
	h := &house{t: t, now: time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC), people: map[string]*upstream.State{}}
	db, err := badger.OpenInMemory(func() time.Time {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.now
	})
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	ring, err := keys.Open(t.Context(), db, "main", bytes.Repeat([]byte{7}, 32))
	must(t, err)
	h.Reconciler = New(Config{
		Namespace: "main", DB: db, Provider: h, Accounts: account.New("main", ring.Sealer(keys.Record)), Revoker: h,
		Journal: journal.New("main"), Logger: slog.New(slog.DiscardHandler),
	})
	for i := range people {
		id := fmt.Sprintf("id-%03d", i)
		name := fmt.Sprintf("person%03d@example.com", i)
		h.people[id] = &upstream.State{Account: upstream.Account{ID: id, Identifiers: []string{name}}, Enabled: true}
		must(t, db.Update(t.Context(), func(tx storage.Tx) error {
			return h.Accounts.Bind(tx, &account.Authenticator{
				ID: "auth-" + id, Upstream: "main", AccountID: id, Identifiers: []string{name}, Method: attest.MethodPasskey,
				Handles: []account.Handle{{Value: []byte("handle-" + id)}}, BoundAt: tx.Now(), EffectiveAt: tx.Now(), BoundBy: "test",
			})
		}))
	}
	return h
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h *house) wait(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func (h *house) Facts() upstream.Facts { return upstream.Facts{Admin: !h.without} }

func (h *house) State(_ context.Context, id string) (upstream.State, error) {
	h.asked++
	if h.down != nil {
		return upstream.State{}, h.down
	}
	if slices.Contains(h.closed, id) {
		return upstream.State{}, upstream.ErrUnavailable
	}
	if p, ok := h.people[id]; ok {
		return *p, nil
	}
	return upstream.State{}, upstream.ErrNoAccount
}

func (h *house) Resolve(_ context.Context, identifier string) (upstream.Account, error) {
	for _, p := range h.people {
		if slices.Contains(p.Identifiers, identifier) {
			return p.Account, nil
		}
	}
	return upstream.Account{}, upstream.ErrNoAccount
}

func (h *house) Revoke(ctx context.Context, id, as, reason string) error {
	h.reasons = append(h.reasons, reason)
	return h.DB.Update(ctx, func(tx storage.Tx) error {
		_, err := h.Accounts.Revoke(tx, id, as, reason)
		return err
	})
}

func (h *house) pass() Summary {
	h.t.Helper()
	sum, err := h.Pass(h.t.Context(), "Olga")
	must(h.t, err)
	return sum
}

// person is an account as it is stored.
func (h *house) person(id string) (living []account.Authenticator, epoch uint64) {
	h.t.Helper()
	must(h.t, h.DB.View(h.t.Context(), func(r storage.Reader) (err error) {
		if living, err = h.Accounts.Living(r, id); err != nil {
			return err
		}
		epoch, err = h.Accounts.Epoch(r, id)
		return err
	}))
	return living, epoch
}

func (h *house) said() (details []string) {
	for _, e := range journaltest.Of(h.t, h.DB, h.Journal, journal.KindAccountChanged) {
		details = append(details, e.AccountID+" "+e.Detail["is"])
	}
	slices.Sort(details)
	return details
}

func TestAPassOverPeopleOfWhomNothingChangedChangesNothing(t *testing.T) {
	h := newHouse(t, 120) // more than a batch
	if sum := h.pass(); !reflect.DeepEqual(sum, Summary{Accounts: 120}) {
		t.Errorf("%+v", sum)
	}
	if said := h.said(); len(said) > 0 {
		t.Errorf("the journal says %q", said)
	}
}

func TestANewNameIsTakenOverAndPasskeysAreFoundByIt(t *testing.T) {
	h := newHouse(t, 2)
	h.people["id-001"].Identifiers = []string{"new@example.com", "other"}
	h.pass()
	living, epoch := h.person("id-001")
	if !slices.Equal(living[0].Identifiers, []string{"new@example.com", "other"}) || epoch != 0 {
		t.Errorf("%+v, epoch %d", living[0], epoch)
	}
	for name, want := range map[string]int{"new@example.com": 1, "person001@example.com": 0, "person000@example.com": 1} {
		id, err := attest.ParseIdentifier(name)
		must(t, err)
		must(t, h.DB.View(t.Context(), func(r storage.Reader) error {
			found, err := h.Accounts.Named(r, attest.MethodPasskey, id, 10)
			if len(found) != want {
				t.Errorf("%d passkeys of %s, want %d", len(found), name, want)
			}
			return err
		}))
	}
	if said := h.said(); !slices.Equal(said, []string{"id-001 renamed"}) {
		t.Errorf("the journal says %q", said)
	}
}

func TestWhoIsDisabledOrGoneHasRecoveriesCancelledOnce(t *testing.T) {
	h := newHouse(t, 3)
	h.people["id-000"].Enabled = false
	delete(h.people, "id-001")
	for range 2 {
		h.pass()
	}
	for id, want := range map[string]uint64{"id-000": 1, "id-001": 1, "id-002": 0} {
		if living, epoch := h.person(id); epoch != want || len(living) != 1 {
			t.Errorf("%s: epoch %d, %d authenticators", id, epoch, len(living))
		}
	}
	h.people["id-000"].Enabled = true
	h.pass()
	if said := h.said(); !slices.Equal(said, []string{"id-000 disabled", "id-000 there", "id-001 gone"}) {
		t.Errorf("the journal says %q", said)
	}
}

func TestWhoIsStillGoneADayLaterLosesItsAuthenticators(t *testing.T) {
	h := newHouse(t, 3)
	delete(h.people, "id-000")
	delete(h.people, "id-001")
	h.people["id-002"].Identifiers = append(h.people["id-002"].Identifiers, "person001@example.com")
	h.pass()
	h.wait(confirm - time.Second)
	if sum := h.pass(); sum.Revoked != 0 || sum.Gone != 2 {
		t.Fatalf("%+v", sum)
	}
	h.wait(time.Second)
	if sum := h.pass(); sum.Revoked != 2 || sum.Doubted {
		t.Fatalf("%+v", sum)
	}
	slices.Sort(h.reasons)
	if !slices.Equal(h.reasons, []string{whyMerged, whyDeleted}) {
		t.Errorf("reasons %q", h.reasons)
	}
	if sum := h.pass(); sum.Accounts != 1 {
		t.Errorf("who has no authenticators is still asked for: %+v", sum)
	}
}

func TestWhereFarTooManyAreGoneNobodyLosesAnything(t *testing.T) {
	h := newHouse(t, 30)
	for i := range mostGone + 1 {
		delete(h.people, fmt.Sprintf("id-%03d", i))
	}
	h.pass()
	h.wait(2 * every)
	if sum := h.pass(); !sum.Doubted || sum.Revoked != 0 || len(h.reasons) > 0 {
		t.Errorf("%+v", sum)
	}
}

// A few people are fewer than any limit, and an empty realm knows none of them.
func TestWhereEverybodyIsGoneNobodyLosesAnything(t *testing.T) {
	for people, doubted := range map[int]bool{1: false, 2: true, mostGone: true} {
		h := newHouse(t, people)
		clear(h.people)
		h.pass()
		h.wait(2 * every)
		if sum := h.pass(); sum.Doubted != doubted || (sum.Revoked == 0) != doubted {
			t.Errorf("of %d: %+v", people, sum)
		}
	}
}

func TestAnIdentityProviderThatCannotTellChangesNothing(t *testing.T) {
	h := newHouse(t, 2)
	h.down = upstream.ErrUnavailable
	if sum, err := h.Pass(t.Context(), "Olga"); !errors.Is(err, upstream.ErrUnavailable) || sum.Gone != 0 {
		t.Errorf("%+v, %v", sum, err)
	}
	if _, epoch := h.person("id-000"); epoch != 0 {
		t.Error("a recovery was cancelled")
	}
}

// Such as one that left the group to which the gateway's rights are narrowed.
func TestAnAccountThatCannotBeReadHidesNoOther(t *testing.T) {
	h := newHouse(t, 2*batch)
	h.closed = []string{"id-000", "id-060"}
	delete(h.people, "id-001")
	h.people["id-099"].Enabled = false
	h.pass()
	h.wait(every)
	if sum := h.pass(); !reflect.DeepEqual(sum, Summary{Accounts: 2*batch - 2, Disabled: 1, Gone: 1, Unseen: 2, Revoked: 1}) {
		t.Errorf("%+v", sum)
	}
	for _, id := range h.closed {
		if living, epoch := h.person(id); len(living) != 1 || epoch != 0 {
			t.Errorf("something was concluded about %s, who was not seen: epoch %d, %d authenticators", id, epoch, len(living))
		}
	}
	before := h.asked
	must(t, h.once(t.Context()))
	if h.asked != before {
		t.Error("the next pass does not wait for its day")
	}
}

func TestOfWhomNobodyElseWasSeenNothingIsTaken(t *testing.T) {
	h := newHouse(t, 2)
	h.closed = []string{"id-000"}
	delete(h.people, "id-001")
	h.pass()
	h.wait(2 * every)
	if sum := h.pass(); !sum.Doubted || sum.Revoked != 0 {
		t.Errorf("%+v", sum)
	}
}

func TestAnIdentityProviderThatIsAwayIsNotAskedAboutEverybody(t *testing.T) {
	h := newHouse(t, 2*away)
	h.down = upstream.ErrUnavailable
	if _, err := h.Pass(t.Context(), "Olga"); !errors.Is(err, upstream.ErrUnavailable) || h.asked != away {
		t.Errorf("%d asked, %v", h.asked, err)
	}
}

func TestOnePassADayIsDoneByWhoeverComesFirst(t *testing.T) {
	h := newHouse(t, 1)
	asked := func() bool {
		t.Helper()
		h.down = errors.New("asked")
		defer func() { h.down = nil }()
		return h.once(t.Context()) != nil
	}
	if asked() {
		t.Error("a new installation passes at once")
	}
	h.wait(first)
	if !asked() {
		t.Error("the first pass does not come")
	}
	if asked() {
		t.Error("a second process passes while the first may still be at it")
	}
	h.wait(lease)
	must(t, h.once(t.Context()))
	h.wait(every - time.Second)
	if asked() {
		t.Error("the next pass comes too early")
	}
	h.wait(time.Second)
	if !asked() {
		t.Error("the next pass does not come")
	}
}

func TestWhoCannotBeAskedIsLeftAlone(t *testing.T) {
	h := newHouse(t, 1)
	h.without, h.down = true, errors.New("asked")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
