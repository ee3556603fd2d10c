package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// hook receives the gateway's notices and counts them.
type hook struct {
	address string
	stop    func()
	came    atomic.Int64
}

func startHook() (h *hook, err error) {
	h = new(hook)
	h.address, h.stop, err = serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		h.came.Add(1)
		w.WriteHeader(http.StatusNoContent)
	}))
	return h, err
}

// quiet waits until no notice has come for a while: those of the preparation are not to be sent while something is
// measured.
func (h *hook) quiet(ctx context.Context) error {
	const silence = 300 * time.Millisecond
	for range 200 {
		before := h.came.Load()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(silence):
		}
		if h.came.Load() == before {
			return nil
		}
	}
	return errors.New("the notices do not end")
}
