package caddymodule

import (
	"fmt"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/regrant/regrant/internal/throttle"
)

// Throttle limits how often recoveries may be tried. The limits count in the
// memory of this process and begin anew when a configuration is loaded.
type Throttle struct {
	// The limit of one client network: a /24 of IPv4, a /64 of IPv6. Default: 30
	// in `1m`.
	Network *Rate `json:"network,omitempty"`

	// The limit of one account identifier as tried from one network, whether
	// such an account exists or not. Default: 10 in `15m`.
	Account *Rate `json:"account,omitempty"`
}

// Rate is a number of attempts in a time. They come back evenly over that time.
type Rate struct {
	// How many attempts are free at once.
	Attempts int `json:"attempts,omitempty"`

	// The time in which that many attempts come back.
	Per caddy.Duration `json:"per,omitempty"`
}

var (
	defaultNetworkRate = Rate{Attempts: 30, Per: caddy.Duration(time.Minute)}
	defaultAccountRate = Rate{Attempts: 10, Per: caddy.Duration(15 * time.Minute)}
)

// unmarshal sets up the limits. Syntax:
//
//	throttle {
//		network <attempts> <duration>
//		account <attempts> <duration>
//	}
func (t *Throttle) unmarshal(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var target **Rate
		switch d.Val() {
		case "network":
			target = &t.Network
		case "account":
			target = &t.Account
		default:
			return unknown(d, "network", "account")
		}
		if *target != nil {
			return twice(d)
		}
		rate, err := parseRate(d)
		if err != nil {
			return err
		}
		*target = rate
	}
	return nil
}

func parseRate(d *caddyfile.Dispenser) (*Rate, error) {
	limit := d.Val()
	var attempts, per string
	if !d.AllArgs(&attempts, &per) {
		return nil, d.Errf("write a number of attempts and a time, such as '%s 30 1m'", limit)
	}
	n, err := strconv.Atoi(attempts)
	if err != nil {
		return nil, d.Errf("'%s' is not a number of attempts", attempts)
	}
	duration, err := caddy.ParseDuration(per)
	if err != nil {
		return nil, d.Errf("'%s' is not a time: write one such as 15m", per)
	}
	rate := &Rate{Attempts: n, Per: caddy.Duration(duration)}
	return rate, wrap(d, rate.check())
}

func (t *Throttle) check() error {
	if t == nil {
		return nil
	}
	for _, rate := range []*Rate{t.Network, t.Account} {
		if rate == nil {
			continue
		}
		if err := rate.check(); err != nil {
			return err
		}
	}
	return nil
}

func (r *Rate) check() error {
	if r.Attempts < 1 || r.Per <= 0 {
		return fmt.Errorf("a throttle of %d attempts in %s would let nobody or everybody in: write at least 1 attempt and a time above zero",
			r.Attempts, time.Duration(r.Per))
	}
	return nil
}

// limiter makes the limiter that t, which may be nil, describes.
func (t *Throttle) limiter() *throttle.Limiter {
	network, account := defaultNetworkRate, defaultAccountRate
	if t != nil && t.Network != nil {
		network = *t.Network
	}
	if t != nil && t.Account != nil {
		account = *t.Account
	}
	return throttle.New(throttle.Config{PerNetwork: network.rate(), PerAccount: account.rate(), Clock: time.Now})
}

func (r Rate) rate() throttle.Rate {
	return throttle.Rate{Burst: r.Attempts, Every: time.Duration(r.Per) / time.Duration(r.Attempts)}
}
