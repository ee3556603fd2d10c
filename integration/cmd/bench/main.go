// Command bench measures what the gateway costs and writes docs/performance.md. Everything that it measures is real and
// runs on this machine: the built Caddy, and the identity providers, on PostgreSQL where they want it. Every comparison is made
// in turn, round by round. It exits with 1, and writes nothing, if a figure is worse than what is demanded of it.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/regrant/regrant/integration/hydra"
	realm "github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/integration/postgres"
)

func main() {
	quick := flag.Bool("quick", false, "a few requests of everything that needs no other server, to see that it works: nothing is demanded of the figures")
	only := flag.String("only", "", "one part alone, such as completions: nothing is written")
	bin := flag.String("bin", "bin", "folder with the built programs")
	out := flag.String("out", "docs/performance.md", "file to write")
	repeat := flag.Bool("again", false, "make the calls of standard input again and print when each began and ended; for the benchmark's own use")
	flag.Parse()
	if *repeat {
		if err := again(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(*quick, *only, *bin, *out); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run of everything.
type bench struct {
	scale
	bin, dir string
	log      *tail    // what the programs print
	failed   []string // what was demanded and is not so
	began    time.Time
	asked    int // accounts that strangers asked for
}

// scale says how much is measured.
type scale struct {
	Quick      bool
	rounds     int           // of every comparison; odd
	passing    time.Duration // of a run with requests that pass
	bareTime   time.Duration // of a run of bare cryptography
	restTime   time.Duration // after the flood
	floodSize  int
	recoveries map[int]int // requests of a run, by connections
	adapters   []adapter   // through which is completed
	people     int         // who complete through each
}

var (
	whole = scale{
		rounds: 5, passing: 2 * time.Second, bareTime: time.Second, restTime: 10 * time.Second, floodSize: 100_000,
		recoveries: map[int]int{1: 300, 8: 1000, 32: 2000}, adapters: adapters, people: 40,
	}
	glance = scale{
		Quick: true, rounds: 1, passing: time.Millisecond, bareTime: 20 * time.Millisecond, restTime: time.Millisecond, floodSize: 500,
		recoveries: map[int]int{1: 10, 8: 20, 32: 40}, adapters: small, people: 2,
	}
)

func run(quick bool, only, bin, out string) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := &bench{scale: whole, log: new(tail), began: time.Now()}
	if quick {
		b.scale = glance
	}
	if b.bin, err = filepath.Abs(bin); err != nil {
		return err
	}
	parts, err := b.parts(only)
	if err != nil {
		return err
	}
	if err := b.missing(); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "regrant-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	report, err := b.measure(ctx, parts)
	if err != nil {
		return fmt.Errorf("%w\nthe programs' last words:\n%s", err, b.log)
	}
	if len(b.failed) > 0 && !quick {
		return fmt.Errorf("not good enough:\n  %s", strings.Join(b.failed, "\n  "))
	}
	if only != "" {
		return nil
	}
	return report.write(out)
}

// measure does some parts, one after the other.
func (b *bench) measure(ctx context.Context, parts []part) (r report, err error) {
	r.scale, r.Date, r.Hydra = b.scale, time.Now().UTC().Format(time.DateOnly), hydra.Version
	if r.Machine, err = b.machine(ctx); err != nil {
		return r, err
	}
	for _, p := range parts {
		b.say("%s", p.name)
		if err := p.measure(ctx, &r); err != nil {
			return r, err
		}
	}
	return r, nil
}

// missing says what has to be there and is not.
func (b *bench) missing() error {
	programs := []string{"caddy", "regrant"}
	if b.Quick {
		programs = append(programs, "demoidp")
	} else {
		programs = append(programs, "hydra", "kratos")
		if err := cmp.Or(postgres.Missing(), realm.Missing()); err != nil {
			return err
		}
	}
	for _, name := range programs {
		if _, err := os.Stat(b.program(name)); err != nil {
			return fmt.Errorf("%s is not built: use make bench", name)
		}
	}
	if _, err := exec.LookPath("strace"); err != nil {
		return fmt.Errorf("strace is missing, which counts the writes; in Debian it is in the package of that name: %w", err)
	}
	return nil
}

func (b *bench) program(name string) string { return filepath.Join(b.bin, name) }

// demand keeps what is not as it must be.
func (b *bench) demand(ok bool, format string, args ...any) {
	if !ok {
		b.failed = append(b.failed, fmt.Sprintf(format, args...))
	}
}

// say tells whoever waits.
func (b *bench) say(format string, args ...any) {
	fmt.Printf("%4.0fs "+format+"\n", append([]any{time.Since(b.began).Seconds()}, args...)...)
}
