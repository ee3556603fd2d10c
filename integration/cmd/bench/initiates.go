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

// flood is what very many of them do to the process.
type flood struct {
	Requests, FlushesOf int
	Rate                float64
	Idle, After         usage
	MemoryPeak          int64 // bytes
	Written             int64 // bytes that the process wrote to storage
	Flushes             int   // while FlushesOf further ones were answered
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
	f.Requests, f.FlushesOf = b.floodSize, 200
	if f.Idle, err = c.usage(); err != nil {
		return f, err
	}
	most := watch(ctx, c.memory)
	if f.Rate, err = b.pour(ctx, c, f.Requests); err != nil {
		return f, fmt.Errorf("the flood: %w", err)
	}
	if f.MemoryPeak, err = most(); err != nil {
		return f, err
	}
	if err := b.rest(ctx); err != nil {
		return f, err
	}
	if f.After, err = c.usage(); err != nil {
		return f, err
	}
	f.Written = f.After.written - f.Idle.written
	f.Flushes, err = b.flushes(ctx, c.process.PID(), func() error {
		_, err := b.pour(ctx, c, f.FlushesOf)
		return err
	})
	b.say("  flood of %d: %.0f/s, memory %d MiB idle, %d MiB peak, %d MiB after, %d bytes written, %d flushes for %d",
		f.Requests, f.Rate, f.Idle.Memory>>20, f.MemoryPeak>>20, f.After.Memory>>20, f.Written, f.Flushes, f.FlushesOf)
	// An idle process makes the system write a page now and then, so none at all cannot be demanded.
	b.demand(f.Written < int64(f.Requests), "%d initiates caused %d bytes to be written, that is at least one for each", f.Requests, f.Written)
	b.demand(f.Flushes == 0, "%d initiates caused %d flushes, none are allowed", f.FlushesOf, f.Flushes)
	return f, err
}

// pour sends n initiates and says how many were answered in a second. They are made and sent in portions, because a proof
// of possession is good for a minute only.
func (b *bench) pour(ctx context.Context, c *caddy, n int) (rate float64, err error) {
	const portion = 20_000
	var spent time.Duration
	for left := n; left > 0; left -= portion {
		requests, err := initiates(ctx, b.strangers(min(portion, left)))
		if err != nil {
			return 0, err
		}
		r, err := load.Run(ctx, load.Plan{Address: c.address(), Requests: requests, Workers: busy})
		if err != nil {
			return 0, err
		}
		spent += r.Elapsed
	}
	return float64(n) / spent.Seconds(), nil
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
