// Command demo starts a whole environment and tells in it the story of one recovery from beginning to end, and then, in
// front of the demo identity provider, of one by every other method. In front of the others, which know nothing of
// the gateway then, it tells how an operator sets them up, tries that out and has it examined, and of faults that are
// planted and found. It exits with 0 if every line of the transcript was observed. On a terminal, and with -up, the
// environment stays until it is interrupted. Everything in it comes from one address, so its limits are wide; new devices
// may recover at once.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/story"
	"github.com/regrant/regrant/integration/swtpm"
)

func main() {
	idp := flag.String("idp", env.Demo, "identity provider: keycloak, kratos, hydra, kratos-hydra or demo")
	up := flag.Bool("up", false, "no story: print the environment as a line of JSON and stay")
	bin := flag.String("bin", "bin", "folder with the built programs")
	flag.Parse()
	if err := run(*idp, *bin, *up); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(idp, bin string, up bool) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "regrant-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if bin, err = filepath.Abs(bin); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(dir, "programs.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	if !up {
		fmt.Printf("Starting Caddy with Regrant in front of a %s identity provider …\n", idp)
	}
	options := env.Options{IdP: idp, Bin: bin, Dir: dir, Log: log, Patient: true}
	whole := !up && idp != env.Demo
	if whole {
		options = story.Whole(options)
	}
	e, err := env.Start(ctx, options)
	if err != nil {
		return withLog(err, log)
	}
	defer e.Stop()
	if up {
		return stay(ctx, e)
	}
	began := time.Now()
	s := story.New(e, os.Stdout)
	tell := s.Run
	if whole {
		tell = s.Whole
	}
	if err := tell(ctx); err != nil {
		return withLog(err, log)
	}
	if idp == env.Demo {
		if err := everyMethod(ctx, bin, dir, log); err != nil {
			return withLog(err, log)
		}
	}
	fmt.Printf("\nEverything was observed, in %s.\n", time.Since(began).Round(time.Second))
	if terminal() {
		story.Addresses(os.Stdout, e)
		fmt.Println("\nCtrl-C ends it.")
		<-ctx.Done()
	}
	return nil
}

// everyMethod tells the rest in an environment of its own, in which the other methods are configured too.
func everyMethod(ctx context.Context, bin, dir string, log *os.File) error {
	dir = filepath.Join(dir, "every-method")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	options := env.Options{
		IdP: env.Demo, Bin: bin, Dir: dir, Log: log, Patient: true, Gateway: slices.Clone(env.EveryMethod), Users: story.Users(),
	}
	chip, err := swtpm.Make(ctx)
	switch {
	case errors.Is(err, swtpm.ErrMissing):
		fmt.Printf("\nA TPM is not shown: %v.\n", err)
	case err != nil:
		return err
	default:
		defer chip.Remove()
		method, err := story.TrustMaker(chip, filepath.Join(dir, "tpm-makers.pem"))
		if err != nil {
			return err
		}
		options.Gateway = append(options.Gateway, method)
	}
	e, err := env.Start(ctx, options)
	if err != nil {
		return err
	}
	defer e.Stop()
	s := story.New(e, os.Stdout)
	if err := s.Ways(ctx); err != nil {
		return err
	}
	if chip != nil {
		if err := s.TPM(ctx, chip); err != nil {
			return err
		}
	}
	if err := s.Hardware(ctx); err != nil {
		return err
	}
	return s.Standard(ctx)
}

// stay prints the environment and waits to be ended.
func stay(ctx context.Context, e *env.Env) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	<-ctx.Done()
	return nil
}

// withLog adds the end of what the programs printed.
func withLog(err error, log *os.File) error {
	const tail = 6000
	info, statErr := log.Stat()
	if statErr != nil {
		return err
	}
	buf := make([]byte, min(tail, info.Size()))
	if _, readErr := log.ReadAt(buf, info.Size()-int64(len(buf))); readErr != nil && readErr != io.EOF {
		return err
	}
	return fmt.Errorf("%w\nthe programs' last words:\n%s", err, buf)
}

func terminal() bool {
	info, err := os.Stdout.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
