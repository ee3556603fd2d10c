package caddymodule

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/regrant/regrant/attest"
)

const defaultProbation = 72 * time.Hour

// MethodTerms is what can be written about every method. A module that embeds it
// is one with nothing but terms, until it has a Provision and an
// UnmarshalCaddyfile of its own.
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

// Provision replaces placeholders and checks the terms.
func (t *MethodTerms) Provision(caddy.Context) error {
	return firstError(expand(&t.RiskAnalysis), t.check())
}

// UnmarshalCaddyfile sets up a method that has nothing but terms. Syntax:
//
//	method <name> {
//		risk_analysis <reference>
//		probation     <duration>
//	}
func (t *MethodTerms) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	option := func(d *caddyfile.Dispenser) error {
		if known, err := t.UnmarshalTerm(d); known || err != nil {
			return err
		}
		return unknown(d, "risk_analysis", "probation")
	}
	return readMethod(d, option, t.checkValues, t.check)
}

// readMethod reads the block of a method; see [readBlock].
func readMethod(d *caddyfile.Dispenser, option func(*caddyfile.Dispenser) error, values, whole func() error) error {
	d.Next() // consume module name
	if d.NextArg() {
		return d.ArgErr()
	}
	return readBlock(d, 0, option, values, whole)
}

// UnmarshalTerm reads the option at which d stands if it is one of the terms.
func (t *MethodTerms) UnmarshalTerm(d *caddyfile.Dispenser) (known bool, err error) {
	switch d.Val() {
	case "risk_analysis":
		return true, readOnce(d, &t.RiskAnalysis)
	case "probation":
		if t.Probation != nil {
			return true, twice(d)
		}
		t.Probation = new(caddy.Duration)
		return true, readDuration(d, t.Probation)
	}
	return false, nil
}

// checkValues checks the terms that are given.
func (t *MethodTerms) checkValues() error {
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

// check checks the terms together: a shorter probation is accepted in writing.
func (t *MethodTerms) check() error {
	if err := t.checkValues(); err != nil {
		return err
	}
	if p := t.Terms().Probation; p < defaultProbation && t.RiskAnalysis == "" {
		return fmt.Errorf("probation %s is less than %s: accept that in writing and name the document, such as 'risk_analysis RA-2026-014'", p, defaultProbation)
	}
	return nil
}
