package badger_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/badger"
)

const (
	mib       = 1 << 20
	smallDisk = 256 * mib
)

func init() {
	children["fill to the reserve"] = onSmallDisk(fillToTheReserve)
	children["fill to zero"] = onSmallDisk(fillToZero)
	children["careless"] = func(dir string) error { return writeGroups(badger.Config{Dir: dir, Reserve: mib}) }
}

// TestSmallDiskFillsUpAndGoesOn and its like run in a mount namespace of their own,
// on a file system in memory. Where the system allows nobody such a namespace they
// are skipped.
func TestSmallDiskFillsUpAndGoesOn(t *testing.T) { aloneWithAMount(t, "fill to the reserve") }

// What others do to a disk no reserve can stop: then the process dies, and what it
// had acknowledged is there when there is space again.
func TestDiskFilledByOthersLosesNothingAcknowledged(t *testing.T) { aloneWithAMount(t, "fill to zero") }

func aloneWithAMount(t *testing.T, does string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childDoes+"="+does, childDir+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && os.Getenv("CI") == "" {
		t.Skipf("no mount namespace: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func onSmallDisk(do func(dir string) error) func(string) error {
	return func(dir string) error {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+strconv.Itoa(smallDisk)); err != nil {
			return fmt.Errorf("mounting: %w", err)
		}
		return do(dir)
	}
}

// ballast is what others write on the same disk: so many bytes, or all that is left.
func ballast(dir string, size int64) (remove func() error, err error) {
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	block := make([]byte, 64<<10)
	for written := int64(0); written < size && err == nil; written += int64(len(block)) {
		_, err = f.Write(block)
	}
	if errors.Is(err, unix.ENOSPC) {
		err = nil
	}
	return func() error { return os.Remove(path) }, errors.Join(err, f.Close())
}

func number(i int) []byte { return fmt.Appendf(nil, "number/%d", i) }

// noise is 60 KiB that Badger cannot compress.
func noise(i int) []byte {
	b := make([]byte, 60<<10)
	_, _ = rand.NewChaCha8([32]byte{byte(i), byte(i >> 8)}).Read(b)
	return b
}

func putNumber(db storage.DB, i int) error {
	return db.Update(context.Background(), func(tx storage.Tx) error {
		return tx.Insert(number(i), noise(i), time.Time{})
	})
}

// haveNumbers reads the first n.
func haveNumbers(db storage.DB, n int) error {
	return db.View(context.Background(), func(r storage.Reader) error {
		for i := range n {
			if v, err := r.Get(number(i)); err != nil || !bytes.Equal(v, noise(i)) {
				return fmt.Errorf("number %d of %d: %d bytes, %w", i, n, len(v), err)
			}
		}
		return nil
	})
}

func fillToTheReserve(dir string) error {
	remove, err := ballast(dir, 48*mib)
	if err != nil {
		return err
	}
	c := badger.Config{Dir: filepath.Join(dir, "store"), Reserve: badger.MinReserve}
	db, err := badger.Open(c)
	if err != nil {
		return err
	}
	n, err := putUntilFull(db, 0)
	if err != nil {
		return err
	}
	fmt.Println("full after", n, "values of 60 KiB")
	if err := haveNumbers(db, n); err != nil {
		return fmt.Errorf("reading from a full store: %w", err)
	}
	// Closing may win some space back, and a restart reads on, too.
	if err := db.Close(); err != nil {
		return err
	}
	if db, err = badger.Open(c); err != nil {
		return fmt.Errorf("opening a full store: %w", err)
	}
	if n, err = putUntilFull(db, n); err != nil {
		return fmt.Errorf("after a restart: %w", err)
	}
	if err := errors.Join(haveNumbers(db, n), remove()); err != nil {
		return err
	}
	for end := time.Now().Add(10 * time.Second); errors.Is(putNumber(db, n), storage.ErrFull); {
		if time.Now().After(end) {
			return errors.New("there is space, and nothing is written for 10 s")
		}
	}
	if err := db.Close(); err != nil {
		return err
	}
	if db, err = badger.Open(c); err != nil {
		return err
	}
	return errors.Join(haveNumbers(db, n+1), db.Close())
}

// putUntilFull writes numbers from n on until there is no space, and says how many
// there are then.
func putUntilFull(db storage.DB, n int) (int, error) {
	for ; n < smallDisk/(60<<10); n++ {
		if err := putNumber(db, n); err != nil {
			if errors.Is(err, storage.ErrFull) {
				err = nil
			}
			return n, err
		}
	}
	return n, errors.New("it never gets full")
}

func fillToZero(dir string) error {
	c := badger.Config{Dir: filepath.Join(dir, "store"), Reserve: mib}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDoes+"=careless", childDir+"="+c.Dir, childRound+"=0")
	var died bytes.Buffer
	cmd.Stderr = &died
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	told, lines := noHeads(), bufio.NewReader(out)
	for range 100 {
		line, err := lines.ReadString('\n')
		if err := errors.Join(err, told.hear(strings.TrimSpace(line))); err != nil {
			return err
		}
	}
	remove, err := ballast(dir, smallDisk)
	if err != nil {
		return err
	}
	rest, err := io.ReadAll(lines)
	for line := range strings.Lines(string(rest)) {
		if whole, ok := strings.CutSuffix(line, "\n"); ok {
			err = errors.Join(err, told.hear(whole))
		}
	}
	ended := cmd.Wait()
	first, _, _ := strings.Cut(died.String(), "\n")
	fmt.Printf("a disk filled to zero ended the process: %v, %s\n", ended, first)
	if ended == nil {
		return errors.New("the writer ended without an error")
	}
	if err := errors.Join(err, remove()); err != nil {
		return err
	}
	return verify(c, 0, []heads{told})
}
