package badger_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/badger"
)

const writers = 8

// A child writes groups without end. A group is one transaction: the member keys,
// a head that counts the groups of its writer, and the end of the group before the
// last, whose members it deletes. So what a store holds tells exactly which
// transactions it saw, and whether it saw all of each.
type group struct{ round, writer, n int }

// members is how many keys a group has, 1 to 8.
func (g group) members() int { return 1 + (g.n*7+g.writer)%8 }

func (g group) key(member int) []byte {
	return fmt.Appendf(nil, "member/%d/%d/%d/%d", g.round, g.writer, g.n, member)
}

func (g group) head() []byte { return fmt.Appendf(nil, "head/%d/%d", g.round, g.writer) }

// value is up to 4 KiB with the known identifier, so that memory tables fill up and
// are written while children are killed.
func (g group) value(member int) []byte {
	return bytes.Repeat(append(g.key(member), known...), 1+(g.n*13+member)%64)
}

// gone reports whether the group was deleted by the second one after it.
func (g group) gone(head int) bool { return g.n%2 == 0 && g.n+2 <= head }

func (g group) write(tx storage.Tx) error {
	err := tx.Put(g.head(), strconv.AppendInt(nil, int64(g.n), 10), time.Time{})
	for member := range g.members() {
		err = errors.Join(err, tx.Insert(g.key(member), g.value(member), time.Time{}))
	}
	if old := (group{g.round, g.writer, g.n - 2}); old.n >= 0 && old.gone(g.n) {
		for member := range old.members() {
			err = errors.Join(err, tx.Delete(old.key(member)))
		}
	}
	return err
}

// check holds what is stored against the head.
func (g group) check(r storage.Reader, head int) error {
	for member := range g.members() {
		got, err := r.Get(g.key(member))
		want := g.n <= head && !g.gone(head)
		switch {
		case want && (err != nil || !bytes.Equal(got, g.value(member))):
			return fmt.Errorf("%s, with head %d: %d bytes, %v", g.key(member), head, len(got), err)
		case !want && !errors.Is(err, storage.ErrNotFound):
			return fmt.Errorf("%s, with head %d, is there: %v", g.key(member), head, err)
		}
	}
	return nil
}

// writeGroups writes groups and tells each once it is durable. The first line only
// tells that the store is open.
func writeGroups(c badger.Config) error {
	round, err := strconv.Atoi(os.Getenv(childRound))
	if err != nil {
		return err
	}
	db, err := badger.Open(c)
	if err != nil {
		return err
	}
	fmt.Println("open")
	var mu sync.Mutex
	failed := make(chan error)
	for w := range writers {
		go func() {
			for n := 0; ; n++ {
				if err := db.Update(context.Background(), group{round, w, n}.write); err != nil {
					failed <- err
					return
				}
				mu.Lock()
				fmt.Println(w, n)
				mu.Unlock()
			}
		}()
	}
	return <-failed
}

// heads is the last group that each writer of a round was told is durable; -1: none.
type heads [writers]int

func noHeads() (h heads) {
	for w := range h {
		h[w] = -1
	}
	return h
}

func (h *heads) hear(line string) error {
	var w, n int
	if line == "open" {
		return nil
	}
	if _, err := fmt.Sscan(line, &w, &n); err != nil {
		return fmt.Errorf("child said %q", line)
	}
	h[w] = max(h[w], n)
	return nil
}

// oneRound lets a child write until the random moment, kills it, and gives what it
// had acknowledged. Some moments are before the store is open.
func oneRound(t *testing.T, does, dir string, round int, random *rand.Rand) heads {
	t.Helper()
	told := noHeads()
	cmd, lines := start(t, does, dir, round)
	var said []string
	if random.IntN(4) == 0 {
		time.Sleep(time.Duration(random.Int64N(int64(300 * time.Millisecond)))) // the random moment itself
	} else {
		for range random.IntN(500) {
			said = append(said, mustLine(t, lines))
		}
	}
	for _, line := range append(said, kill(t, cmd, lines)...) {
		if err := told.hear(line); err != nil {
			t.Fatal(err)
		}
	}
	return told
}

func mustLine(t *testing.T, lines *bufio.Reader) string {
	t.Helper()
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(line, "\n")
}

// verify opens the store as a process does after a crash and looks for what was
// lost or is there by half, in the rounds from first on.
func verify(c badger.Config, first int, rounds []heads) error {
	db, err := badger.Open(c)
	if err != nil {
		return err
	}
	err = db.View(context.Background(), func(r storage.Reader) (err error) {
		for i, told := range rounds {
			for w, last := range told {
				err = errors.Join(err, group{round: first + i, writer: w}.verify(r, last))
			}
		}
		return err
	})
	return errors.Join(err, db.Close())
}

// verify checks all groups of one writer, of which it was told the last.
func (g group) verify(r storage.Reader, last int) error {
	head := -1
	text, err := r.Get(g.head())
	if err == nil {
		head, err = strconv.Atoi(string(text))
	}
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	if head < last {
		return fmt.Errorf("%s: group %d was acknowledged, the store ends with %d", g.head(), last, head)
	}
	for g.n = range head + 3 {
		if err := g.check(r, head); err != nil {
			return err
		}
	}
	return nil
}

// TestKillSoak kills a process while it acknowledges writes: 5 times, 50 in `make
// soak`. What was acknowledged is there, and no transaction is there by half.
func TestKillSoak(t *testing.T) {
	full := 5
	if os.Getenv("REGRANT_SOAK") != "" {
		full = 50
	}
	for does, c := range map[string]badger.Config{"plain": {}, "encrypted": {Key: keyA}} {
		t.Run(does, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("%d rounds, seed %d", full, seed)
			random := rand.New(rand.NewPCG(seed, seed))
			c.Dir = t.TempDir()
			var rounds []heads
			for round := range full {
				rounds = append(rounds, oneRound(t, does, c.Dir, round, random))
				if err := verify(c, round, rounds[round:]); err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
			}
			if err := verify(c, 0, rounds); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// killAfterWriting leaves the files of a process that died while it wrote.
func killAfterWriting(t *testing.T, dir, does string) {
	t.Helper()
	cmd, lines := start(t, does, dir, 0)
	for range 200 {
		mustLine(t, lines)
	}
	kill(t, cmd, lines)
}
