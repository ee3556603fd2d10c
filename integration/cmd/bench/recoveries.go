package main

import (
	"context"
	"fmt"

	"github.com/regrant/regrant/integration/load"
)

// concurrencies are how many connections ask at a time.
var concurrencies = []int{1, 8, 32}

func connections(n int) string {
	if n == 1 {
		return "1 connection"
	}
	return fmt.Sprintf("%d connections", n)
}

// recovered is what granting and redeeming cost, each to the bare cryptography.
type recovered struct {
	Attests, Redemptions         []comparison
	FlushesOf                    int
	AttestFlushes, RedeemFlushes int // for so many, one after the other, with what the notices need
}

// recover measures attests and redemptions in turn: the tokens of the ones are what the others redeem.
func (b *bench) recover(ctx context.Context) (out recovered, err error) {
	attests, redeems := series(), series()
	for range b.rounds {
		if err := b.withDevices(ctx, b.total(), func(c *caddy, h *hook, devices []*device) error {
			for i, workers := range concurrencies {
				own := devices[:b.recoveries[workers]]
				devices = devices[len(own):]
				if err := b.grantAndRedeem(ctx, c, h, own, workers, attests[i], redeems[i]); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return out, err
		}
	}
	for i := range concurrencies {
		out.Attests, out.Redemptions = append(out.Attests, attests[i].result()), append(out.Redemptions, redeems[i].result())
		b.say("  attests, %s", attests[i].result())
		b.say("  redemptions, %s", redeems[i].result())
	}
	return out, b.countFlushes(ctx, &out)
}

// series is one comparison for each number of connections.
func series() []*versus {
	all := make([]*versus, len(concurrencies))
	for i, workers := range concurrencies {
		all[i] = &versus{what: connections(workers)}
	}
	return all
}

// total is how many recoveries a round needs.
func (b *bench) total() (n int) {
	for _, workers := range concurrencies {
		n += b.recoveries[workers]
	}
	return n
}

// withDevices runs fn with a new gateway and devices that have not recovered anything yet.
func (b *bench) withDevices(ctx context.Context, n int, fn func(*caddy, *hook, []*device) error) error {
	h, err := startHook()
	if err != nil {
		return err
	}
	defer h.stop()
	c, err := b.startCaddy(ctx, oidc, h.address, h.address)
	if err != nil {
		return err
	}
	defer c.stop()
	devices, err := enrol(ctx, c, n)
	if err != nil {
		return err
	}
	return fn(c, h, devices)
}

func (b *bench) grantAndRedeem(ctx context.Context, c *caddy, h *hook, devices []*device, workers int, attest, redeem *versus) error {
	proofs, err := prove(ctx, c, h, devices)
	if err != nil {
		return err
	}
	if err := attest.round(func() (load.Result, error) {
		return grant(ctx, c, devices, proofs, workers)
	}, attestWork.bare(ctx, workers, b.bareTime)); err != nil {
		return err
	}
	if err := h.quiet(ctx); err != nil {
		return err
	}
	tokens, err := redemptions(ctx, devices)
	if err != nil {
		return err
	}
	return redeem.round(func() (load.Result, error) {
		return load.Run(ctx, load.Plan{Address: c.address(), Requests: tokens, Workers: workers})
	}, redeemWork.bare(ctx, workers, b.bareTime))
}

// begin begins a recovery of each device.
func begin(ctx context.Context, c *caddy, devices []*device) error {
	wishes, err := initiates(ctx, devices)
	if err != nil {
		return err
	}
	r, err := load.Run(ctx, load.Plan{Address: c.address(), Requests: wishes, Workers: busy, Keep: true})
	if err != nil {
		return fmt.Errorf("beginning recoveries: %w", err)
	}
	return begun(devices, r.Bodies)
}

// prove begins a recovery of each device and makes the request that proves who asks, which is good for a minute.
func prove(ctx context.Context, c *caddy, h *hook, devices []*device) ([][]byte, error) {
	if err := begin(ctx, c, devices); err != nil {
		return nil, err
	}
	if err := h.quiet(ctx); err != nil {
		return nil, err
	}
	return attests(ctx, devices)
}

// grant sends what they prove, and keeps the token of each.
func grant(ctx context.Context, c *caddy, devices []*device, proofs [][]byte, workers int) (load.Result, error) {
	r, err := load.Run(ctx, load.Plan{Address: c.address(), Requests: proofs, Workers: workers, Keep: true})
	if err != nil {
		return r, fmt.Errorf("granting: %w", err)
	}
	return r, granted(devices, r.Bodies)
}

// countFlushes counts what waits for the disk in attests and redemptions, one after the other.
func (b *bench) countFlushes(ctx context.Context, out *recovered) error {
	out.FlushesOf = min(200, b.recoveries[1])
	err := b.withDevices(ctx, out.FlushesOf, func(c *caddy, h *hook, devices []*device) error {
		proofs, err := prove(ctx, c, h, devices)
		if err != nil {
			return err
		}
		out.AttestFlushes, err = b.flushes(ctx, c.process.PID(), func() error {
			_, err := grant(ctx, c, devices, proofs, 1)
			return err
		})
		if err != nil {
			return err
		}
		tokens, err := redemptions(ctx, devices)
		if err != nil {
			return err
		}
		if err := h.quiet(ctx); err != nil {
			return err
		}
		out.RedeemFlushes, err = b.flushes(ctx, c.process.PID(), func() error {
			_, err := load.Run(ctx, load.Plan{Address: c.address(), Requests: tokens, Workers: 1})
			return err
		})
		return err
	})
	b.say("  flushes of %d: attests %d, redemptions %d", out.FlushesOf, out.AttestFlushes, out.RedeemFlushes)
	b.demand(out.AttestFlushes >= out.FlushesOf, "%d attests made only %d flushes", out.FlushesOf, out.AttestFlushes)
	b.demand(out.RedeemFlushes >= out.FlushesOf, "%d redemptions made only %d flushes", out.FlushesOf, out.RedeemFlushes)
	return err
}
