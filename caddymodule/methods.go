package caddymodule

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/devicecert"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/internal/policy"
)

// written is what can be told of a method before its module is loaded.
type written struct {
	Module       string `json:"method"`
	RiskAnalysis string `json:"risk_analysis"`
}

func readMethodJSON(raw json.RawMessage) (w written, err error) {
	if err := json.Unmarshal(raw, &w); err != nil {
		return w, fmt.Errorf("reading a method: %v", err)
	}
	return w, nil
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
		w, err := readMethodJSON(raw)
		if err != nil {
			return err
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

// checkEachMethod checks each method beside the rest of the configuration, as far as that is there.
func (a *App) checkEachMethod() error {
	for _, raw := range a.MethodsRaw {
		w, err := readMethodJSON(raw)
		if err != nil {
			return err
		}
		// These count under no rule of the standard.
		class := w.method().Class()
		if w.RiskAnalysis == "" && (class == attest.ClassPassword || class == attest.ClassAlternative) {
			return fmt.Errorf("method %s is none that NIST SP 800-63B-4 section 4.2.1 knows for recovery: accept it in writing, beside a code or a key, "+
				"and name the document, such as 'risk_analysis RA-2026-014'", w.Module)
		}
		if w.method() == attest.MethodPasskey {
			if err := a.checkPasskey(raw); err != nil {
				return err
			}
		}
	}
	return nil
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
		switch m := module.(type) {
		case *DeviceCertificate:
			a.device = m
			a.methods = append(a.methods, method{name: attest.MethodDeviceCertificate, terms: m.Terms()})
			continue
		case *Passkey:
			a.passkey = m
		}
		if err := a.loadGuestMethod(module); err != nil {
			return err
		}
	}
	if a.device == nil {
		a.device = new(DeviceCertificate)
		if err := a.device.Provision(ctx); err != nil {
			return err
		}
	}
	a.useStatusLists()
	return nil
}

// loadGuestMethod takes a module that may be anybody's, and makes its format once, so that what is wrong is said when the configuration is
// checked and not when the gateway opens.
func (a *App) loadGuestMethod(module any) error {
	g, err := guest[attest.Guest](module)
	if err != nil {
		return err
	}
	m := method{wireName(module.(caddy.Module).CaddyModule().ID.Name()), g.Terms(), g}
	probation := caddy.Duration(m.terms.Probation)
	if err := (&MethodTerms{RiskAnalysis: m.terms.RiskAnalysis, Probation: &probation}).check(); err != nil {
		return fmt.Errorf("method %s: %w", m.name, err)
	}
	nothing := func(...[]byte) []byte { return make([]byte, sha256.Size) }
	for _, r := range a.realms {
		if _, err := m.format(attest.Host{Issuer: r.issuer(), Keyed: nothing, Scarce: scarcely}); err != nil {
			return fmt.Errorf("method %s: %w", m.name, err)
		}
	}
	a.methods = append(a.methods, m)
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
func (r *realm) formats(s services, operator *devicecert.OperatorCA) (formats []attest.Format, config policy.Config, err error) {
	config.RiskAnalysis = map[attest.Method]string{}
	for _, m := range r.app.methods {
		format, err := r.format(m, s, operator)
		if err != nil {
			return nil, config, fmt.Errorf("method %s: %w", m.name, err)
		}
		formats = append(formats, format)
		config.Methods = append(config.Methods, m.name)
		config.RiskAnalysis[m.name] = m.terms.RiskAnalysis
	}
	return formats, config, nil
}

func (r *realm) format(m method, s services, operator *devicecert.OperatorCA) (attest.Format, error) {
	if m.guest == nil {
		return devicecert.New(devicecert.Config{Anchors: s.authority.Anchors, Operator: operator}), nil
	}
	return m.format(attest.Host{
		Issuer: r.issuer(),
		Keyed: func(parts ...[]byte) []byte {
			return s.ring.MAC(keys.Methods, append([][]byte{[]byte(m.name)}, parts...)...)
		},
		Scarce: scarcely,
	})
}

func (m method) format(h attest.Host) (attest.Format, error) {
	format, err := m.guest.Format(h)
	if err != nil {
		return nil, err
	}
	// Whoever gave another name could pass for a method that is stronger.
	if format.Method() != m.name {
		return nil, errors.New("its format has another name")
	}
	return format, nil
}
