package main

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"

	"github.com/regrant/regrant/integration/load"
)

// passing is a request that the gateway does not answer but judges: it is below the realm, where its guard looks.
const passing = "/realms/acme/protocol/openid-connect/userinfo" //nolint:gosec // a path

// passes compares a Caddy with the gateway before its reverse_proxy, A, with one without, B.
func (b *bench) passes(ctx context.Context) (out []comparison, err error) {
	address, stop, err := serve(backend)
	if err != nil {
		return nil, err
	}
	defer stop()
	with, err := b.startCaddy(ctx, keycloak, address, address)
	if err != nil {
		return nil, err
	}
	defer with.stop()
	without, err := b.startCaddy(ctx, none, address, address)
	if err != nil {
		return nil, err
	}
	defer without.stop()
	for _, kind := range []struct {
		what    string
		workers int
		send    func(ctx context.Context, c *caddy, workers, n int) (load.Result, error)
	}{
		{"HTTP/1.1, 1 connection", 1, sendPlain},
		{"HTTP/1.1, 32 connections", 32, sendPlain},
		{"HTTP/2, 32 requests at a time on 1 connection", 32, sendHTTP2},
	} {
		v := versus{what: kind.what}
		n, err := b.enough(func(n int) (load.Result, error) { return kind.send(ctx, without, kind.workers, n) })
		if err != nil {
			return nil, err
		}
		for range b.rounds {
			if err := v.round(
				func() (load.Result, error) { return kind.send(ctx, with, kind.workers, n) },
				func() (load.Result, error) { return kind.send(ctx, without, kind.workers, n) },
			); err != nil {
				return nil, err
			}
		}
		c := v.result()
		b.say("  %s", c)
		b.demand(c.Ratio >= 0.90, "requests that pass, %s: %.2f of the throughput of plain Caddy, 0.90 demanded", c.What, c.Ratio)
		out = append(out, c)
	}
	return out, nil
}

// enough is how many requests take about as long as a run shall.
func (b *bench) enough(send func(n int) (load.Result, error)) (int, error) {
	if _, err := send(200); err != nil { // the first ones open connections and fill caches
		return 0, err
	}
	r, err := send(200)
	return max(200, int(r.Rate()*b.passing.Seconds())), err
}

// sendPlain sends n requests that pass.
func sendPlain(ctx context.Context, c *caddy, workers, n int) (load.Result, error) {
	var kept load.Recorder
	resp, err := kept.Client().Get("http://" + c.address() + passing)
	if err != nil {
		return load.Result{}, err
	}
	resp.Body.Close()
	requests := make([][]byte, n)
	for i := range requests {
		requests[i] = kept.Requests[0]
	}
	return load.Run(ctx, load.Plan{Address: c.address(), Requests: requests, Workers: workers})
}

// cost is what the handler itself takes of a request that passes.
type cost struct {
	Nanoseconds float64
	Allocations int
}

// benchmarkLine is the end of one: what Caddy logs may come between it and the benchmark's name.
var benchmarkLine = regexp.MustCompile(`([\d.]+) ns/op\s+\d+ B/op\s+(\d+) allocs/op\n`)

// handler runs the Go benchmark of the handler.
func (b *bench) handler(ctx context.Context) (cost, error) {
	text, err := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkPassing$", "-benchmem", "-count", "5", "./caddymodule").CombinedOutput()
	if err != nil {
		return cost{}, fmt.Errorf("the handler's benchmark: %w: %s", err, text)
	}
	var times []float64
	var c cost
	for _, m := range benchmarkLine.FindAllSubmatch(text, -1) {
		t, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			return cost{}, err
		}
		allocations, err := strconv.Atoi(string(m[2]))
		if err != nil {
			return cost{}, err
		}
		times, c.Allocations = append(times, t), max(c.Allocations, allocations)
	}
	if len(times) == 0 {
		return cost{}, fmt.Errorf("the handler's benchmark says nothing: %s", text)
	}
	c.Nanoseconds = load.Median(times)
	b.say("  the handler itself: %.0f ns and %d allocations", c.Nanoseconds, c.Allocations)
	b.demand(c.Nanoseconds < 1000, "the handler takes %.0f ns, less than 1 µs is demanded", c.Nanoseconds)
	b.demand(c.Allocations == 0, "the handler makes %d allocations, none are allowed", c.Allocations)
	return c, nil
}

// sendHTTP2 is sendPlain over HTTP/2 without TLS, on one connection.
func sendHTTP2(ctx context.Context, c *caddy, workers, n int) (load.Result, error) {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	defer transport.CloseIdleConnections()
	return load.RunHTTP(ctx, &http.Client{Transport: transport}, "http://"+c.address()+passing, workers, n)
}
