package caddymodule

import "github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

// Exception is a deviation from a recommendation that the operator accepts.
type Exception struct {
	// The reference of the document that accepts the risk. Required.
	RiskAnalysis string `json:"risk_analysis,omitempty"`
}

// readAssumption reads 'risk_analysis <reference>' of assume_unprivileged: the risk
// analysis stands beside the option that weakens.
func readAssumption(d *caddyfile.Dispenser, e **Exception) error {
	if *e != nil {
		return twice(d)
	}
	var word, reference string
	if !d.AllArgs(&word, &reference) || word != "risk_analysis" {
		return d.Err("assume_unprivileged takes every account for an ordinary one: " +
			"name the document that accepts it, such as 'assume_unprivileged risk_analysis RA-2026-014'")
	}
	*e = &Exception{RiskAnalysis: reference}
	return nil
}

// expand replaces placeholders in one that may be missing.
func (e *Exception) expand() error {
	if e == nil {
		return nil
	}
	return expand(&e.RiskAnalysis)
}

func (e *Exception) check() error {
	if e == nil {
		return nil
	}
	return checkReference(e.RiskAnalysis)
}

// warnAssumption says that nobody counts as privileged.
func (e *Exception) warnAssumption() []string {
	if e == nil {
		return nil
	}
	return []string{"every account counts as an ordinary one, under risk analysis " + e.RiskAnalysis}
}
