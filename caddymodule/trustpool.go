package caddymodule

import (
	"crypto/tls"
	"crypto/x509"
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

// loadAnchors loads the trust pool in the field TrustPoolRaw of the host, which is raw; nil: none is configured.
func loadAnchors(ctx caddy.Context, host any, raw json.RawMessage) ([]*x509.Certificate, error) {
	return loadCertificates(ctx, host, "trust_pool", "TrustPoolRaw", raw)
}

// loadCertificates loads the certificates of CAs that an option names, from the field of the host that is raw.
func loadCertificates(ctx caddy.Context, host any, option, field string, raw json.RawMessage) ([]*x509.Certificate, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	module, err := ctx.LoadModule(host, field)
	if err != nil {
		return nil, fmt.Errorf("loading %s: %v", option, err)
	}
	// A pool of x509 keeps its certificates to itself. Of Caddy's sources, all show them but the system's roots, of which any
	// web server has a certificate.
	source, ok := module.(caddytls.CertificateProvider)
	if !ok {
		return nil, fmt.Errorf("this %[1]s does not say which certificates are in it: use '%[1]s file PATH' or another that does; the system's roots are never trusted here", option)
	}
	certificates := source.Certificates()
	if len(certificates) == 0 {
		return nil, fmt.Errorf("%s has no certificate in it: name a PEM file that has one", option)
	}
	for _, c := range certificates {
		if !c.IsCA || !c.BasicConstraintsValid {
			return nil, fmt.Errorf("%s has a certificate in it that is not that of a CA: %s", option, c.Subject)
		}
	}
	return certificates, nil
}
