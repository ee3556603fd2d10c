// Command regrant is the program for devices and for the people who hold them. A device is enrolled once, while its owner
// still has access; from then on its key can prove that an account is the owner's, and get back into it.
//
// The key never leaves its file. What the program signs is a text that it has read itself and found to be what was
// asked for; a gateway that answers with anything else gets no signature.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// env is what the program needs of its surroundings.
type env struct {
	in          io.Reader
	out         io.Writer // results, for programs to read
	err         io.Writer // everything that is said to a person
	now         func() time.Time
	openBrowser func(url string) error

	lines *bufio.Reader // of in, once a line was asked for
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, &env{in: os.Stdin, out: os.Stdout, err: os.Stderr, now: time.Now, openBrowser: openBrowser}, os.Args[1:])
	stop()
	os.Exit(code)
}

// run carries out one command line and returns the exit code.
func run(ctx context.Context, e *env, args []string) int {
	root := newRoot(e)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	f := asFailure(err)
	fmt.Fprintf(e.err, "regrant: %s\n", f.problem)
	if f.advice != "" {
		fmt.Fprintln(e.err, f.advice)
	}
	return f.code
}
