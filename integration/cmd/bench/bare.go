package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"time"
)

// repeater is a program that does nothing but make calls again. What they cost whoever makes them, beside the time in which a tap sees
// them under way, depends on how long he was at rest: so it makes as many at a time as a completion did, after each of them.
type repeater struct {
	cmd   *exec.Cmd
	stdin io.Closer
	ask   *json.Encoder
	made  *json.Decoder
	taps  *taps
	other []byte // is asked for where the gateway asked for nothing
}

func newRepeater(ctx context.Context, t *taps, address string) (*repeater, error) {
	address, err := t.before(address)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "-again") //nolint:gosec // this program
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("making calls again: %w", err)
	}
	return &repeater{cmd, stdin, json.NewEncoder(stdin), json.NewDecoder(stdout), t, []byte("GET /bare HTTP/1.1\r\nHost: " + address + "\r\n\r\n")}, nil
}

func (r *repeater) stop() {
	_ = r.stdin.Close() // which ends it
	_ = r.cmd.Wait()
}

// bare is what each of n calls costs whoever makes it, one after the other. They are those of the completion in s with which the gateway
// asked for something.
func (r *repeater) bare(s span, n int) (times []time.Duration, err error) {
	asked := r.taps.asked(s)
	if len(asked) == 0 {
		asked = [][]byte{r.other}
	}
	batch := make([][]byte, n)
	for i := range batch {
		batch[i] = asked[i%len(asked)]
	}
	if err := r.ask.Encode(batch); err != nil {
		return nil, err
	}
	var made []stretch
	if err := r.made.Decode(&made); err != nil {
		return nil, fmt.Errorf("making calls again: %w", err)
	}
	for _, m := range made {
		s := span{time.Unix(0, m.From), time.Unix(0, m.To)}
		times = append(times, s.length()-s.covered(r.taps.within(s, func(string) bool { return true })))
	}
	return times, nil
}

// asked are the requests in s with which the gateway asked for something.
func (t *taps) asked(s span) (all [][]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.calls {
		if c.asks != nil && !c.from.Before(s.from) && c.from.Before(s.to) {
			all = append(all, c.asks)
		}
	}
	return all
}

// stretch is a span as one process tells it to another, in nanoseconds since 1970.
type stretch struct{ From, To int64 }

// again is the program: it reads requests, makes them, and writes when each began and ended, until there are no more.
func again(in io.Reader, out io.Writer) error {
	batches, made := json.NewDecoder(in), json.NewEncoder(out)
	client := &http.Client{Transport: new(http.Transport), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for {
		var asked [][]byte
		if err := batches.Decode(&asked); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		times := make([]stretch, len(asked))
		for i, before := range asked {
			r, err := likeBefore(before)
			if err != nil {
				return err
			}
			if times[i], err = timed(client, r); err != nil {
				return err
			}
		}
		if err := made.Encode(times); err != nil {
			return err
		}
	}
}

func timed(client *http.Client, r *http.Request) (s stretch, err error) {
	s.From = time.Now().UnixNano()
	resp, err := client.Do(r)
	if err != nil {
		return s, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	s.To = time.Now().UnixNano()
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return s, fmt.Errorf("reading an answer: %w", err)
	}
	return s, nil
}

// likeBefore is a request like one that was made before.
func likeBefore(before []byte) (*http.Request, error) {
	old, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(before)))
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequest(http.MethodGet, "http://"+old.Host+old.URL.RequestURI(), http.NoBody)
	if err == nil {
		r.Header = old.Header
	}
	return r, err
}
