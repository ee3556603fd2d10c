package load

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// RunHTTP gets url n times through client, with so many workers at a time. It is for what [Run] does not speak; the
// client's own work is part of what it measures.
func RunHTTP(ctx context.Context, client *http.Client, url string, workers, n int) (Result, error) {
	r := Result{Latencies: make([]time.Duration, n)}
	errs := make(chan error, workers)
	var next atomic.Int64
	var running sync.WaitGroup
	began := time.Now()
	for range workers {
		running.Go(func() {
			for len(errs) == 0 {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				sent := time.Now()
				if err := get(ctx, client, url); err != nil {
					errs <- err
					return
				}
				r.Latencies[i] = time.Since(sent)
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
	return r, nil
}

func get(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	if err := onThisMachine(req.URL.Host); err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	_, err = readBody(resp, false)
	return err
}
