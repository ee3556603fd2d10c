package notify

import (
	"testing"
	"time"

	"github.com/regrant/regrant/storage"
)

// due is when the next message comes up.
func (f *fixture) due(t testing.TB) (due time.Time) {
	t.Helper()
	if err := f.db.View(t.Context(), func(r storage.Reader) (err error) {
		due, _, err = f.timers.Next(r)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return due
}

func TestALongAttemptKeepsItsMessage(t *testing.T) {
	s := blockedSender{make(chan struct{}, 1)}
	f := newFixture(t, s)
	f.run(t, f.Outbox)
	f.put(t)
	<-s.entered
	taken := f.due(t)
	f.clock.Advance(lease - time.Millisecond)
	deadline := time.After(2 * lease)
	for !f.due(t).After(taken) {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatal("the lease is not renewed")
		}
	}
	if due, want := f.due(t), f.clock.Now().Add(lease); !due.Equal(want) {
		t.Errorf("leased until %s, want %s", due, want)
	}
}
