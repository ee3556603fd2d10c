package caddymodule

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/regrant/regrant/internal/authority"
)

func init() {
	caddy.RegisterModule(DeviceCertificate{})
}

const defaultCA = "local"

// DeviceCertificate is the method of proving oneself with the key of an enrolled
// device, for which the gateway has issued a certificate, or the operator's own
// device CA has.
type DeviceCertificate struct {
	MethodTerms

	// The certificate authority of Caddy's `pki` app whose root signs the
	// gateway's own issuing authority. Default: `local`.
	CA string `json:"ca,omitempty"`

	// How long a device certificate is valid: one hour to 90 days. Default:
	// `90d`.
	Lifetime caddy.Duration `json:"lifetime,omitempty"`

	// The certificates of a device CA of your own, beside the gateway's. Devices
	// that have a certificate of it can be enrolled with that one. Any source of
	// Caddy that names its certificates, such as `file`; the system's roots are
	// not accepted. Default: none.
	TrustPoolRaw json.RawMessage `json:"trust_pool,omitempty" caddy:"namespace=tls.ca_pool.source inline_key=provider"`

	// The URLs from which the CRLs of that CA, and of every CA under it, are
	// fetched, in the background: at start, and again well before they are out of
	// date, at most an hour old. At most 16, each http or https. Nothing
	// is ever fetched from an address that a certificate names.
	CRL []string `json:"crl,omitempty"`

	// The URL of the OCSP responder of that CA. It is asked when somebody has
	// proved to hold the key of a certificate of that CA. Either this or `crl`
	// is needed.
	OCSP string `json:"ocsp,omitempty"`

	// `required`: a certificate of that CA counts only while a fresh CRL or OCSP
	// response says of it, and of every CA above it but the topmost, that it is not
	// revoked; while that cannot be told, recovery with it answers 503. `off`:
	// nobody is asked, and a revoked certificate counts until it is revoked here,
	// which `risk_analysis` has to cover. Default: `required`.
	Revocation string `json:"revocation,omitempty"`

	// The name in certificates of that CA which names the account that the device
	// belongs to. A device that connects with such a certificate can then be
	// enrolled without an activation code: to name an account is your CA's word for
	// it. The identity provider must be one that can be asked for accounts.
	// Default: none, and every enrolment needs a code.
	Identity *DeviceIdentity `json:"identity,omitempty"`

	// Android key attestation as evidence about the key of a device that is
	// enrolled, which is kept with the device. Default: it is not accepted.
	AndroidKey *AndroidKey `json:"android_key,omitempty"`

	// Apple's managed device attestation as evidence of the same kind. Default:
	// it is not accepted.
	AppleDevice *AppleDevice `json:"apple_device,omitempty"`

	anchors []*x509.Certificate // of TrustPoolRaw
}

// CaddyModule returns the Caddy module information.
func (DeviceCertificate) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "regrant.methods.device_certificate",
		New: func() caddy.Module { return new(DeviceCertificate) },
	}
}

// Provision fills in defaults and checks the values.
func (m *DeviceCertificate) Provision(ctx caddy.Context) (err error) {
	if err := firstError(expand(&m.RiskAnalysis, &m.CA, &m.OCSP, &m.Revocation), expandAll(m.CRL)); err != nil {
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
	if m.anchors, err = loadAnchors(ctx, m, m.TrustPoolRaw); err != nil {
		return err
	}
	return firstError(m.AndroidKey.provision(ctx), m.AppleDevice.provision(ctx))
}

// UnmarshalCaddyfile sets up the method. Syntax:
//
//	method device_certificate {
//		risk_analysis <reference>
//		ca            <id>
//		lifetime      <duration>
//		probation     <duration>
//		trust_pool    <module> ...
//		crl           <urls...>
//		ocsp          <url>
//		revocation    required|off
//		identity      uri|email|dns <regexp>
//		android_key   { ... }
//		apple_device  { ... }
//	}
func (m *DeviceCertificate) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return readMethod(d, m.unmarshalOption, m.checkValues, m.check)
}

func (m *DeviceCertificate) unmarshalOption(d *caddyfile.Dispenser) error {
	if known, err := m.UnmarshalTerm(d); known || err != nil {
		return err
	}
	switch d.Val() {
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
	case "trust_pool":
		return unmarshalTrustPool(d, &m.TrustPoolRaw)
	case "crl":
		return readList(d, &m.CRL)
	case "ocsp":
		return readOnce(d, &m.OCSP)
	case "revocation":
		return readOnce(d, &m.Revocation)
	case "identity":
		return m.unmarshalIdentity(d)
	case "android_key":
		if m.AndroidKey != nil {
			return twice(d)
		}
		m.AndroidKey = new(AndroidKey)
		return m.AndroidKey.unmarshal(d)
	case "apple_device":
		if m.AppleDevice != nil {
			return twice(d)
		}
		m.AppleDevice = new(AppleDevice)
		return m.AppleDevice.unmarshal(d)
	default:
		return unknown(d, "risk_analysis", "ca", "lifetime", "probation", "trust_pool", "crl", "ocsp", "revocation", "identity", "android_key", "apple_device")
	}
}

// checkValues checks the values that are given.
func (m *DeviceCertificate) checkValues() error {
	if l := time.Duration(m.Lifetime); l != 0 && (l < authority.MinLifetime || l > authority.MaxLifetime) {
		return fmt.Errorf("lifetime %s is out of bounds: write 1h to 90d", l)
	}
	return firstError(m.MethodTerms.checkValues(), checkWord("ca", m.CA), m.checkOperatorValues())
}

// check checks the whole.
func (m *DeviceCertificate) check() error {
	if m.Revocation == revocationOff && m.RiskAnalysis == "" {
		return errors.New("revocation off means that a revoked certificate still counts: accept that in writing and name the document, such as 'risk_analysis RA-2026-014'")
	}
	return firstError(m.checkValues(), m.MethodTerms.check(), m.checkOperator())
}

var (
	_ caddy.Provisioner     = (*DeviceCertificate)(nil)
	_ caddyfile.Unmarshaler = (*DeviceCertificate)(nil)
)
