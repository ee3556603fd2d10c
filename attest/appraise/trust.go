package appraise

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/regrant/regrant/attest/android"
	"github.com/regrant/regrant/attest/certpath"
	"github.com/regrant/regrant/attest/revocation"
)

// configuration is the member trust as it is written: what an operator configured.
type configuration struct {
	Roots         []string       `json:"roots"`          // PEM
	CRLs          []string       `json:"crls"`           // PEM
	OCSPResponses []string       `json:"ocsp_responses"` // base64 DER
	MetadataBlob  string         `json:"metadata_blob"`  // FIDO metadata, JWT
	MetadataRoots []string       `json:"metadata_roots"` // PEM
	AndroidStatus jsontext.Value `json:"android_status"`
	JWKS          jsontext.Value `json:"jwks"`
	MaxCRLAge     *string        `json:"max_crl_age"`  // Go duration
	MaxOCSPAge    *string        `json:"max_ocsp_age"` // Go duration
}

// Trust is what an operator configured. All of it is read before a format is asked, so that what is not valid is an error also where it is not needed:
// one configuration may serve every format. Only what a signature over the metadata, and a key set, are worth is for the format that needs them.
type Trust struct {
	JWKS jsontext.Value // a JSON object; empty: none

	roots, metadataRoots []*certpath.Certificate
	metadata             string // empty: none
	status               *android.Status
	held                 revocation.Statements
	crlAge, ocspAge      time.Duration // 0: as the statements say
}

func (c *configuration) trust() (t Trust, err error) {
	if t.roots, err = anchors("root", c.Roots); err != nil {
		return t, err
	}
	if t.metadataRoots, err = anchors("metadata root", c.MetadataRoots); err != nil {
		return t, err
	}
	if t.held, err = c.statements(); err != nil {
		return t, err
	}
	if t.crlAge, err = maxAge("max_crl_age", c.MaxCRLAge); err != nil {
		return t, err
	}
	if t.ocspAge, err = maxAge("max_ocsp_age", c.MaxOCSPAge); err != nil {
		return t, err
	}
	if given(c.AndroidStatus) {
		if t.status, err = android.ParseStatus(c.AndroidStatus); err != nil {
			return t, fmt.Errorf("android_status: %w", err)
		}
	}
	if given(c.JWKS) {
		if t.JWKS = c.JWKS; t.JWKS.Kind() != '{' {
			return t, errors.New("jwks is not an object")
		}
	}
	t.metadata = c.MetadataBlob
	return t, nil
}

// given tells whether a member was written and is not null.
func given(v jsontext.Value) bool { return len(v) > 0 && v.Kind() != 'n' }

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

// statements returns what says of certificates whether they are revoked. What does not parse says nothing.
func (c *configuration) statements() (revocation.Statements, error) {
	var held revocation.Statements
	for i, text := range c.CRLs {
		der, err := block(text, "X509 CRL")
		if err != nil {
			return held, fmt.Errorf("CRL %d %w", i, err)
		}
		if l, err := revocation.ParseCRL(der); err == nil {
			held.CRLs = append(held.CRLs, l)
		}
	}
	for i, text := range c.OCSPResponses {
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

// maxAge reads an optional duration; zero if it is absent.
func maxAge(name string, text *string) (time.Duration, error) {
	if text == nil {
		return 0, nil
	}
	d, err := time.ParseDuration(*text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%s is not a positive Go duration", name)
	}
	return d, nil
}

// policy says when a statement about revocation counts.
func (r *Request) policy() revocation.Policy {
	return revocation.Policy{Now: r.Now, MaxCRLAge: r.Trust.crlAge, MaxOCSPAge: r.Trust.ocspAge}
}
