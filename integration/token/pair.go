package token

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/regrant/regrant/integration/child"
)

// Pair sends two requests, one after the other, over one connection if the server lets curl. The body of the second is
// what then makes of the answer to the first; the time in between is the caller's. reused tells whether there was no other connection.
func (c *Curl) Pair(first, second *http.Request, then func(*http.Response) ([]byte, error)) (out *http.Response, reused bool, err error) {
	dirs := []string{"first", "second"}
	for i, name := range dirs {
		if dirs[i], err = os.MkdirTemp(c.Token.dir, name+"-"); err != nil {
			return nil, false, err
		}
		defer os.RemoveAll(dirs[i])
	}
	args, err := c.args(dirs[0], first)
	if err != nil {
		return nil, false, err
	}
	more, err := c.args(dirs[1], second)
	if err != nil {
		return nil, false, err
	}
	// curl opens the pipe when it comes to the second request, and sends what it reads there.
	pipe := filepath.Join(dirs[1], "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		return nil, false, err
	}
	var stdout, stderr bytes.Buffer
	cmd := c.Token.command(append(append(append([]string{"curl"}, args...), "--next", "--upload-file", pipe), more...)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	p, err := child.Start(cmd, syscall.SIGKILL)
	if err != nil {
		return nil, false, err
	}
	defer p.Stop()
	var body *os.File
	if err := p.Await(first.Context(), 30*time.Second, "the second request of curl", func() bool {
		body, err = os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0) // fails while nobody reads
		return err == nil
	}); err != nil {
		return nil, false, fmt.Errorf("%w: %s", err, &stderr)
	}
	// What curl says of the first comes with the end, but it is whole.
	answer, _, err := response(first, dirs[0], "200 1")
	if err != nil {
		return nil, false, errors.Join(err, body.Close())
	}
	text, err := then(answer)
	if err == nil {
		_, err = body.Write(text)
	}
	if err = errors.Join(err, body.Close()); err != nil {
		return nil, false, err
	}
	if err := p.Wait(second.Context()); err != nil {
		return nil, false, fmt.Errorf("curl: %w: %s", err, &stderr)
	}
	_, last, _ := strings.Cut(stdout.String(), "\n")
	out, connections, err := response(second, dirs[1], last)
	return out, connections == 0, err
}
