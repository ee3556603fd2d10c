package caddymodule

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddytls"

	"github.com/regrant/regrant/attest"
)

func init() {
	caddy.RegisterModule(DevicePool{})
}

const devicePoolID = "tls.ca_pool.source.regrant_devices"

// DevicePool is the source of the authorities whose certificates devices
// connect with: the gateway's own issuing authorities, and those in the
// `trust_pool` of the method `device_certificate`. It is for the `client_auth` of
// a site on which the `regrant` directive answers.
//
// With the mode `request`, it tells clients which of their certificates to
// show, and the gateway judges them, on every request. With the modes that verify,
// a handshake with any other certificate fails; an issuing authority that the
// gateway makes later counts at once. Revocation is for the gateway to
// judge in every mode.
//
// The gateway's issuing authorities stand under an authority of Caddy's `pki`
// app. Where that is made at the very first start, the configuration has to be
// loaded once more.
type DevicePool struct {
	// The names of the upstreams whose devices connect here. The site's `regrant` directive names the same. Default: all.
	Upstreams []string `json:"upstreams,omitempty"`

	pool *x509.CertPool
}

// CaddyModule returns the Caddy module information.
func (DevicePool) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  devicePoolID,
		New: func() caddy.Module { return new(DevicePool) },
	}
}

// Provision finds the app and what it trusts.
func (p *DevicePool) Provision(ctx caddy.Context) error {
	if slices.ContainsFunc(ctx.Modules(), func(m caddy.Module) bool { return m.CaddyModule().ID == "regrant" }) {
		return errors.New("trust_pool regrant_devices is for the client_auth of a site: here name your own CA, such as 'trust_pool file PATH'")
	}
	app, err := ctx.AppIfConfigured("regrant")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return errors.New("trust_pool regrant_devices needs the regrant app: configure it with the global option regrant { ... }")
	}
	if err != nil {
		return err
	}
	p.pool, err = app.(*App).devicePool(p.Upstreams)
	return err
}

// CertPool implements caddytls.CA. The certificates are not shown to other pools
// (caddytls.CertificateProvider): there the root would stand for all that it signs.
func (p *DevicePool) CertPool() *x509.CertPool { return p.pool }

// UnmarshalCaddyfile sets up the pool. Syntax:
//
//	trust_pool regrant_devices [<upstreams...>]
func (p *DevicePool) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume module name
	p.Upstreams = d.RemainingArgs()
	if d.NextBlock(0) {
		return d.Err("trust_pool regrant_devices takes no options: what it trusts is said by method device_certificate")
	}
	return nil
}

// devicePool trusts what the method trusts, as far as can be told before anything is opened. The issuing authorities are in the
// store, and change; so their root stands in for them, for those chains alone that lead through one of them.
func (a *App) devicePool(upstreams []string) (*x509.CertPool, error) {
	realms, err := a.chosen(upstreams)
	if err != nil {
		return nil, fmt.Errorf("trust_pool regrant_devices: %w", err)
	}
	if !a.has(attest.MethodDeviceCertificate) {
		return nil, errors.New("trust_pool regrant_devices is about the certificates of devices, and there is no method device_certificate: add one, or leave the pool out")
	}
	pool := x509.NewCertPool()
	for _, anchor := range a.device.anchors {
		pool.AddCert(anchor)
	}
	root, err := a.knownRoot()
	switch {
	case err != nil:
		return nil, err
	case root == nil:
		a.logger.Warn("a site with trust_pool regrant_devices does not know the gateway's own device certificates yet: load this configuration again once it has run")
	default:
		pool.AddCertWithConstraint(root, func(chain []*x509.Certificate) error { return a.issuedFor(realms, chain) })
	}
	return pool, nil
}

// issuedFor refuses a chain that leads through no issuing authority of the gateway for one of the realms. Caddy's own root signs
// web servers' certificates too.
func (a *App) issuedFor(realms []*realm, chain []*x509.Certificate) error {
	rt, err := a.runtime()
	if err != nil {
		return err
	}
	for _, r := range realms {
		s := rt.of(r)
		if s != nil && slices.ContainsFunc(s.authority.Anchors(), func(issuing *x509.Certificate) bool { return slices.ContainsFunc(chain, issuing.Equal) }) {
			return nil
		}
	}
	return errors.New("not issued by the gateway's device authority")
}

// knownRoot is the root of Caddy's authority for devices; nil: there is none yet, and looking makes none.
func (a *App) knownRoot() (*x509.Certificate, error) {
	ca, err := a.configuredCA()
	if err != nil {
		return nil, fmt.Errorf("certificate authority %q of Caddy: %w", a.device.CA, err)
	}
	if ca != nil {
		return ca.RootCertificate(), nil
	}
	text, err := a.ctx.Storage().Load(a.ctx, path.Join("pki", "authorities", a.device.CA, "root.crt"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the root of certificate authority %q of Caddy: %w", a.device.CA, err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("the root of certificate authority %q of Caddy is not PEM", a.device.CA)
	}
	return x509.ParseCertificate(block.Bytes)
}

var (
	_ caddy.Provisioner     = (*DevicePool)(nil)
	_ caddytls.CA           = (*DevicePool)(nil)
	_ caddyfile.Unmarshaler = (*DevicePool)(nil)
)
