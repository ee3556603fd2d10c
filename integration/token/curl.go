package token

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Curl sends requests as the program curl does, which shows the device's certificate with the key in the token. It is an
// [http.RoundTripper]; each request is a process and a connection of its own.
type Curl struct {
	Token  *Token
	CAFile string   // anchor of the server's certificate
	Chain  []string // PEM, the device's certificate first; nil: none is shown
	Site   string   // scheme and authority to connect to, whatever a request says
	More   []string // more options
}

// RoundTrip implements [http.RoundTripper].
func (c *Curl) RoundTrip(r *http.Request) (*http.Response, error) {
	dir, err := os.MkdirTemp(c.Token.dir, "curl-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	args, err := c.args(dir, r)
	if err != nil {
		return nil, err
	}
	said, err := c.Token.run(r.Context(), append([]string{"curl"}, args...)...)
	if err != nil {
		return nil, err
	}
	out, _, err := response(r, dir, said)
	return out, err
}

// args are the options for one transfer, with its files in dir.
func (c *Curl) args(dir string, r *http.Request) ([]string, error) {
	args := append([]string{
		"--silent", "--show-error", "--cacert", c.CAFile, "--request", r.Method, "--dump-header", filepath.Join(dir, "headers"), "--output", filepath.Join(dir, "answer"),
		"--write-out", "%{http_code} %{num_connects}\n",
	}, c.More...)
	if c.Chain != nil {
		chain := filepath.Join(c.Token.dir, "chain.pem") // curl shares no connection between two names of one file
		if err := os.WriteFile(chain, []byte(strings.Join(c.Chain, "")), 0o600); err != nil {
			return nil, err
		}
		args = append(args, "--engine", "pkcs11", "--key-type", "ENG", "--key", key, "--cert", chain)
	}
	for name, values := range r.Header {
		for _, value := range values {
			args = append(args, "--header", name+": "+value)
		}
	}
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		file := filepath.Join(dir, "body")
		if err := os.WriteFile(file, body, 0o600); err != nil {
			return nil, err
		}
		args = append(args, "--data-binary", "@"+file)
	}
	return append(args, c.Site+r.URL.RequestURI()), nil
}

// response reads what curl left in dir, and what it said: the status, and how many connections it has made for that.
func response(r *http.Request, dir, said string) (out *http.Response, connections int, err error) {
	var code int
	if _, err := fmt.Sscan(said, &code, &connections); err != nil {
		return nil, 0, fmt.Errorf("curl says %q", said)
	}
	head, err := os.ReadFile(filepath.Join(dir, "headers"))
	if err != nil {
		return nil, 0, err
	}
	_, head, _ = bytes.Cut(head, []byte("\n")) // the status line
	header, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(head))).ReadMIMEHeader()
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, err
	}
	body, err := os.ReadFile(filepath.Join(dir, "answer"))
	if err != nil && !errors.Is(err, os.ErrNotExist) { // an empty one makes no file
		return nil, 0, err
	}
	return &http.Response{
		StatusCode: code, Header: http.Header(header), Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}, connections, nil
}

// Refused is the exit code of curl in err, where it got no answer at all, and 0 otherwise.
func Refused(err error) int {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	return 0
}
