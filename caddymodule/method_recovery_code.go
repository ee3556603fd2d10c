package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/secret"
)

func init() {
	caddy.RegisterModule(RecoveryCode{})
}

// RecoveryCode is the method of proving oneself with one of ten codes that were
// printed. A code counts once. Enough is it beside a key: a device certificate, a
// TPM, an SSH key, a recovery key or a passkey.
type RecoveryCode struct {
	MethodTerms
}

// CaddyModule returns the Caddy module information.
func (RecoveryCode) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "regrant.methods.recovery_code",
		New: func() caddy.Module { return new(RecoveryCode) },
	}
}

// Format implements [attest.Guest].
func (*RecoveryCode) Format(h attest.Host) (attest.Format, error) {
	return secret.NewCodes(h.Keyed), nil
}

var (
	_ attest.Guest          = (*RecoveryCode)(nil)
	_ caddy.Provisioner     = (*RecoveryCode)(nil)
	_ caddyfile.Unmarshaler = (*RecoveryCode)(nil)
)
