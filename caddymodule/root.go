package caddymodule

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddypki"

	"github.com/regrant/regrant/internal/authority"
)

// root is the certificate authority under which the issuing one is made. It is
// looked up late: Caddy's pki app makes its keys as soon as it is provisioned,
// which validating a configuration must not cause.
func (a *App) root() (authority.Root, error) {
	ca, err := a.ca()
	if err != nil {
		return authority.Root{}, fmt.Errorf("certificate authority %q of Caddy: %w", a.device.CA, err)
	}
	key, err := ca.RootKey()
	if err != nil {
		return authority.Root{}, fmt.Errorf("reading the root key of certificate authority %q of Caddy: %w", a.device.CA, err)
	}
	return authority.Root{Certificate: ca.RootCertificate(), Key: key}, nil
}

func (a *App) ca() (*caddypki.CA, error) {
	ca, err := a.configuredCA()
	if ca != nil || err != nil {
		return ca, err
	}
	// The same authority in the same storage as that of the pki app, without
	// adding an app to a configuration that is running already.
	ca = new(caddypki.CA)
	return ca, ca.Provision(a.ctx, caddypki.DefaultCAID, a.ctx.Logger())
}

// configuredCA is the authority in Caddy's pki app; nil stands for the default one
// where that app is not configured or leaves it out.
func (a *App) configuredCA() (*caddypki.CA, error) {
	app, err := a.ctx.AppIfConfigured("pki")
	if err != nil && !errors.Is(err, caddy.ErrNotConfigured) {
		return nil, err
	}
	if err == nil {
		if ca, ok := app.(*caddypki.PKI).CAs[a.device.CA]; ok {
			return ca, nil
		}
	}
	if a.device.CA != caddypki.DefaultCAID {
		return nil, errors.New("no such authority is configured: define it with the global option pki { ca ID { ... } }")
	}
	return nil, nil
}

// checkCA checks that the authority that is configured exists. An app of the
// configuration is provisioned anyway, so looking at it makes nothing more.
func (a *App) checkCA() error {
	if _, err := a.configuredCA(); err != nil {
		return fmt.Errorf("certificate authority %q of Caddy: %w", a.device.CA, err)
	}
	return nil
}
