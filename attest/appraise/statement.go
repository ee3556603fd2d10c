package appraise

import (
	"slices"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/certpath"
	"github.com/regrant/regrant/attest/revocation"
)

// statementClaims is what a statement that a certificate is good is about.
type statementClaims struct {
	Subject string `json:"subject"`
	Serial  string `json:"serial"`
	Issuer  string `json:"issuer"`
}

// pairEvidence is what every statement comes with, in PEM.
type pairEvidence struct {
	Certificate *string `json:"certificate"`
	Issuer      *string `json:"issuer"`
}

// crl is the format crl.
func crl(r *Request) (any, error) {
	if err := r.Expect(&struct{}{}); err != nil { // there is nothing to expect
		return nil, err
	}
	var evidence struct {
		pairEvidence
		CRL *string `json:"crl"`
	}
	if err := r.Evidence(&evidence); err != nil {
		return nil, err
	}
	return r.good(evidence.pairEvidence, evidence.CRL, readCRL)
}

// ocsp is the format ocsp.
func ocsp(r *Request) (any, error) {
	if err := r.Expect(&struct{}{}); err != nil { // there is nothing to expect
		return nil, err
	}
	var evidence struct {
		pairEvidence
		Response *string `json:"response"`
	}
	if err := r.Evidence(&evidence); err != nil {
		return nil, err
	}
	return r.good(evidence.pairEvidence, evidence.Response, readResponse)
}

// good judges whether a statement says that the certificate is good.
func (r *Request) good(about pairEvidence, statement *string, read func(string) (revocation.Statements, error)) (any, error) {
	if about.Certificate == nil || about.Issuer == nil || statement == nil {
		return nil, errMissing
	}
	pair, err := r.pair(about, r.Trust.roots)
	if err != nil {
		return nil, err
	}
	held, err := read(*statement)
	if err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "statement: %v", err)
	}
	switch status, why := r.policy().Status(pair.Certificate, pair.Issuer, held); status {
	case revocation.Good:
		c := pair.Certificate
		return statementClaims{c.X509.Subject.String(), c.Serial().Text(16), c.X509.Issuer.String()}, nil
	case revocation.Revoked:
		return nil, attest.Refuse(attest.ReasonRevoked, "the certificate is revoked")
	default:
		return nil, attest.Refuse(attest.ReasonRevocationUnknown, "%s", why)
	}
}

// pair reads a certificate and its issuer, which is an anchor or has a path to one.
func (r *Request) pair(about pairEvidence, anchors []*certpath.Certificate) (revocation.Pair, error) {
	c, err := certificate(*about.Certificate)
	if err != nil {
		return revocation.Pair{}, attest.Refuse(attest.ReasonMalformed, "certificate: %v", err)
	}
	issuer, err := certificate(*about.Issuer)
	if err != nil {
		return revocation.Pair{}, attest.Refuse(attest.ReasonMalformed, "issuer: %v", err)
	}
	anchored := slices.ContainsFunc(anchors, issuer.Is)
	if !anchored {
		if _, err := certpath.Find(issuer, nil, certpath.Options{Anchors: anchors, Now: r.Now}); err != nil {
			return revocation.Pair{}, err
		}
	}
	switch {
	case !anchored && !issuer.MayIssue(): // a device could vouch for certificates of its own making
		return revocation.Pair{}, attest.Refuse(attest.ReasonUntrusted, "the issuer is not a CA that may sign certificates")
	case !c.ValidAt(r.Now) || !issuer.ValidAt(r.Now):
		return revocation.Pair{}, attest.Refuse(attest.ReasonExpired, "certificate is not valid at this time")
	case !issuer.Issued(c):
		return revocation.Pair{}, attest.Refuse(attest.ReasonUntrusted, "the certificate is not from that issuer")
	}
	return revocation.Pair{Certificate: c, Issuer: issuer}, nil
}

func readCRL(text string) (revocation.Statements, error) {
	der, err := block(text, "X509 CRL")
	if err != nil {
		return revocation.Statements{}, err
	}
	l, err := revocation.ParseCRL(der)
	return revocation.Statements{CRLs: []*revocation.CRL{l}}, err
}

func readResponse(text string) (revocation.Statements, error) {
	der, err := Bytes(text)
	if err != nil {
		return revocation.Statements{}, err
	}
	response, err := revocation.ParseResponse(der)
	return revocation.Statements{Responses: []*revocation.Response{response}}, err
}
