package appraise

import (
	"fmt"

	"github.com/regrant/regrant/attest/android"
	"github.com/regrant/regrant/attest/certpath"
	"github.com/regrant/regrant/attest/revocation"
)

// roots returns the anchors.
func (t *Trust) roots() ([]*certpath.Certificate, error) { return anchors("root", t.Roots) }

// anchors reads certificates in PEM. One that is not well formed anchors nothing.
func anchors(name string, texts []string) ([]*certpath.Certificate, error) {
	var parsed []*certpath.Certificate
	for i, text := range texts {
		der, err := block(text, "CERTIFICATE")
		if err != nil {
			return nil, fmt.Errorf("%s %d %w", name, i, err)
		}
		if c, err := certpath.Parse(der); err == nil {
			parsed = append(parsed, c)
		}
	}
	return parsed, nil
}

// androidStatus reads Google's status list; nil: there is none.
func (t *Trust) androidStatus() (*android.Status, error) {
	if len(t.AndroidStatus) == 0 || string(t.AndroidStatus) == "null" {
		return nil, nil
	}
	return android.ParseStatus(t.AndroidStatus)
}

// statements returns what says of certificates whether they are revoked. What does not parse says nothing.
func (t *Trust) statements() (revocation.Statements, error) {
	var held revocation.Statements
	for i, text := range t.CRLs {
		der, err := block(text, "X509 CRL")
		if err != nil {
			return held, fmt.Errorf("CRL %d %w", i, err)
		}
		if l, err := revocation.ParseCRL(der); err == nil {
			held.CRLs = append(held.CRLs, l)
		}
	}
	for i, text := range t.OCSPResponses {
		der, err := Bytes(text)
		if err != nil {
			return held, fmt.Errorf("OCSP response %d %w", i, err)
		}
		if r, err := revocation.ParseResponse(der); err == nil {
			held.Responses = append(held.Responses, r)
		}
	}
	return held, nil
}

// policy says when a statement counts.
func (r *Request) policy() (revocation.Policy, error) {
	p := revocation.Policy{Now: r.Now}
	var err error
	if p.MaxCRLAge, err = maxAge("max_crl_age", r.Trust.MaxCRLAge); err != nil {
		return p, err
	}
	p.MaxOCSPAge, err = maxAge("max_ocsp_age", r.Trust.MaxOCSPAge)
	return p, err
}
