package caddymodule

import (
	"errors"
	"fmt"
	"slices"

	"github.com/regrant/regrant/attest/tpm"
)

var tpmBanks = []string{"sha256", "sha384", "sha512"}

const (
	firstPCR, lastPCR = 0, 23
	secureBootPCR     = 7
)

// checkValues checks the values that are given.
func (m *TPM) checkValues() error {
	if m.Bank != "" && !hasPlaceholder(m.Bank) && !slices.Contains(tpmBanks, m.Bank) {
		return fmt.Errorf("bank %q is not known or too weak: write sha256, sha384 or sha512", m.Bank)
	}
	for _, i := range m.PCRs {
		if i < firstPCR || i > lastPCR {
			return fmt.Errorf("PCR %d is none: write an index from 0 to 23", i)
		}
	}
	if slices.Contains(m.Deny, "") {
		return errors.New("deny has an empty model in it, which is every one: write a maker or a model, such as 'id:49465800'")
	}
	return m.MethodTerms.checkValues()
}

// check checks the whole.
func (m *TPM) check() error {
	switch {
	case len(m.TrustPoolRaw) == 0:
		return errors.New("nothing says whose chips count: name their makers' certificates with 'trust_pool file PATH'")
	case m.SecureBoot && !slices.Contains(m.quoted(), secureBootPCR):
		return errors.New("secure_boot is shown by PCR 7, which is not among pcrs: add it")
	}
	if err := firstError(m.checkValues(), m.MethodTerms.check()); err != nil {
		return err
	}
	return m.checkReference()
}

// quoted are the PCRs that are demanded.
func (m *TPM) quoted() []int {
	if len(m.PCRs) == 0 {
		return []int{0, secureBootPCR}
	}
	return m.PCRs
}

func (m *TPM) checkReference() error {
	bank := tpm.DefaultBank
	if m.Bank != "" {
		var err error
		if bank, err = tpm.ParseBank(m.Bank); err != nil {
			return nil // it waits for Provision
		}
	}
	for i, values := range m.Reference {
		if !slices.Contains(m.quoted(), i) {
			return fmt.Errorf("reference is about PCR %d, which is not quoted: add it to pcrs, or leave it out", i)
		}
		if len(values) == 0 {
			return fmt.Errorf("reference of PCR %d has no value: write one, or leave it out", i)
		}
		for _, value := range values {
			if _, err := bank.ParseRegister(value); err != nil && !hasPlaceholder(value) {
				return fmt.Errorf("a reference of PCR %d %w: write the value of bank %s in hexadecimal", i, err, bank)
			}
		}
	}
	return nil
}
