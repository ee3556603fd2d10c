package caddymodule

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/regrant/regrant/internal/throttle"
)

// Throttle limits how often recoveries may be begun and tried. The limits count
// in the memory of this process. A reload that leaves them as they are leaves the
// counts too.
type Throttle struct {
	// The limit of one client network: a /24 of IPv4, a /64 of IPv6. What Caddy
	// takes for the client's address is what the server option `trusted_proxies`
	// says. Default: 30 in `1m`.
	Network *Rate `json:"network,omitempty"`
}

// Rate is a number of attempts in a time. They come back evenly over that time.
type Rate struct {
	// How many attempts are free at once. At most 1,000,000.
	Attempts int `json:"attempts,omitempty"`

	// The time in which that many attempts come back. At most `24h`.
	Per caddy.Duration `json:"per,omitempty"`
}

const (
	maxAttempts = 1_000_000
	maxPer      = 24 * time.Hour
)

// unmarshal sets up the limits. Syntax:
//
//	throttle {
//		network <attempts> <duration>
//	}
func (t *Throttle) unmarshal(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if d.Val() != "network" {
			return unknown(d, "network")
		}
		if t.Network != nil {
			return twice(d)
		}
		rate, err := parseRate(d)
		if err != nil {
			return err
		}
		t.Network = rate
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
	if t == nil || t.Network == nil {
		return nil
	}
	return t.Network.check()
}

func (r *Rate) check() error {
	switch {
	case r.Attempts < 1 || r.Per <= 0:
		return fmt.Errorf("a throttle of %d attempts in %s would let nobody or everybody in: write at least 1 attempt and a time above zero",
			r.Attempts, time.Duration(r.Per))
	case r.Attempts > maxAttempts:
		return fmt.Errorf("a throttle of more than %d attempts is none: write fewer, or leave it out", maxAttempts)
	case time.Duration(r.Per) > maxPer:
		return errors.New("a throttle over more than 24h would keep people out for days: write a shorter time")
	}
	return nil
}

// limiters holds the limiters in use by issuer and limits. Were they made anew
// with each configuration, a reload would give every attacker his attempts back,
// and two configurations alive twice the processors.
var limiters = caddy.NewUsagePool()

// limiter is one configuration's share of a limiter.
type limiter struct {
	*throttle.Limiter
	key string
}

// limiter makes or shares the limiter of an issuer that t, which may be nil,
// describes.
func (t *Throttle) limiter(issuer string) (*limiter, error) {
	rate := throttle.DefaultPerNetwork
	if t != nil && t.Network != nil {
		rate = t.Network.rate()
	}
	key := fmt.Sprintf("%s %d %s", issuer, rate.Burst, rate.Every)
	value, _, err := limiters.LoadOrNew(key, func() (caddy.Destructor, error) {
		return forgotten{throttle.New(throttle.Config{PerNetwork: rate, Clock: time.Now})}, nil
	})
	if err != nil {
		return nil, err
	}
	return &limiter{value.(forgotten).Limiter, key}, nil
}

// release gives the share back. Call it once.
func (l *limiter) release() error {
	_, err := limiters.Delete(l.key)
	return err
}

// forgotten is a limiter that ends with its last user.
type forgotten struct{ *throttle.Limiter }

func (forgotten) Destruct() error { return nil }

func (r Rate) rate() throttle.Rate {
	return throttle.Rate{Burst: r.Attempts, Every: time.Duration(r.Per) / time.Duration(r.Attempts)}
}
