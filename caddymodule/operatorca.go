package caddymodule

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/regrant/regrant/attest/devicecert"
	"github.com/regrant/regrant/internal/revocation"
)

// How revocation of the operator's certificates is judged.
const (
	revocationRequired = "required"
	revocationOff      = "off"
)

// operatorCA makes the operator's own device CA and what fetches its statements about revocation. Both are nil where
// none is configured.
func (a *App) operatorCA() (*devicecert.OperatorCA, *revocation.Source, error) {
	m := a.device
	if m.anchors == nil {
		return nil, nil, nil
	}
	identity, err := m.Identity.rule()
	if err != nil {
		return nil, nil, err
	}
	ca := &devicecert.OperatorCA{Anchors: m.anchors, Identity: identity}
	if m.Revocation == revocationOff {
		return ca, nil, nil
	}
	source, err := revocation.New(revocation.Config{
		CRLs: m.CRL, OCSP: m.OCSP, Anchors: m.anchors, Clock: time.Now, Logger: a.logger,
	})
	if err != nil {
		return nil, nil, err
	}
	ca.Statements = source.Statements
	return ca, source, nil
}

// checkOperatorValues checks the values that are given.
func (m *DeviceCertificate) checkOperatorValues() error {
	for i, u := range m.CRL {
		if err := checkFetched("crl", u); err != nil {
			return err
		}
		if slices.Contains(m.CRL[:i], u) {
			return fmt.Errorf("crl %q is there twice: keep one", u)
		}
	}
	if len(m.CRL) > revocation.MaxCRLs {
		return fmt.Errorf("%d CRLs are too many: name %d at most", len(m.CRL), revocation.MaxCRLs)
	}
	if err := checkOneOf("revocation", m.Revocation, revocationRequired, revocationOff); err != nil {
		return err
	}
	if _, err := m.Identity.rule(); err != nil {
		return err
	}
	return checkFetched("ocsp", m.OCSP)
}

// checkOperator checks that the options of the operator's own CA fit together.
func (m *DeviceCertificate) checkOperator() error {
	told := len(m.CRL) > 0 || m.OCSP != ""
	switch {
	case len(m.TrustPoolRaw) == 0 && (told || m.Revocation != ""):
		return errors.New("crl, ocsp and revocation are about certificates of your own device CA: name it with 'trust_pool file PATH'; " +
			"revocation of the gateway's own certificates is its own record")
	case len(m.TrustPoolRaw) == 0 && m.Identity != nil:
		return errors.New("identity is about certificates of your own device CA: name it with 'trust_pool file PATH'; those of the gateway name no account")
	case len(m.TrustPoolRaw) == 0 || hasPlaceholder(m.Revocation):
		return nil
	case m.Revocation == revocationOff && told:
		return errors.New("revocation is off, and there is a crl or ocsp: keep one or the other")
	case m.Revocation != revocationOff && !told:
		return errors.New("nothing says which certificates of trust_pool are revoked: write 'crl URL' or 'ocsp URL', " +
			"or 'revocation off', which risk_analysis then has to cover")
	}
	return nil
}

// checkFetched checks a URL that is fetched from, once it is known.
func checkFetched(name, s string) error {
	if s == "" || hasPlaceholder(s) {
		return nil
	}
	if err := revocation.CheckURL(s); err != nil {
		return fmt.Errorf("%s %w", name, err)
	}
	return nil
}
