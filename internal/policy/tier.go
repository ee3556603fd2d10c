package policy

import (
	"slices"

	"github.com/regrant/regrant/attest"
)

// The tiers. A lone method's tier has that method's name.
const (
	tierMultiFactor = "multi-factor"
	tierCodeAndKey  = "saved-code-and-key"
	tierAccepted    = "accepted-pair"
)

// tier names the first tier that the proofs satisfy, and the risk analysis that it rests on; "" if there is none.
func (p *Policy) tier(proofs []Proof) (name, risk string) {
	has := func(ok func(Proof) bool) bool { return slices.ContainsFunc(proofs, ok) }
	switch {
	// A proof that the claimant was made to give to somebody else's browser is worth nothing alone: the attacker starts the
	// recovery, the owner proves.
	case has(func(f Proof) bool { return f.class() == attest.ClassMultiFactorCryptographic && f.RelayResistant }):
		return tierMultiFactor, ""
	// Two of different kinds: what relays one of them does not have the other.
	case has(Proof.code) && has(Proof.key):
		return tierCodeAndKey, ""
	}
	for _, f := range proofs {
		reference := p.accepted[f.Method]
		switch {
		case reference == "":
		case f.RelayResistant:
			return string(f.Method), reference
		case has(func(other Proof) bool { return other.pairs(f) }):
			return tierAccepted, reference
		}
	}
	return "", ""
}

// wanted lists the configured methods of which one more proof would satisfy a tier.
func (p *Policy) wanted(proofs []Proof) (methods []attest.Method) {
	if len(proofs) == 0 {
		return nil
	}
	for _, m := range p.methods {
		if tier, _ := p.tier(append(slices.Clone(proofs), Proof{Method: m})); tier != "" {
			methods = append(methods, m)
		}
	}
	return methods
}

// pairs tells whether f, a code or a key, is of another kind than other.
func (f Proof) pairs(other Proof) bool { return (f.code() || f.key()) && f.class() != other.class() }

func (f Proof) class() attest.Class { return f.Method.Class() }
func (f Proof) code() bool          { return f.class() == attest.ClassSavedCode }

func (f Proof) key() bool {
	return f.class() == attest.ClassSingleFactorCryptographic || f.class() == attest.ClassMultiFactorCryptographic
}

// proofReasons says why the proofs satisfy no tier, and cannot.
func proofReasons(proofs []Proof) (against []Reason) {
	if len(proofs) == 0 {
		return []Reason{ReasonNoProof}
	}
	for _, f := range proofs {
		if !f.RelayResistant {
			return []Reason{ReasonMethod, ReasonRelay}
		}
	}
	return []Reason{ReasonMethod}
}
