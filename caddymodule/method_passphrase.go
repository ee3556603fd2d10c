package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/secret"
)

func init() {
	caddy.RegisterModule(Passphrase{})
}

// Passphrase is the method of proving oneself with a passphrase for recovery
// alone, of at least 15 characters. It is judged after a proof that nobody can
// guess, and never counts without `risk_analysis`.
type Passphrase struct {
	MethodTerms
}

// CaddyModule returns the Caddy module information.
func (Passphrase) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "regrant.methods.passphrase",
		New: func() caddy.Module { return new(Passphrase) },
	}
}

// Format implements [attest.Guest].
func (*Passphrase) Format(h attest.Host) (attest.Format, error) {
	return secret.NewPassphrase(secret.PassphraseConfig{Hash: h.Keyed, Slots: h.Scarce}), nil
}

var (
	_ attest.Guest          = (*Passphrase)(nil)
	_ caddy.Provisioner     = (*Passphrase)(nil)
	_ caddyfile.Unmarshaler = (*Passphrase)(nil)
)
