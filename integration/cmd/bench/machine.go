package main

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// machine says in general words on what the figures were measured.
type machine struct {
	Cores  int
	Memory int64 // GiB
	System string
	Go     string
	Caddy  string
	Flush  time.Duration // a bare flush of 4 KiB
}

func (b *bench) machine(ctx context.Context) (m machine, err error) {
	kib, err := procField("/proc/meminfo", "MemTotal")
	if err != nil {
		return m, err
	}
	version, err := exec.CommandContext(ctx, b.program("caddy"), "version").Output() //nolint:gosec // the program of this repository
	if err != nil {
		return m, fmt.Errorf("caddy version: %w", err)
	}
	number, _, _ := strings.Cut(strings.TrimSpace(string(version)), " ")
	m = machine{Cores: runtime.NumCPU(), Memory: (kib + 1<<19) >> 20, System: runtime.GOOS + "/" + runtime.GOARCH, Go: strings.TrimPrefix(runtime.Version(), "go"), Caddy: number}
	m.Flush, err = bareFlush(b.dir)
	return m, err
}
