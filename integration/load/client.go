package load

import (
	"context"
	"net/http"
	"time"
)

// RunHTTP gets url n times through client, with so many workers at a time. It is for what [Run] does not speak; the
// client's own work is part of what it measures.
func RunHTTP(ctx context.Context, client *http.Client, url string, workers, n int) (Result, error) {
	r := Result{Latencies: make([]time.Duration, n)}
	return r.share(ctx, workers, func(_, i int) error {
		sent := time.Now()
		err := get(ctx, client, url)
		r.Latencies[i] = time.Since(sent)
		return err
	})
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
