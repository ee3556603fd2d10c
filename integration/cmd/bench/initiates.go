package main

import (
	"context"
	"fmt"
	"time"

	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/load"
)

// initiations is what beginning recoveries costs.
type initiations struct {
	Rates []comparison // to the bare cryptography
	Flood flood
}

// flood is what very many of them do to the process. Memory is in bytes.
type flood struct {
	Requests                        int
	Rate                            float64
	MemoryIdle, MemoryPeak, After   int64
	GoroutinesIdle, GoroutinesAfter int
	Written                         int64 // bytes that the process wrote to storage
	Flushes, FlushesOf              int   // while so many further ones were answered
}

// initiate measures on one gateway, which has nothing else to do.
func (b *bench) initiate(ctx context.Context) (out initiations, err error) {
	h, err := startHook()
	if err != nil {
		return out, err
	}
	defer h.stop()
	c, err := b.startCaddy(ctx, oidc, h.address, h.address)
	if err != nil {
		return out, err
	}
	defer c.stop()
	if out.Flood, err = b.flood(ctx, c); err != nil {
		return out, err
	}
	for _, workers := range concurrencies {
		v := versus{what: connections(workers)}
		for range b.rounds {
			requests, err := initiates(ctx, b.strangers(b.recoveries[workers]))
			if err != nil {
				return out, err
			}
			if err := v.round(
				func() (load.Result, error) {
					return load.Run(ctx, load.Plan{Address: c.address(), Requests: requests, Workers: workers})
				},
				initiateWork.bare(ctx, workers, b.bareTime),
			); err != nil {
				return out, err
			}
		}
		out.Rates = append(out.Rates, v.result())
		b.say("  %s", v.result())
	}
	return out, nil
}

// strangers begin recoveries, of accounts that nobody asked for before and that need not exist: the gateway does not look.
func (b *bench) strangers(n int) []*device {
	key := claimant.NewKey()
	devices := make([]*device, n)
	for i := range devices {
		devices[i] = &device{Claimant: &claimant.Claimant{Issuer: issuer, Holder: key}, account: account(b.asked + i)}
	}
	b.asked += n
	return devices
}

func (b *bench) flood(ctx context.Context, c *caddy) (f flood, err error) {
	f.Requests = b.floodSize
	requests, err := initiates(ctx, b.strangers(f.Requests))
	if err != nil {
		return f, err
	}
	pid := c.process.PID()
	memory := func() (int64, error) { return resident(pid) }
	if f.MemoryIdle, err = memory(); err != nil {
		return f, err
	}
	if f.GoroutinesIdle, err = goroutines(c); err != nil {
		return f, err
	}
	before, err := written(pid)
	if err != nil {
		return f, err
	}
	most := watch(ctx, memory)
	r, err := load.Run(ctx, load.Plan{Address: c.address(), Requests: requests, Workers: busy})
	if err != nil {
		return f, fmt.Errorf("the flood: %w", err)
	}
	f.Rate = r.Rate()
	if f.MemoryPeak, err = most(); err != nil {
		return f, err
	}
	after, err := written(pid)
	if err != nil {
		return f, err
	}
	f.Written = after - before
	if err := b.rest(ctx); err != nil {
		return f, err
	}
	if f.After, err = memory(); err != nil {
		return f, err
	}
	if f.GoroutinesAfter, err = goroutines(c); err != nil {
		return f, err
	}
	f.FlushesOf = min(200, len(requests))
	f.Flushes, err = b.flushes(ctx, pid, func() error {
		_, err := load.Run(ctx, load.Plan{Address: c.address(), Requests: requests[:f.FlushesOf], Workers: 1})
		return err
	})
	b.say("  flood of %d: %.0f/s, memory %d MiB idle, %d MiB peak, %d MiB after, %d bytes written, %d flushes for %d",
		f.Requests, f.Rate, f.MemoryIdle>>20, f.MemoryPeak>>20, f.After>>20, f.Written, f.Flushes, f.FlushesOf)
	b.demand(f.Written == 0, "%d initiates caused %d bytes to be written, none are allowed", f.Requests, f.Written)
	b.demand(f.Flushes == 0, "%d initiates caused %d flushes, none are allowed", f.FlushesOf, f.Flushes)
	return f, err
}

// rest lets a process come to itself.
func (b *bench) rest(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(b.restTime):
		return nil
	}
}
