// Package voucher is a method of recovery that is not part of Regrant: an office that knows people, such as a works council, vouches for
// somebody by signing the statement of his recovery. It shows how such a method is written and built in: docs/methods.md.
package voucher

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/caddymodule"
)

func init() {
	caddy.RegisterModule(Voucher{})
}

// Voucher is the method of proving oneself with the word of an office.
type Voucher struct {
	caddymodule.MethodTerms

	// The office's Ed25519 public key, 32 bytes in base64. Required.
	Key string `json:"key,omitempty"`
}

// CaddyModule returns the Caddy module information. The last part of the ID is the name in a Caddyfile.
func (Voucher) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "regrant.methods.voucher",
		New: func() caddy.Module { return new(Voucher) },
	}
}

// Provision replaces placeholders.
func (v *Voucher) Provision(ctx caddy.Context) (err error) {
	if v.Key, err = caddy.NewReplacer().ReplaceOrErr(v.Key, true, true); err != nil {
		return err
	}
	return v.MethodTerms.Provision(ctx)
}

// Format makes what judges vouchers. A mistake in the configuration is an error here.
func (v *Voucher) Format(h attest.Host) (attest.Format, error) {
	key, err := base64.StdEncoding.DecodeString(v.Key)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, errors.New("key is not one: write the 32 bytes of an Ed25519 public key in base64")
	}
	return &Format{key: key, keyed: h.Keyed}, nil
}

// UnmarshalCaddyfile sets up the method. Syntax:
//
//	method voucher {
//		risk_analysis <reference>
//		probation     <duration>
//		key           <base64>
//	}
func (v *Voucher) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume module name
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		known, err := v.UnmarshalTerm(d)
		if err == nil && !known {
			err = v.unmarshalKey(d)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *Voucher) unmarshalKey(d *caddyfile.Dispenser) error {
	if d.Val() != "key" {
		return d.Errf("option '%s' is not known: use one of risk_analysis, probation, key", d.Val())
	}
	if !d.AllArgs(&v.Key) {
		return d.ArgErr()
	}
	return nil
}

var (
	_ attest.Guest          = (*Voucher)(nil)
	_ caddy.Provisioner     = (*Voucher)(nil)
	_ caddyfile.Unmarshaler = (*Voucher)(nil)
)
