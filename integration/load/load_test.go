package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func record(t *testing.T, url string, n int) [][]byte {
	t.Helper()
	var kept Recorder
	for i := range n {
		resp, err := kept.Client().Post(url, "text/plain", strings.NewReader(fmt.Sprint("request ", i)))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	return kept.Requests
}

func TestEveryRequestIsSentOnceAndItsAnswerKept(t *testing.T) {
	var served atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		_, _ = io.Copy(w, r.Body)
	}))
	defer server.Close()
	r, err := Run(t.Context(), Plan{Address: server.Listener.Addr().String(), Requests: record(t, server.URL, 100), Workers: 8, Keep: true})
	if err != nil {
		t.Fatal(err)
	}
	if served.Load() != 100 || len(r.Latencies) != 100 || r.Rate() <= 0 || r.Quantile(0.5) > r.Quantile(0.99) {
		t.Errorf("%d served, %d timed, %f/s", served.Load(), len(r.Latencies), r.Rate())
	}
	for i, body := range r.Bodies {
		if string(body) != fmt.Sprint("request ", i) {
			t.Errorf("answer %d: %q", i, body)
		}
	}
}

func TestOneRefusalEndsTheRun(t *testing.T) {
	var served atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if served.Add(1) == 10 {
			http.Error(w, "no more", http.StatusTooManyRequests)
		}
	}))
	defer server.Close()
	_, err := Run(t.Context(), Plan{Address: server.Listener.Addr().String(), Requests: record(t, server.URL, 1000), Workers: 2})
	// How soon the other worker hears of it is up to the machine; that it hears before it has done its own half is not.
	if err == nil || !strings.Contains(err.Error(), "429: no more") || served.Load() >= 500 {
		t.Errorf("error %v after %d requests", err, served.Load())
	}
}

func TestOnlyThisMachineIsATarget(t *testing.T) {
	for _, address := range []string{"192.0.2.1:80", "example.com:80", "localhost:80", "127.0.0.1"} {
		if _, err := Run(t.Context(), Plan{Address: address, Workers: 1}); err == nil {
			t.Errorf("%s is taken", address)
		}
	}
}

func TestACancelledRunIsNoMeasurement(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Run(ctx, Plan{Address: server.Listener.Addr().String(), Requests: record(t, server.URL, 1), Workers: 1})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestQuantilesAndMedian(t *testing.T) {
	var r Result
	for i := range 100 {
		r.Latencies = append(r.Latencies, time.Duration(i))
	}
	if r.Quantile(0.5) != 50 || r.Quantile(0.99) != 99 || r.Quantile(1) != 99 {
		t.Errorf("got %d, %d, %d", r.Quantile(0.5), r.Quantile(0.99), r.Quantile(1))
	}
	if Median([]float64{5, 1, 4, 2, 3}) != 3 {
		t.Error("the median is not the middle one")
	}
}
