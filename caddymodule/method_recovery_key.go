package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/recoverykey"
)

func init() {
	caddy.RegisterModule(RecoveryKey{})
}

// RecoveryKey is the method of proving oneself with a key that is kept offline,
// on paper or in a file, as `regrant proof new` makes it. It counts beside a
// recovery code.
type RecoveryKey struct {
	MethodTerms
}

// CaddyModule returns the Caddy module information.
func (RecoveryKey) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "regrant.methods.recovery_key",
		New: func() caddy.Module { return new(RecoveryKey) },
	}
}

// Format implements [attest.Guest].
func (*RecoveryKey) Format(attest.Host) (attest.Format, error) {
	return recoverykey.New(), nil
}

var (
	_ attest.Guest          = (*RecoveryKey)(nil)
	_ caddy.Provisioner     = (*RecoveryKey)(nil)
	_ caddyfile.Unmarshaler = (*RecoveryKey)(nil)
)
