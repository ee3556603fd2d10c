package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/regrant/regrant/integration/child"
	"github.com/regrant/regrant/integration/load"
)

// waiting are the system calls that return when the disk has what was written.
var waiting = []string{"fsync", "fdatasync", "msync", "sync_file_range", "syncfs", "sync"}

// flushes counts such calls of a process while during runs, with strace.
func (b *bench) flushes(ctx context.Context, pid int, during func() error) (int, error) {
	out := filepath.Join(b.dir, "flushes")
	cmd := exec.Command("strace", "-f", "-qq", "-c", "-e", "trace="+strings.Join(waiting, ","), "-o", out, "-p", strconv.Itoa(pid)) //nolint:gosec // only numbers and constants
	cmd.Stderr = b.log
	tracer, err := child.Start(cmd, syscall.SIGTERM)
	if err != nil {
		return 0, err
	}
	defer tracer.Stop()
	if err := attached(ctx, tracer, pid); err != nil {
		return 0, err
	}
	if err := during(); err != nil {
		return 0, err
	}
	tracer.Stop()
	text, err := os.ReadFile(out)
	if err != nil {
		return 0, err
	}
	return countCalls(string(text))
}

// attached waits until every thread of the process is traced.
func attached(ctx context.Context, tracer *child.Child, pid int) error {
	for range 500 {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
		if err != nil {
			return err
		}
		if len(threads) > 0 && !slices.ContainsFunc(threads, func(path string) bool {
			by, err := procField(path, "TracerPid")
			return err == nil && by == 0
		}) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tracer.Done():
			return fmt.Errorf("strace ended by itself: %v", tracer.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
	return errors.New("strace does not attach")
}

// countCalls adds up strace's table, whose fourth column is the number of calls and whose last their name.
func countCalls(table string) (sum int, err error) {
	for line := range strings.Lines(table) {
		columns := strings.Fields(line)
		if len(columns) < 5 || !slices.Contains(waiting, columns[len(columns)-1]) {
			continue
		}
		n, err := strconv.Atoi(columns[3])
		if err != nil {
			return 0, fmt.Errorf("strace's table: %w", err)
		}
		sum += n
	}
	return sum, nil
}

// bareFlush is how long it takes to append 4 KiB to a file in dir and to wait for the disk.
func bareFlush(dir string) (time.Duration, error) {
	f, err := os.CreateTemp(dir, "flush-")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	block := make([]byte, 4<<10)
	times := make([]time.Duration, 101)
	for i := range times {
		began := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		times[i] = time.Since(began)
	}
	return load.Median(times), nil
}
