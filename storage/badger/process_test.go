package badger_test

import (
	"bufio"
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

// With these this test binary works on a store as a child of itself.
const (
	childDoes  = "STORAGE_TEST_DOES" // one of children
	childDir   = "STORAGE_TEST_DIR"
	childRound = "STORAGE_TEST_ROUND"
)

var children = map[string]func(dir string) error{
	"plain":     func(dir string) error { return writeGroups(badger.Config{Dir: dir}) },
	"encrypted": func(dir string) error { return writeGroups(badger.Config{Dir: dir, Key: keyA}) },
}

func TestMain(m *testing.M) {
	if does := os.Getenv(childDoes); does != "" {
		if err := children[does](os.Getenv(childDir)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// start starts a child on dir and gives what it says, line by line.
func start(t *testing.T, does, dir string, round int) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childDoes+"="+does, childDir+"="+dir, childRound+"="+strconv.Itoa(round))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewReader(out)
}

// expect reads one line.
func expect(t *testing.T, lines *bufio.Reader, want string) {
	t.Helper()
	if line, err := lines.ReadString('\n'); line != want+"\n" {
		t.Fatalf("child said %q, %v, want %q", line, err, want)
	}
}

// kill ends a child with SIGKILL and gives the whole lines that it still had said.
func kill(t *testing.T, cmd *exec.Cmd, lines *bufio.Reader) (rest []string) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	said, _ := io.ReadAll(lines)
	_ = cmd.Wait()
	for line := range strings.Lines(string(said)) {
		if whole, ok := strings.CutSuffix(line, "\n"); ok {
			rest = append(rest, whole)
		}
	}
	return rest
}

func TestDirectoryOfAnotherProcessIsLocked(t *testing.T) {
	dir := t.TempDir()
	cmd, lines := start(t, "plain", dir, 0)
	expect(t, lines, "open")
	_, err := badger.Open(badger.Config{Dir: dir})
	if !errors.Is(err, storage.ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Errorf("error is %v, want ErrLocked that names %s", err, dir)
	}
	kill(t, cmd, lines)
	closing(t)(badger.Open(badger.Config{Dir: dir}))
}

// BenchmarkUpdate shows that concurrent updates share the flush to disk: with 32
// writers a commit takes a fraction of the time that it takes alone.
func BenchmarkUpdate(b *testing.B) {
	for _, writers := range []int{1, 32} {
		b.Run("writers="+strconv.Itoa(writers), func(b *testing.B) {
			db := closing(b)(badger.Open(badger.Config{Dir: b.TempDir()}))
			b.ResetTimer()
			insertAll(b, db, writers, 0, b.N)
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
		})
	}
}

// BenchmarkEncryption compares an encrypted store with a plain one, in turns of 256
// updates so that both meet the same disk.
func BenchmarkEncryption(b *testing.B) {
	const turn = 256
	plain := closing(b)(badger.Open(badger.Config{Dir: b.TempDir()}))
	encrypted := closing(b)(badger.Open(badger.Config{Dir: b.TempDir(), Key: keyA}))
	var took [2]time.Duration
	b.ResetTimer()
	for i := range b.N {
		for j, db := range []*badger.DB{plain, encrypted} {
			before := time.Now()
			insertAll(b, db, 32, i*turn, turn)
			took[j] += time.Since(before)
		}
	}
	b.ReportMetric(turn*float64(b.N)/took[0].Seconds(), "plain-commits/s")
	b.ReportMetric(turn*float64(b.N)/took[1].Seconds(), "encrypted-commits/s")
	b.ReportMetric(took[0].Seconds()/took[1].Seconds(), "encrypted/plain")
}

// insertAll inserts n keys from the number first on, with so many writers at once.
func insertAll(b *testing.B, db storage.DB, writers, first, n int) {
	work := make(chan int)
	var done sync.WaitGroup
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
	for i := range n {
		work <- first + i
	}
	close(work)
	done.Wait()
}
