package caddymodule

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/regrant/regrant/internal/authority"
)

func init() {
	caddy.RegisterModule(DeviceCertificate{})
}

const (
	defaultCA        = "local"
	defaultProbation = 72 * time.Hour
)

// DeviceCertificate is the method of proving oneself with the key of an enrolled
// device, for which the gateway has issued a certificate.
type DeviceCertificate struct {
	// The reference of the document in which the operator accepts that a device
	// certificate alone grants a recovery, which is weaker than NIST SP
	// 800-63B-4 asks. Required.
	RiskAnalysis string `json:"risk_analysis,omitempty"`

	// The certificate authority of Caddy's `pki` app whose root signs the
	// gateway's own issuing authority. Default: `local`.
	CA string `json:"ca,omitempty"`

	// How long a device certificate is valid: one hour to 90 days. Default:
	// `90d`.
	Lifetime caddy.Duration `json:"lifetime,omitempty"`

	// How long a newly enrolled device has to wait until it can recover its
	// account, so that the owner, who is told, can object; zero is allowed. Less
	// than the default is covered by `risk_analysis`. Default: `72h`.
	Probation *caddy.Duration `json:"probation,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (DeviceCertificate) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "regrant.methods.device_certificate",
		New: func() caddy.Module { return new(DeviceCertificate) },
	}
}

// Provision fills in defaults and checks the values.
func (m *DeviceCertificate) Provision(caddy.Context) error {
	if err := expand(&m.RiskAnalysis, &m.CA); err != nil {
		return err
	}
	if err := m.check(); err != nil {
		return err
	}
	if m.CA == "" {
		m.CA = defaultCA
	}
	if m.Lifetime == 0 {
		m.Lifetime = caddy.Duration(authority.DefaultLifetime)
	}
	return nil
}

// probation is the configured one or the default.
func (m *DeviceCertificate) probation() time.Duration {
	if m.Probation == nil {
		return defaultProbation
	}
	return time.Duration(*m.Probation)
}

// UnmarshalCaddyfile sets up the method. Syntax:
//
//	method device_certificate {
//		risk_analysis <reference>
//		ca            <id>
//		lifetime      <duration>
//		probation     <duration>
//	}
func (m *DeviceCertificate) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume module name
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		if err := m.unmarshalOption(d); err != nil {
			return err
		}
		if err := m.checkValues(); err != nil {
			return d.WrapErr(err)
		}
	}
	return wrap(d, m.check())
}

func (m *DeviceCertificate) unmarshalOption(d *caddyfile.Dispenser) error {
	switch d.Val() {
	case "risk_analysis":
		return readOnce(d, &m.RiskAnalysis)
	case "ca":
		return readOnce(d, &m.CA)
	case "lifetime":
		if m.Lifetime != 0 {
			return twice(d)
		}
		if err := readDuration(d, &m.Lifetime); err != nil || m.Lifetime != 0 {
			return err
		}
		return d.Err("lifetime 0s is out of bounds: write 1h to 90d")
	case "probation":
		if m.Probation != nil {
			return twice(d)
		}
		m.Probation = new(caddy.Duration)
		return readDuration(d, m.Probation)
	default:
		return unknown(d, "risk_analysis", "ca", "lifetime", "probation")
	}
}

// checkValues checks the values that are given.
func (m *DeviceCertificate) checkValues() error {
	if l := time.Duration(m.Lifetime); l != 0 && (l < authority.MinLifetime || l > authority.MaxLifetime) {
		return fmt.Errorf("lifetime %s is out of bounds: write 1h to 90d", l)
	}
	if m.probation() < 0 {
		return fmt.Errorf("probation %s is below zero: write a time such as 72h", m.probation())
	}
	return checkWord("ca", m.CA)
}

// check checks the whole.
func (m *DeviceCertificate) check() error {
	if m.RiskAnalysis == "" {
		return fmt.Errorf("method device_certificate alone is weaker than NIST SP 800-63B-4 asks: " +
			"accept that in writing and name the document, such as 'risk_analysis RA-2026-014'")
	}
	if err := checkReference(m.RiskAnalysis); err != nil {
		return err
	}
	return m.checkValues()
}

// readDuration reads exactly one duration.
func readDuration(d *caddyfile.Dispenser, target *caddy.Duration) error {
	var text string
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	duration, err := caddy.ParseDuration(text)
	if err != nil {
		return d.Errf("'%s' is not a time: write one such as 72h", text)
	}
	*target = caddy.Duration(duration)
	return nil
}

var (
	_ caddy.Provisioner     = (*DeviceCertificate)(nil)
	_ caddyfile.Unmarshaler = (*DeviceCertificate)(nil)
)
