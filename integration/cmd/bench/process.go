package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// usage is what a process takes.
type usage struct {
	Memory     int64 // resident, in bytes
	Goroutines int
	written    int64 // bytes, so far
}

func (c *caddy) usage() (u usage, err error) {
	if u.Memory, err = c.memory(); err != nil {
		return u, err
	}
	if u.Goroutines, err = c.goroutines(); err != nil {
		return u, err
	}
	u.written, err = c.written()
	return u, err
}

// memory is what of the process is in RAM, in bytes (proc(5), VmRSS).
func (c *caddy) memory() (int64, error) {
	kib, err := procField(fmt.Sprintf("/proc/%d/status", c.process.PID()), "VmRSS")
	return kib << 10, err
}

// written is how many bytes the process has caused to be written to storage, by calls or through mapped files (proc(5),
// write_bytes).
func (c *caddy) written() (int64, error) {
	return procField(fmt.Sprintf("/proc/%d/io", c.process.PID()), "write_bytes")
}

// procField is the number after a name.
func procField(path, name string) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			return strconv.ParseInt(number, 10, 64)
		}
	}
	return 0, fmt.Errorf("%s says no %s", path, name)
}

// goroutines are counted by the admin API.
func (c *caddy) goroutines() (n int, err error) {
	resp, err := http.Get("http://" + c.Admin + "/debug/pprof/goroutine?debug=1")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	line, err := bufio.NewReader(io.LimitReader(resp.Body, 1<<20)).ReadString('\n')
	if err != nil {
		return 0, err
	}
	_, err = fmt.Sscanf(line, "goroutine profile: total %d", &n)
	return n, err
}

// watch calls look now and then until the returned function is called, which says the greatest of what it saw.
func watch(ctx context.Context, look func() (int64, error)) (most func() (int64, error)) {
	ctx, cancel := context.WithCancel(ctx)
	var seen int64
	var failed error
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for failed == nil {
			var now int64
			now, failed = look()
			seen = max(seen, now)
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return func() (int64, error) {
		cancel()
		<-done
		return seen, failed
	}
}
