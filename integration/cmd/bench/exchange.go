package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/regrant/regrant/integration/hydra"
	realm "github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/integration/load"
	"github.com/regrant/regrant/integration/postgres"
)

// exchange compares the token endpoint, A, with Hydra's, B. Both authenticate the client by private_key_jwt.
func (b *bench) exchange(ctx context.Context) (out []comparison, database string, err error) {
	ports, err := realm.FreePorts(3)
	if err != nil {
		return nil, "", err
	}
	state, err := postgres.Start(ctx, ports[2], b.log, "hydra")
	if err != nil {
		return nil, "", err
	}
	defer state.Stop()
	other, err := hydra.Start(ctx, hydra.Options{Program: b.program("hydra"), Dir: b.dir, DSN: state.URL("hydra"), Ports: [2]int(ports[:2]), Log: b.log})
	if err != nil {
		return nil, "", err
	}
	defer other.Stop()
	client, err := other.NewClient(ctx)
	if err != nil {
		return nil, "", err
	}
	if err := once(ctx, other, client); err != nil {
		return nil, "", err
	}
	all := series()
	for range b.rounds {
		if err := b.withDevices(ctx, b.total(), func(c *caddy, h *hook, devices []*device) error {
			for i, workers := range concurrencies {
				own := devices[:b.recoveries[workers]]
				devices = devices[len(own):]
				if err := b.exchangeRound(ctx, c, h, own, other, client, workers, all[i]); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return nil, "", err
		}
	}
	for _, v := range all {
		c := v.result()
		b.say("  %s", c)
		b.demand(c.Ratio >= 2, "the exchange, %s: %.2f of Hydra's throughput, 2 demanded", c.What, c.Ratio)
		b.demand(c.A.P99 < c.B.P99, "the exchange, %s: p99 of %s is not below Hydra's %s", c.What, c.A.P99, c.B.P99)
		out = append(out, c)
	}
	return out, state.Version, nil
}

// once makes sure that what is measured does its work: an assertion is exchanged, and not a second time.
func once(ctx context.Context, s *hydra.Server, c *hydra.Client) error {
	request, err := c.Exchange()
	if err != nil {
		return err
	}
	plan := load.Plan{Address: s.Address, Requests: [][]byte{request}, Workers: 1}
	if _, err := load.Run(ctx, plan); err != nil {
		return fmt.Errorf("Hydra: %w", err) //nolint:staticcheck // a name
	}
	if _, err := load.Run(ctx, plan); err == nil {
		return errors.New("Hydra takes an assertion twice") //nolint:staticcheck // a name
	}
	return nil
}

func (b *bench) exchangeRound(ctx context.Context, c *caddy, h *hook, devices []*device, other *hydra.Server, client *hydra.Client, workers int, v *versus) error {
	for _, d := range devices {
		d.As = application
	}
	proofs, err := prove(ctx, c, h, devices)
	if err != nil {
		return err
	}
	if _, err := grant(ctx, c, devices, proofs, busy); err != nil {
		return err
	}
	if err := h.quiet(ctx); err != nil {
		return err
	}
	ours, err := redemptions(ctx, devices) // good for a minute
	if err != nil {
		return err
	}
	theirs := make([][]byte, len(devices))
	for i := range theirs {
		if theirs[i], err = client.Exchange(); err != nil {
			return err
		}
	}
	return v.round(
		func() (load.Result, error) {
			return load.Run(ctx, load.Plan{Address: c.address(), Requests: ours, Workers: workers})
		},
		func() (load.Result, error) {
			return load.Run(ctx, load.Plan{Address: other.Address, Requests: theirs, Workers: workers})
		},
	)
}
