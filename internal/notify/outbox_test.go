package notify

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/journal/journaltest"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/badger"
)

type testClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// testSender hands each message to the test and fails while it is told to.
type testSender struct {
	name string
	got  chan Message

	mu  sync.Mutex
	err error
}

func newSender(name string) *testSender {
	return &testSender{name: name, got: make(chan Message, 100)}
}

func (s *testSender) Name() string { return s.name }

func (s *testSender) Send(_ context.Context, m Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got <- m
	return s.err
}

func (s *testSender) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *testSender) wait(t testing.TB) Message {
	t.Helper()
	select {
	case m := <-s.got:
		return m
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: nothing sent", s.name)
		return Message{}
	}
}

var errDown = errors.New("receiver is down")

type fixture struct {
	*Outbox
	clock *testClock
	log   *bytes.Buffer // read it after the worker has ended
}

func newFixture(t testing.TB, senders ...Sender) *fixture {
	t.Helper()
	clock := &testClock{now: time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)}
	db, err := badger.OpenInMemory(clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	log := new(bytes.Buffer)
	return &fixture{New("main", db, senders, slog.New(slog.NewTextHandler(log, nil))), clock, log}
}

// run starts a worker and returns what ends it.
func (f *fixture) run(t testing.TB, o *Outbox) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- o.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func (f *fixture) put(t testing.TB) {
	t.Helper()
	err := f.db.Update(t.Context(), func(tx storage.Tx) error {
		return f.Put(tx, Message{
			Type: "device-enrolled", Upstream: "main", AccountID: "alice-id", Identifiers: []string{"alice"}, Reference: "REF", Text: "text",
			Attributes: map[string]string{"by": "carol"},
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// waiting returns the messages in the outbox and whether a timer is set.
func (f *fixture) waiting(t testing.TB) (all []*pending, timer bool) {
	t.Helper()
	err := f.db.View(t.Context(), func(r storage.Reader) (err error) {
		for p, err := range f.pending.All(r, nil, 0) {
			if err != nil {
				return err
			}
			all = append(all, p)
		}
		_, timer, err = f.timers.Next(r)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, timer
}

// until waits for a state that the worker reaches by itself.
func (f *fixture) until(t testing.TB, what string, ok func(all []*pending) bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); <-tick.C {
		if all, _ := f.waiting(t); ok(all) {
			return
		}
	}
	t.Fatalf("never %s", what)
}

func (f *fixture) attempts(t testing.TB, n int) {
	t.Helper()
	f.until(t, "tried", func(all []*pending) bool { return len(all) == 1 && all[0].Attempts == n })
}

func (f *fixture) empty(t testing.TB) {
	t.Helper()
	f.until(t, "empty", func(all []*pending) bool { return len(all) == 0 })
	if _, timer := f.waiting(t); timer {
		t.Error("a timer is left behind")
	}
}

func (f *fixture) entries(t testing.TB) []journal.Entry {
	t.Helper()
	return journaltest.All(t, f.db, journal.New("main"))
}

func TestMessageIsSentOnceItsTransactionCommitted(t *testing.T) {
	s := newSender("a")
	f := newFixture(t, s)
	f.run(t, f.Outbox)
	f.put(t)
	m := s.wait(t)
	if m.ID == "" || !m.At.Equal(f.clock.Now()) {
		t.Errorf("id %q at %v", m.ID, m.At)
	}
	want := Message{
		ID: m.ID, At: m.At, Type: "device-enrolled", Upstream: "main", AccountID: "alice-id", Identifiers: []string{"alice"}, Reference: "REF", Text: "text",
		Attributes: map[string]string{"by": "carol"},
	}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("sent %+v, want %+v", m, want)
	}
	f.empty(t)
}

func TestNoMessageWithoutItsTransaction(t *testing.T) {
	f := newFixture(t, newSender("a"))
	err := f.db.Update(t.Context(), func(tx storage.Tx) error {
		if err := f.Put(tx, Message{Type: "x"}); err != nil {
			return err
		}
		return errDown
	})
	if !errors.Is(err, errDown) {
		t.Fatal(err)
	}
	if all, timer := f.waiting(t); len(all) != 0 || timer {
		t.Errorf("in the outbox: %v, timer %v", all, timer)
	}
}

func TestMessageWaitsForAWorker(t *testing.T) {
	s := newSender("a")
	f := newFixture(t, s)
	f.put(t)
	if all, timer := f.waiting(t); len(all) != 1 || !timer {
		t.Fatalf("in the outbox: %v, timer %v", all, timer)
	}
	f.run(t, f.Outbox)
	s.wait(t)
	f.empty(t)
}

func TestFailedMessageIsSentAgainUnderItsID(t *testing.T) {
	s := newSender("a")
	s.fail(errDown)
	f := newFixture(t, s)
	f.run(t, f.Outbox)
	f.put(t)
	first := s.wait(t)
	for n := 1; n <= 3; n++ {
		f.attempts(t, n)
		f.clock.Advance(backoff(n))
		if again := s.wait(t); !reflect.DeepEqual(again, first) {
			t.Errorf("attempt %d sent %+v, want %+v", n+1, again, first)
		}
	}
	f.attempts(t, 4)
	s.fail(nil)
	f.clock.Advance(backoff(4))
	s.wait(t)
	f.empty(t)
	if e := f.entries(t); len(e) != 0 {
		t.Errorf("journal %+v, but the message arrived", e)
	}
}

func TestBackoffDoublesUpToFiveMinutes(t *testing.T) {
	for attempts, want := range map[int]time.Duration{
		1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 9: 256 * time.Second, 10: 5 * time.Minute, 1000: 5 * time.Minute,
	} {
		if got := backoff(attempts); got != want {
			t.Errorf("after %d attempts %v, want %v", attempts, got, want)
		}
	}
}

func TestWhoHasTheMessageDoesNotGetItAgain(t *testing.T) {
	up, down := newSender("up"), newSender("down")
	down.fail(errDown)
	f := newFixture(t, up, down)
	f.run(t, f.Outbox)
	f.put(t)
	up.wait(t)
	down.wait(t)
	f.attempts(t, 1)
	down.fail(nil)
	f.clock.Advance(firstRetry)
	down.wait(t)
	f.empty(t)
	if len(up.got) != 0 {
		t.Error("the receiver that had the message got it again")
	}
}

func TestGivenUpMessageIsJournalled(t *testing.T) {
	s := newSender("a")
	s.fail(errDown)
	f := newFixture(t, s)
	stop := f.run(t, f.Outbox)
	f.put(t)
	m := s.wait(t)
	f.attempts(t, 1)
	f.clock.Advance(giveUp - time.Second)
	s.wait(t)
	f.attempts(t, 2) // still there
	f.clock.Advance(2 * time.Second)
	s.wait(t)
	f.empty(t)
	stop()
	e := f.entries(t)
	if len(e) != 1 || e[0].Kind != journal.KindNoticeFailed || e[0].AccountID != "alice-id" || e[0].Reference != "REF" || e[0].Upstream != "main" {
		t.Fatalf("journal %+v", e)
	}
	if d := e[0].Detail; d["message"] != m.ID || d["type"] != m.Type || d["attempts"] != "3" {
		t.Errorf("detail %v", d)
	}
	if !strings.Contains(f.log.String(), "given up") {
		t.Errorf("log: %s", f.log)
	}
}

// Without any sender nobody is told, and that must not look like success.
func TestWithoutSendersTheMessageIsGivenUp(t *testing.T) {
	f := newFixture(t)
	f.run(t, f.Outbox)
	f.put(t)
	f.attempts(t, 1)
	f.clock.Advance(giveUp)
	f.empty(t)
	if e := f.entries(t); len(e) != 1 || e[0].Kind != journal.KindNoticeFailed {
		t.Errorf("journal %+v", e)
	}
}

func TestTwoWorkersSendAMessageOnce(t *testing.T) {
	s := newSender("a")
	f := newFixture(t, s)
	f.run(t, f.Outbox)
	f.run(t, New("main", f.db, []Sender{s}, f.logger))
	const messages = 40
	for range messages {
		f.put(t)
	}
	seen := map[string]bool{}
	for range messages {
		m := s.wait(t)
		if seen[m.ID] {
			t.Errorf("message %s was sent twice", m.ID)
		}
		seen[m.ID] = true
	}
	f.empty(t)
	if len(s.got) != 0 {
		t.Errorf("%d messages too many", len(s.got))
	}
}

func TestMessageOfADeadWorkerIsTakenUpAfterItsLease(t *testing.T) {
	s := newSender("a")
	f := newFixture(t, s)
	f.put(t)
	if ids, err := f.timers.Take(t.Context(), f.db, 1, lease); err != nil || len(ids) != 1 {
		t.Fatalf("took %d, %v", len(ids), err)
	} // and dies
	stop := f.run(t, f.Outbox)
	f.clock.Advance(lease - time.Millisecond)
	f.put(t) // a second message shows that the worker looked
	second := s.wait(t)
	f.until(t, "down to the leased one", func(all []*pending) bool { return len(all) == 1 })
	f.clock.Advance(time.Millisecond)
	if first := s.wait(t); first.ID == second.ID {
		t.Error("the second message came twice")
	}
	f.empty(t)
	stop()
}

// blockedSender hangs until its context ends.
type blockedSender struct{ entered chan struct{} }

func (s blockedSender) Name() string { return "blocked" }

func (s blockedSender) Send(ctx context.Context, _ Message) error {
	s.entered <- struct{}{}
	<-ctx.Done()
	return ctx.Err()
}

func TestEndingBreaksOffAnAttemptWithoutCountingIt(t *testing.T) {
	s := blockedSender{make(chan struct{}, 1)}
	f := newFixture(t, s)
	stop := f.run(t, f.Outbox)
	f.put(t)
	<-s.entered
	stop() // returns only when Run and all that it started has ended
	all, timer := f.waiting(t)
	if len(all) != 1 || all[0].Attempts != 0 || !timer {
		t.Errorf("in the outbox: %+v, timer %v", all, timer)
	}
	if due := f.due(t); due.After(f.clock.Now()) { // whoever follows need not wait for the lease
		t.Errorf("due again at %s, want now, %s", due, f.clock.Now())
	}
}

func TestAHangingReceiverDoesNotHoldUpTheOthers(t *testing.T) {
	hanging, good := blockedSender{make(chan struct{}, 100)}, newSender("good")
	f := newFixture(t, hanging, good)
	f.run(t, f.Outbox)
	for range parallel {
		f.put(t)
		good.wait(t)
	}
}
