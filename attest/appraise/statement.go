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

// crl is the format crl.
func crl(r *Request) (any, error) {
	var evidence struct {
		Certificate *string `json:"certificate"`
		Issuer      *string `json:"issuer"`
		CRL         *string `json:"crl"`
	}
	if err := r.Evidence(&evidence); err != nil {
		return nil, err
	}
	if evidence.CRL == nil {
		return nil, errMissing
	}
	return r.good(evidence.Certificate, evidence.Issuer, func() (held revocation.Statements, err error) {
		der, err := block(*evidence.CRL, "X509 CRL")
		if err != nil {
			return held, err
		}
		l, err := revocation.ParseCRL(der)
		return revocation.Statements{CRLs: []*revocation.CRL{l}}, err
	})
}

// ocsp is the format ocsp.
func ocsp(r *Request) (any, error) {
	var evidence struct {
		Certificate *string `json:"certificate"`
		Issuer      *string `json:"issuer"`
		Response    *string `json:"response"`
	}
	if err := r.Evidence(&evidence); err != nil {
		return nil, err
	}
	if evidence.Response == nil {
		return nil, errMissing
	}
	return r.good(evidence.Certificate, evidence.Issuer, func() (held revocation.Statements, err error) {
		der, err := Bytes(*evidence.Response)
		if err != nil {
			return held, err
		}
		response, err := revocation.ParseResponse(der)
		return revocation.Statements{Responses: []*revocation.Response{response}}, err
	})
}

// good judges whether a statement says that the certificate is good.
func (r *Request) good(certificateText, issuerText *string, parse func() (revocation.Statements, error)) (any, error) {
	if certificateText == nil || issuerText == nil {
		return nil, errMissing
	}
	policy, err := r.policy()
	if err != nil {
		return nil, err
	}
	anchors, err := r.Trust.roots()
	if err != nil {
		return nil, err
	}
	pair, err := r.pair(*certificateText, *issuerText, anchors)
	if err != nil {
		return nil, err
	}
	held, err := parse()
	if err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "statement: %v", err)
	}
	switch status, why := policy.Status(pair.Certificate, pair.Issuer, held); status {
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
func (r *Request) pair(certificateText, issuerText string, anchors []*certpath.Certificate) (revocation.Pair, error) {
	c, err := certificate(certificateText)
	if err != nil {
		return revocation.Pair{}, attest.Refuse(attest.ReasonMalformed, "certificate: %v", err)
	}
	issuer, err := certificate(issuerText)
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
