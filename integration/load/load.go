// Package load sends requests that were made beforehand and says how long the answers took. What it spends itself is
// little and the same for every server, since the server and it share one machine: a request is written as it is kept,
// and of an answer only what HTTP needs is read.
package load

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// patience is how long one answer may take.
const patience = 30 * time.Second

// Plan is one run: Requests in the form in which HTTP/1.1 sends them, each sent once, over as many connections as there
// are Workers. The connections are kept alive and are open before the clock starts.
type Plan struct {
	Address  string // host and port, on this machine
	Requests [][]byte
	Workers  int
	Keep     bool // keep the answers' bodies
}

// Result is what a run came to.
type Result struct {
	Elapsed   time.Duration
	Latencies []time.Duration // in order of size
	Bodies    [][]byte        // by request, if they were to be kept
}

// Run sends every request of the plan. One answer that is not 200 ends the run with an error that quotes it: what
// refuses quickly is not fast.
func Run(ctx context.Context, p Plan) (Result, error) {
	if err := onThisMachine(p.Address); err != nil {
		return Result{}, err
	}
	workers := make([]*worker, min(p.Workers, len(p.Requests)))
	for i := range workers {
		w, err := dial(ctx, p.Address)
		if err != nil {
			return Result{}, err
		}
		defer w.conn.Close()
		workers[i] = w
	}
	r := Result{Latencies: make([]time.Duration, len(p.Requests))}
	if p.Keep {
		r.Bodies = make([][]byte, len(p.Requests))
	}
	return r.share(ctx, len(workers), func(worker, i int) error { return workers[worker].exchange(p.Requests[i], i, &r) })
}

// share has every request answered by do, which so many workers call at a time, each by its number. The first error ends
// it.
func (r *Result) share(ctx context.Context, workers int, do func(worker, request int) error) (Result, error) {
	errs := make(chan error, workers)
	var next atomic.Int64
	var running sync.WaitGroup
	began := time.Now()
	for worker := range workers {
		running.Go(func() {
			for ctx.Err() == nil && len(errs) == 0 {
				i := int(next.Add(1)) - 1
				if i >= len(r.Latencies) {
					return
				}
				if err := do(worker, i); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	running.Wait()
	r.Elapsed = time.Since(began)
	close(errs)
	if err := <-errs; err != nil {
		return Result{}, err
	}
	slices.Sort(r.Latencies)
	return *r, ctx.Err()
}

// worker is one connection.
type worker struct {
	conn   net.Conn
	reader *bufio.Reader
}

func dial(ctx context.Context, address string) (*worker, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &worker{conn, bufio.NewReader(conn)}, nil
}

func (w *worker) exchange(request []byte, i int, r *Result) error {
	began := time.Now()
	if err := w.conn.SetDeadline(began.Add(patience)); err != nil {
		return err
	}
	if _, err := w.conn.Write(request); err != nil {
		return err
	}
	answer, err := http.ReadResponse(w.reader, nil)
	if err != nil {
		return fmt.Errorf("reading an answer: %w", err)
	}
	body, err := readBody(answer, r.Bodies != nil)
	r.Latencies[i] = time.Since(began)
	if err != nil {
		return fmt.Errorf("reading an answer: %w", err)
	}
	if r.Bodies != nil {
		r.Bodies[i] = body
	}
	return nil
}

// readBody reads the body to its end, and returns it if it is wanted.
func readBody(answer *http.Response, wanted bool) ([]byte, error) {
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
		return nil, fmt.Errorf("status %d: %s", answer.StatusCode, bytes.TrimSpace(text))
	}
	if !wanted {
		_, err := io.Copy(io.Discard, answer.Body)
		return nil, err
	}
	return io.ReadAll(answer.Body)
}

// onThisMachine refuses every other target: what measures must not become what attacks.
func onThisMachine(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("%s is not a loopback address", address)
	}
	return nil
}
