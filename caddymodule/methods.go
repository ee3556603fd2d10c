package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/devicecert"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/internal/policy"
)

const defaultProbation = 72 * time.Hour

// MethodTerms is what can be written about every method.
type MethodTerms struct {
	// The reference of the document in which the operator accepts less than NIST SP
	// 800-63B-4 asks: that this method is enough alone, where its proof cannot be
	// relayed, or else beside a code or a key of another kind. Default: none, and
	// it is not accepted.
	RiskAnalysis string `json:"risk_analysis,omitempty"`

	// How long a newly bound authenticator has to wait until it can recover its
	// account, so that the owner, who is told, can object; zero is allowed. Less
	// than the default needs `risk_analysis`. Default: `72h`.
	Probation *caddy.Duration `json:"probation,omitempty"`
}

// Terms are these terms, for [attest.Guest].
func (t *MethodTerms) Terms() attest.Terms {
	terms := attest.Terms{RiskAnalysis: t.RiskAnalysis, Probation: defaultProbation}
	if t.Probation != nil {
		terms.Probation = time.Duration(*t.Probation)
	}
	return terms
}

func (t *MethodTerms) expandTerms() error { return expand(&t.RiskAnalysis) }

// unmarshalTerm reads one of the terms.
func (t *MethodTerms) unmarshalTerm(d *caddyfile.Dispenser) error {
	if d.Val() == "risk_analysis" {
		return readOnce(d, &t.RiskAnalysis)
	}
	if t.Probation != nil {
		return twice(d)
	}
	t.Probation = new(caddy.Duration)
	return readDuration(d, t.Probation)
}

// checkTerms checks the terms that are given.
func (t *MethodTerms) checkTerms() error {
	if t.RiskAnalysis != "" {
		if err := checkReference(t.RiskAnalysis); err != nil {
			return err
		}
	}
	if p := t.Terms().Probation; p < 0 {
		return fmt.Errorf("probation %s is below zero: write a time such as 72h", p)
	}
	return nil
}

// checkProbation checks that a shorter probation is accepted in writing, once both are known.
func (t *MethodTerms) checkProbation() error {
	if p := t.Terms().Probation; p < defaultProbation && t.RiskAnalysis == "" {
		return fmt.Errorf("probation %s is less than %s: accept that in writing and name the document, such as 'risk_analysis RA-2026-014'", p, defaultProbation)
	}
	return nil
}

// written is what can be told of a method before its module is loaded.
type written struct {
	Module       string `json:"method"`
	RiskAnalysis string `json:"risk_analysis"`
}

// method is the name on the wire.
func (w written) method() attest.Method { return wireName(w.Module) }

func wireName(module string) attest.Method {
	return attest.Method(strings.ReplaceAll(module, "_", "-"))
}

// checkMethods checks that somebody can recover with the methods together.
func (a *App) checkMethods() error {
	config := policy.Config{RiskAnalysis: map[attest.Method]string{}}
	for _, raw := range a.MethodsRaw {
		var w written
		if err := json.Unmarshal(raw, &w); err != nil {
			return fmt.Errorf("reading a method: %v", err)
		}
		if _, twice := config.RiskAnalysis[w.method()]; twice {
			return fmt.Errorf("a method is there twice: keep one 'method %s' block", w.Module)
		}
		config.Methods = append(config.Methods, w.method())
		config.RiskAnalysis[w.method()] = w.RiskAnalysis
	}
	_, err := policy.New(config)
	return err
}

// method is one of the configured methods.
type method struct {
	name  attest.Method
	terms attest.Terms
	guest attest.Guest // nil: device certificates, which stand on services that no guest gets
}

// loadMethods takes the modules that were loaded.
func (a *App) loadMethods(ctx caddy.Context, modules []any) error {
	for _, module := range modules {
		if device, ok := module.(*DeviceCertificate); ok {
			a.device = device
			a.methods = append(a.methods, method{name: attest.MethodDeviceCertificate, terms: device.Terms()})
			continue
		}
		g, err := guest[attest.Guest](module)
		if err != nil {
			return err
		}
		name := wireName(module.(caddy.Module).CaddyModule().ID.Name())
		a.methods = append(a.methods, method{name, g.Terms(), g})
	}
	if a.device == nil {
		a.device = new(DeviceCertificate)
		return a.device.Provision(ctx)
	}
	return nil
}

// has tells whether a method is configured.
func (a *App) has(name attest.Method) bool {
	return slices.ContainsFunc(a.methods, func(m method) bool { return m.name == name })
}

// probation is how long a new authenticator of a method waits.
func (a *App) probation(name attest.Method) time.Duration {
	for _, m := range a.methods {
		if m.name == name {
			return m.terms.Probation
		}
	}
	return defaultProbation
}

// formats makes the evidence formats of the methods, and the policy's configuration.
func (a *App) formats(s services, operator *devicecert.OperatorCA) (formats []attest.Format, config policy.Config, err error) {
	config.RiskAnalysis = map[attest.Method]string{}
	for _, m := range a.methods {
		format, err := m.format(s, operator)
		if err != nil {
			return nil, config, fmt.Errorf("method %s: %w", m.name, err)
		}
		formats = append(formats, format)
		config.Methods = append(config.Methods, m.name)
		config.RiskAnalysis[m.name] = m.terms.RiskAnalysis
	}
	return formats, config, nil
}

func (m method) format(s services, operator *devicecert.OperatorCA) (attest.Format, error) {
	if m.guest == nil {
		return devicecert.New(devicecert.Config{Anchors: s.authority.Anchors, Operator: operator}), nil
	}
	format, err := m.guest.Format(attest.Host{
		Issuer: s.issuer,
		Keyed: func(parts ...[]byte) []byte {
			return s.ring.MAC(keys.Methods, append([][]byte{[]byte(m.name)}, parts...)...)
		},
	})
	if err != nil {
		return nil, err
	}
	// Whoever gave another name could pass for a method that is stronger.
	if format.Method() != m.name {
		return nil, errors.New("its format has another name")
	}
	return format, nil
}
