package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/sshsig"
)

func init() {
	caddy.RegisterModule(SSHKey{})
}

// SSHKey is the method of proving oneself with an SSH key, in a file or on a
// security key, by which `ssh-keygen -Y sign` has signed the statement. It counts
// beside a recovery code.
type SSHKey struct {
	MethodTerms

	// Whether keys have to be on a security key that asks for a PIN or a
	// fingerprint each time. Keys in files are then refused. Default: a touch is
	// enough, and keys in files are accepted.
	UserVerification bool `json:"user_verification,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (SSHKey) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "regrant.methods.ssh_key",
		New: func() caddy.Module { return new(SSHKey) },
	}
}

// UnmarshalCaddyfile sets up the method. Syntax:
//
//	method ssh_key {
//		risk_analysis     <reference>
//		probation         <duration>
//		user_verification
//	}
func (m *SSHKey) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return readMethod(d, m.unmarshalOption, m.checkValues, m.check)
}

func (m *SSHKey) unmarshalOption(d *caddyfile.Dispenser) error {
	if known, err := m.UnmarshalTerm(d); known || err != nil {
		return err
	}
	if d.Val() != "user_verification" {
		return unknown(d, "risk_analysis", "probation", "user_verification")
	}
	return readFlag(d, &m.UserVerification)
}

// Format implements [attest.Guest].
func (m *SSHKey) Format(h attest.Host) (attest.Format, error) {
	return sshsig.New(sshsig.Config{Issuer: h.Issuer, UserVerification: m.UserVerification}), nil
}

var (
	_ attest.Guest          = (*SSHKey)(nil)
	_ caddy.Provisioner     = (*SSHKey)(nil)
	_ caddyfile.Unmarshaler = (*SSHKey)(nil)
)
