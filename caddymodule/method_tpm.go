package caddymodule

import (
	"crypto/x509"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/tpm"
)

func init() {
	caddy.RegisterModule(TPM{})
}

// TPM is the method of proving oneself with a machine whose TPM 2.0 chip quotes
// the state that it was started in. It counts beside a recovery code; alone it
// needs `risk_analysis`.
type TPM struct {
	MethodTerms

	// The certificates of the makers whose chips count, to one of which that of a
	// chip's endorsement key must lead. Most chips hold only their own, so those
	// with which a maker issues belong here beside its root. Any source of Caddy
	// that names its certificates, such as `file`. Required.
	TrustPoolRaw json.RawMessage `json:"trust_pool,omitempty" caddy:"namespace=tls.ca_pool.source inline_key=provider"`

	// The PCRs that a machine has to quote, exactly. Default: 0 and 7, which are the
	// firmware and Secure Boot.
	PCRs []int `json:"pcrs,omitempty"`

	// The bank of PCRs: `sha256`, `sha384` or `sha512`. Default: `sha256`.
	Bank string `json:"bank,omitempty"`

	// For a PCR, the values in hexadecimal of which it must have one. Default: any.
	Reference map[int][]string `json:"reference,omitempty"`

	// Whether a machine has to show by its event log that Secure Boot is on.
	// Default: it need not.
	SecureBoot bool `json:"secure_boot,omitempty"`

	// Models whose chips may not enrol, or beginnings of their names: `id:49465800`
	// is a maker, `id:49465800 SLB9670` a model of his, and with a version behind
	// it a firmware. Default: none.
	Deny []string `json:"deny,omitempty"`

	makers []*x509.Certificate
}

// CaddyModule returns the Caddy module information.
func (TPM) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "regrant.methods.tpm",
		New: func() caddy.Module { return new(TPM) },
	}
}

// Provision loads the certificates and checks the values.
func (m *TPM) Provision(ctx caddy.Context) (err error) {
	if err := firstError(expand(&m.RiskAnalysis, &m.Bank), expandAll(m.Deny)); err != nil {
		return err
	}
	for _, values := range m.Reference {
		if err := expandAll(values); err != nil {
			return err
		}
	}
	if err := m.check(); err != nil {
		return err
	}
	m.makers, err = loadAnchors(ctx, m, m.TrustPoolRaw)
	return err
}

// Format implements [attest.Guest].
func (m *TPM) Format(attest.Host) (attest.Format, error) {
	return tpm.New(tpm.Config{
		Makers: m.makers, Denied: m.Deny, Bank: m.Bank, PCRs: m.PCRs, Reference: m.Reference, SecureBoot: m.SecureBoot,
	})
}

// UnmarshalCaddyfile sets up the method. Syntax:
//
//	method tpm {
//		risk_analysis <reference>
//		probation     <duration>
//		trust_pool    <module> ...
//		pcrs          <indices...>
//		bank          sha256|sha384|sha512
//		reference     <pcr> <values...>
//		secure_boot
//		deny          <models...>
//	}
func (m *TPM) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return readMethod(d, m.unmarshalOption, m.checkValues, m.check)
}

func (m *TPM) unmarshalOption(d *caddyfile.Dispenser) error {
	if known, err := m.UnmarshalTerm(d); known || err != nil {
		return err
	}
	switch d.Val() {
	case "trust_pool":
		return unmarshalTrustPool(d, &m.TrustPoolRaw)
	case "pcrs":
		return m.unmarshalPCRs(d)
	case "bank":
		return readOnce(d, &m.Bank)
	case "reference":
		return m.unmarshalReference(d)
	case "secure_boot":
		return readFlag(d, &m.SecureBoot)
	case "deny":
		return readList(d, &m.Deny)
	default:
		return unknown(d, "risk_analysis", "probation", "trust_pool", "pcrs", "bank", "reference", "secure_boot", "deny")
	}
}

func (m *TPM) unmarshalPCRs(d *caddyfile.Dispenser) error {
	var texts []string
	if err := readList(d, &texts); err != nil {
		return err
	}
	for _, text := range texts {
		index, err := strconv.Atoi(text)
		if err != nil {
			return d.Errf("'%s' is not a PCR: write an index from 0 to 23", text)
		}
		if slices.Contains(m.PCRs, index) {
			return d.Errf("PCR %d is there twice: keep one", index)
		}
		m.PCRs = append(m.PCRs, index)
	}
	return nil
}

func (m *TPM) unmarshalReference(d *caddyfile.Dispenser) error {
	var values []string
	if err := readList(d, &values); err != nil {
		return err
	}
	index, err := strconv.Atoi(values[0])
	if err != nil || len(values) == 1 {
		return d.Err("write a PCR and its good values, such as 'reference 7 65caf8dd…'")
	}
	if m.Reference == nil {
		m.Reference = make(map[int][]string)
	}
	m.Reference[index] = append(m.Reference[index], values[1:]...)
	return nil
}

var (
	_ attest.Guest          = (*TPM)(nil)
	_ caddy.Provisioner     = (*TPM)(nil)
	_ caddyfile.Unmarshaler = (*TPM)(nil)
)
