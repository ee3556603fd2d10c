package caddymodule

import (
	"crypto/tls"
	"encoding/json"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddytls"
)

// trustPool is a loaded guest of the namespace tls.ca_pool.source; nil stands for
// the system's roots.
type trustPool struct{ ca caddytls.CA }

// unmarshalTrustPool parses 'trust_pool <module> ...'.
func unmarshalTrustPool(d *caddyfile.Dispenser, raw *json.RawMessage) error {
	if *raw != nil {
		return twice(d)
	}
	pool, err := unmarshalGuest(d, "tls.ca_pool.source", "provider")
	*raw = pool
	return err
}

// loadTrustPool loads the module in the field of the host module, if there is one.
func loadTrustPool(ctx caddy.Context, host any, field string, raw json.RawMessage) (*trustPool, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	module, err := ctx.LoadModule(host, field)
	if err != nil {
		return nil, fmt.Errorf("loading trust pool: %v", err)
	}
	ca, err := guest[caddytls.CA](module)
	if err != nil {
		return nil, err
	}
	return &trustPool{ca}, nil
}

// tlsConfig is nil for the system's roots.
func (p *trustPool) tlsConfig() *tls.Config {
	if p == nil {
		return nil
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: p.ca.CertPool()}
}
