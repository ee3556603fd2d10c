package keys

import (
	"context"
	"crypto/cipher"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/storagetest"
)

const every = 90 * 24 * time.Hour

func ids(r *Ring, p Purpose) (list []string) {
	for _, k := range r.Signing(p) {
		list = append(list, k.ID)
	}
	return list
}

// refresh does what Run does each minute.
func refresh(t testing.TB, r *Ring) (made []Turn) {
	t.Helper()
	err := r.refresh(t.Context(), Rotation{Every: every, Logger: slog.New(slog.DiscardHandler), Tell: func(_ storage.Tx, turns []Turn) error {
		made = turns
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func rotate(t testing.TB, r *Ring) []Turn {
	t.Helper()
	turns, err := r.Rotate(t.Context(), func(storage.Tx, []Turn) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return turns
}

// wantKeys compares the published keys of Grant; the first is the one that signs.
func wantKeys(t testing.TB, r *Ring, want ...string) {
	t.Helper()
	if got := ids(r, Grant); !slices.Equal(got, want) {
		t.Errorf("keys %q, want %q", got, want)
	}
}

func TestKeyIsPublishedThenSignsThenVerifiesThenIsGone(t *testing.T) {
	db, clock := clockedDB(t)
	r := testRing(t, db, "main")
	first := ids(r, Grant)[0]
	turns := rotate(t, r)
	if len(turns) != len(rotating) || turns[0].Purpose != Grant || !turns[0].Begins.Equal(clock.Now().Add(Ahead)) {
		t.Fatalf("turns are %v", turns)
	}
	second := turns[0].ID
	wantKeys(t, r, first, second)
	for _, step := range []struct {
		after time.Duration
		want  []string
	}{
		{Ahead - time.Microsecond, []string{first, second}},
		{time.Microsecond, []string{second, first}},
		{Keep - time.Microsecond, []string{second, first}},
		{time.Microsecond, []string{second}},
	} {
		clock.Add(step.after)
		refresh(t, r)
		wantKeys(t, r, step.want...)
	}
	wantKeys(t, testRing(t, db, "main"), second) // it is gone from the store, too
}

func TestKeysRotateByTime(t *testing.T) {
	db, clock := clockedDB(t)
	r := testRing(t, db, "main")
	first := ids(r, Grant)[0]
	clock.Add(every - Ahead - time.Microsecond)
	if made := refresh(t, r); made != nil {
		t.Fatalf("made %v too early", made)
	}
	clock.Add(time.Microsecond)
	made := refresh(t, r)
	if len(made) != len(rotating) {
		t.Fatalf("made %v", made)
	}
	if again := refresh(t, r); again != nil {
		t.Errorf("made %v again", again)
	}
	clock.Add(Ahead)
	refresh(t, r)
	wantKeys(t, r, made[0].ID, first)
}

func TestSecondRotationByHandKeepsTheWaitingKey(t *testing.T) {
	r := testRing(t, testDB(t), "main")
	told := 0
	tell := func(storage.Tx, []Turn) error { told++; return nil }
	first, err1 := r.Rotate(t.Context(), tell)
	second, err2 := r.Rotate(t.Context(), tell)
	if err := errors.Join(err1, err2); err != nil || !slices.Equal(first, second) || told != 1 {
		t.Errorf("%v, then %v, told %d times, %v", first, second, told, err)
	}
}

func TestNothingIsMadeThatCannotBeTold(t *testing.T) {
	r := testRing(t, testDB(t), "main")
	mute := errors.New("mute")
	if _, err := r.Rotate(t.Context(), func(storage.Tx, []Turn) error { return mute }); !errors.Is(err, mute) {
		t.Errorf("error %v", err)
	}
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantKeys(t, r, ids(r, Grant)[0])
}

func TestBoxOpensAcrossARotation(t *testing.T) {
	db, clock := clockedDB(t)
	r, lags := testRing(t, db, "main"), testRing(t, db, "main")
	box, late := r.Box(RecoveryID), lags.Box(RecoveryID)
	before := box.Seal([]byte("x"), nil)
	rotate(t, r)
	refresh(t, lags)
	clock.Add(Ahead)
	refresh(t, r) // the other node follows a minute later
	after := box.Seal([]byte("x"), nil)
	opens := func(b *Box, sealed string, want bool) {
		t.Helper()
		if _, err := b.Open(sealed, nil); (err == nil) != want {
			t.Errorf("opened: %v", err)
		}
	}
	opens(box, before, true)
	opens(late, after, true)
	opens(box, late.Seal([]byte("x"), nil), true)
	opens(r.Box(LoginRequest), after, false)
	old := late.keys()[:1]
	opens(&Box{func() []cipher.AEAD { return old }}, after, false) // it was sealed with the new key
	clock.Add(Keep)
	refresh(t, r)
	opens(box, after, true)
	opens(box, before, false)
}

func TestNodesThatRotateAtOnceMakeOneKey(t *testing.T) {
	db, clock := clockedDB(t)
	rings := make([]*Ring, 8)
	for i := range rings {
		rings[i] = testRing(t, db, "main")
	}
	clock.Add(every)
	var wg sync.WaitGroup
	for _, r := range rings {
		wg.Go(func() { refresh(t, r) })
	}
	wg.Wait()
	want := ids(rings[0], Grant)
	if len(want) != 2 {
		t.Errorf("%d keys, want 2", len(want))
	}
	for _, r := range rings {
		wantKeys(t, r, want...)
	}
}

// A node must not sign with a key that another one has not had the time to read.
func TestNoNodeSignsWithAKeyThatAnotherHasNotRead(t *testing.T) {
	db, clock := clockedDB(t)
	a, b := testRing(t, db, "main"), testRing(t, db, "main")
	rotate(t, a)
	for range 3 * int(Ahead/reread) {
		clock.Add(reread)
		refresh(t, a)
		if signs := ids(a, Grant)[0]; !slices.Contains(ids(b, Grant), signs) {
			t.Fatalf("signs with %s, which is not among %q", signs, ids(b, Grant))
		}
		refresh(t, b) // up to one reread later
	}
	wantKeys(t, b, ids(a, Grant)...)
}

func TestRingStaysAsItIsWhileTheStoreIsAway(t *testing.T) {
	db := testDB(t)
	r := testRing(t, db, "main")
	want := ids(r, Grant)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Reload(t.Context()); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("error %v", err)
	}
	wantKeys(t, r, want...)
}

func TestRunRefusesToRotateTooOften(t *testing.T) {
	r := testRing(t, testDB(t), "main")
	if err := r.Run(t.Context(), Rotation{Every: MinEvery - 1}); err == nil {
		t.Error("runs")
	}
}

func TestRunTakesUpWhatIsDueAtOnce(t *testing.T) {
	db, clock := clockedDB(t)
	r := testRing(t, db, "main")
	clock.Add(every)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	ended := make(chan error)
	go func() {
		ended <- r.Run(ctx, Rotation{Every: every, Logger: slog.New(slog.DiscardHandler), Tell: func(storage.Tx, []Turn) error { return nil }})
	}()
	for len(ids(r, Grant)) == 1 && ctx.Err() == nil {
		runtime.Gosched()
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

// A clock that was ahead for a while must not keep a key waiting for as long.
func TestKeyMadeByAWrongClockWaitsNoLonger(t *testing.T) {
	now := storagetest.NewClock(time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)).Now()
	rec := record{Purpose: Grant, Kind: signing, Keys: []key{{ID: "a", Begins: now.Add(-time.Hour)}, {ID: "b", Begins: now.Add(every)}}}
	if !rec.tidy(now) || !rec.newest().Begins.Equal(now.Add(Ahead)) || rec.inUse(now) != 0 {
		t.Errorf("record is %+v", rec)
	}
}

// A clock that was ahead for two rotations leaves two keys that wait. Both come into use, so that the key before them dies.
func TestNoKeyOutlivesItsRotationAfterAWrongClock(t *testing.T) {
	now := storagetest.NewClock(time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)).Now()
	rec := record{Purpose: Grant, Kind: signing, Keys: []key{
		{ID: "a", Begins: now.Add(-time.Hour)}, {ID: "b", Begins: now.Add(10 * every)}, {ID: "c", Begins: now.Add(11 * every)},
	}}
	rec.tidy(now)
	now = now.Add(Ahead)
	if i := rec.inUse(now); rec.Keys[i].ID != "c" {
		t.Errorf("%s is in use", rec.Keys[i].ID)
	}
	if rec.tidy(now.Add(Keep)); len(rec.Keys) != 1 || rec.Keys[0].ID != "c" {
		t.Errorf("still kept: %+v", rec.Keys)
	}
}

// After the clock went back no key has begun; then one of them signs all the same.
func TestOneKeySignsWhateverTheClockSays(t *testing.T) {
	now := time.Unix(0, 0)
	rec := record{Keys: []key{{ID: "a", Begins: now.Add(time.Hour)}, {ID: "b", Begins: now.Add(2 * time.Hour)}}}
	if rec.inUse(now) != 0 {
		t.Errorf("key %d is in use", rec.inUse(now))
	}
}
