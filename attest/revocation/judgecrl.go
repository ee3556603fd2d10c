package revocation

import (
	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/certpath"
)

// byCRLs is RFC 5280 section 6.3.3 over all lists that are held: each adds the reasons that it covers until all are.
func (j *judge) byCRLs(p Pair) (Status, string) {
	places, err := points(p.Certificate)
	if err != nil {
		return Unknown, err.Error()
	}
	var covered reasons
	why := ""
	for _, l := range j.held.CRLs {
		if !l.issuer.Equal(p.Certificate.Issuer) { // (b)(1)
			continue
		}
		adds, problem := j.coverage(l, p, places)
		if problem != "" {
			why = "a CRL " + problem
			continue
		}
		if adds != 0 && l.revoked[string(serialContent(p.Certificate))] { // (j)
			return Revoked, ""
		}
		covered |= adds
	}
	switch {
	case covered == allReasons:
		return Good, ""
	case covered != 0 && why == "":
		why = "the CRLs do not cover all reasons"
	}
	return Unknown, why
}

// coverage returns for which reasons a list speaks about the certificate, or why it does not speak at all.
func (j *judge) coverage(l *CRL, p Pair, places []point) (reasons, string) {
	switch {
	case l.useless != "":
		return 0, l.useless
	case l.extended && l.number == nil: // section 5.2.3; a list without extensions is one of version 1, which section 5 has everybody read
		return 0, "has no number"
	case !j.fresh(l.thisUpdate, l.nextUpdate, j.MaxCRLAge): // (a)
		return 0, "is not fresh"
	}
	covered := l.scope.covers(p.Certificate, places) // (b)(2), (d)
	if covered == 0 {
		return 0, "is about other certificates"
	}
	if !j.signedByIssuer(l, p.Issuer) { // (f), (g)
		return 0, "is not signed by the issuer"
	}
	return covered, ""
}

// signedByIssuer tells whether the issuer of the certificate signed the list, with the key of its certificate on the path or with another key
// that has a path to the same anchor.
func (j *judge) signedByIssuer(l *CRL, issuer *certpath.Certificate) bool {
	if l.by(issuer) {
		return true
	}
	if j.anchor == nil {
		return false
	}
	for _, c := range j.bag {
		if l.SignedBy(c) && j.trusts(c) {
			return true
		}
	}
	return false
}

func (l *CRL) by(c *certpath.Certificate) bool {
	return c.MaySignCRLs() && l.signedBy.signed(c, l.algorithm, l.tbs, l.signature)
}

const (
	maxNested   = 2 // the signer of a list may be judged by a list with a signer of its own, and so on
	maxSearches = 8 // for paths of signers, in one judgement: anybody can make certificates that bear a CA's name and key
)

// trusts tells whether a CRL signer has a path to the anchor of this judgement and is itself not revoked.
func (j *judge) trusts(signer *certpath.Certificate) bool {
	if signer.Is(j.anchor) {
		return true
	}
	if j.nested == maxNested || *j.searches == 0 {
		return false
	}
	*j.searches--
	within := *j
	within.nested++
	_, err := certpath.Find(signer, j.bag, certpath.Options{
		Anchors: []*certpath.Certificate{j.anchor},
		Now:     j.Now,
		Accept: func(p certpath.Path) error {
			if err := within.check(p); err != nil {
				return attest.Refuse(attest.ReasonRevocationUnknown, "signer of a CRL: %v", err)
			}
			return nil
		},
	})
	return err == nil
}
