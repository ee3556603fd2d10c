package revocation

import (
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/certpath"
)

// Status is what is known about one certificate.
type Status int

// Anything that cannot be told is Unknown.
const (
	Unknown Status = iota
	Good
	Revoked
)

// Policy says when a statement counts.
type Policy struct {
	Now time.Time // the only clock

	// MaxCRLAge and MaxOCSPAge bound how long after thisUpdate a statement counts, besides its nextUpdate. Zero: no further bound, and
	// a statement without nextUpdate never counts.
	MaxCRLAge, MaxOCSPAge time.Duration
}

// Statements are what is held. None of them is trusted.
type Statements struct {
	CRLs      []*CRL
	Responses []*Response
}

// Pair is a certificate and the one that issued it.
type Pair struct{ Certificate, Issuer *certpath.Certificate }

// Check tells whether every certificate below the anchor of a valid path is good. The bag is where the certificate of a separate CRL signer is looked
// for. The error is an *[attest.Error] with the reason revoked or revocation-unknown.
func (p Policy) Check(path certpath.Path, bag []*certpath.Certificate, held Statements) error {
	return p.judge(path, bag, held).check(path)
}

// Status judges one certificate whose issuer is trusted already. Only the issuer itself and responders to which it gave that right are believed.
// The text says for an operator why the status is Unknown.
func (p Policy) Status(c, issuer *certpath.Certificate, held Statements) (Status, string) {
	return p.judge(nil, nil, held).status(Pair{c, issuer})
}

// judge is one judgement about the certificates below one anchor.
type judge struct {
	Policy
	held   Statements
	anchor *certpath.Certificate // nil: no separate CRL signers
	bag    []*certpath.Certificate
	nested int // judgements within which this one is made

	searches *int // for paths of separate signers that may still be made
}

func (p Policy) judge(path certpath.Path, bag []*certpath.Certificate, held Statements) *judge {
	searches := maxSearches
	j := &judge{Policy: p, held: held, searches: &searches}
	if len(path) > 0 {
		j.anchor = path.Anchor()
		j.bag = append(bag[:len(bag):len(bag)], path...)
	}
	return j
}

// check lets revoked outweigh unknown: it is the answer that stays.
func (j *judge) check(path certpath.Path) error {
	var unknown error
	for i, c := range path.Below() {
		switch status, why := j.status(Pair{c, path[i+1]}); {
		case status == Revoked:
			return attest.Refuse(attest.ReasonRevoked, "certificate %d of the path is revoked", i)
		case status != Good && unknown == nil:
			unknown = attest.Refuse(attest.ReasonRevocationUnknown, "certificate %d of the path: %s", i, why)
		}
	}
	return unknown
}

// status asks all that is held. Revoked outweighs good.
func (j *judge) status(p Pair) (Status, string) {
	byList, whyList := j.byCRLs(p)
	byResponse, whyResponse := j.byResponses(p)
	switch {
	case byList == Revoked || byResponse == Revoked:
		return Revoked, ""
	case byList == Good || byResponse == Good:
		return Good, ""
	case whyList != "":
		return Unknown, whyList
	case whyResponse != "":
		return Unknown, whyResponse
	}
	return Unknown, "no CRL and no OCSP response is about it"
}

// fresh tells whether a statement of that time counts now, in whole seconds.
func (p Policy) fresh(thisUpdate, nextUpdate time.Time, maxAge time.Duration) bool {
	now := p.Now.Truncate(time.Second)
	switch {
	case now.Before(thisUpdate):
		return false
	case maxAge > 0 && now.Sub(thisUpdate) > maxAge:
		return false
	case nextUpdate.IsZero():
		return maxAge > 0
	}
	return now.Before(nextUpdate)
}
