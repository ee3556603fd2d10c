package badger_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/badger"
)

// childDir names the store that this test binary works on as a child of itself.
const childDir = "STORAGE_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Fprintln(os.Stderr, writeAcknowledged(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeAcknowledged writes keys without end and tells each once it is durable.
// The first line only tells that the store is open.
func writeAcknowledged(dir string) error {
	db, err := badger.Open(badger.Config{Dir: dir})
	if err != nil {
		return err
	}
	fmt.Println("open")
	var mu sync.Mutex
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				key := fmt.Sprintf("%d/%d/%d", os.Getpid(), w, i)
				err := db.Update(context.Background(), func(tx storage.Tx) error {
					return tx.Insert([]byte(key), []byte(key), time.Time{})
				})
				mu.Lock()
				if err != nil {
					fmt.Println("failed", err)
				}
				fmt.Println(key)
				mu.Unlock()
			}
		}()
	}
	select {}
}

// child starts a writer on dir and waits until it is open.
func child(t *testing.T, dir string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); line != "open\n" {
		t.Fatalf("child said %q, %v", line, err)
	}
	return cmd, lines
}

func TestDirectoryOfAnotherProcessIsLocked(t *testing.T) {
	dir := t.TempDir()
	cmd, _ := child(t, dir)
	_, err := badger.Open(badger.Config{Dir: dir})
	if !errors.Is(err, storage.ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Errorf("error is %v, want ErrLocked that names %s", err, dir)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	closing(t)(badger.Open(badger.Config{Dir: dir}))
}

func TestKillLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	var acknowledged []string
	for round := range 3 {
		cmd, lines := child(t, dir)
		for len(acknowledged) < 200*(round+1) {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			acknowledged = append(acknowledged, strings.TrimSuffix(line, "\n"))
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		rest, _ := io.ReadAll(lines)
		_ = cmd.Wait()
		for line := range strings.Lines(string(rest)) {
			if key, whole := strings.CutSuffix(line, "\n"); whole {
				acknowledged = append(acknowledged, key)
			}
		}
		allThere(t, dir, acknowledged)
	}
}

func allThere(t *testing.T, dir string, keys []string) {
	t.Helper()
	db, err := badger.Open(badger.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	err = db.View(t.Context(), func(r storage.Reader) error {
		for _, key := range keys {
			if v, err := r.Get([]byte(key)); err != nil || string(v) != key {
				t.Errorf("acknowledged %q: %q, %v", key, v, err)
			}
		}
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkUpdate shows that concurrent updates share the flush to disk: with 32
// writers a commit takes a fraction of the time that it takes alone.
func BenchmarkUpdate(b *testing.B) {
	for _, writers := range []int{1, 32} {
		b.Run("writers="+strconv.Itoa(writers), func(b *testing.B) {
			db := closing(b)(badger.Open(badger.Config{Dir: b.TempDir()}))
			work := make(chan int)
			var done sync.WaitGroup
			b.ResetTimer()
			for range writers {
				done.Go(func() {
					for i := range work {
						err := db.Update(b.Context(), func(tx storage.Tx) error {
							return tx.Insert(strconv.AppendInt(nil, int64(i), 10), make([]byte, 500), time.Time{})
						})
						if err != nil {
							b.Error(err)
						}
					}
				})
			}
			for i := range b.N {
				work <- i
			}
			close(work)
			done.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
		})
	}
}
