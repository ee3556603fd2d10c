package revocation

import (
	"bytes"
	"crypto"
	"time"

	"github.com/regrant/regrant/attest/certpath"
)

// maxUnchecked is how long the certificate of a responder may live that says of itself that its revocation is not checked (RFC 6960 section
// 4.2.2.2.1): whoever steals its key answers for that long.
const maxUnchecked = 90 * 24 * time.Hour

// byResponses is RFC 6960 section 3.2 over all responses that are held.
func (j *judge) byResponses(p Pair) (Status, string) {
	found, why := Unknown, ""
	for _, r := range j.held.Responses {
		status, problem := j.byResponse(r, p)
		switch {
		case problem != "":
			why = "an OCSP response " + problem
		case status == Revoked:
			return Revoked, ""
		case status == Good:
			found = Good
		}
	}
	return found, why
}

// byResponse is what one response says about one certificate. Without text and with Unknown it says nothing.
func (j *judge) byResponse(r *Response, p Pair) (Status, string) {
	var about []single
	for _, s := range r.singles {
		if s.id.matches(p.Certificate, p.Issuer) { // 1.
			about = append(about, s)
		}
	}
	switch {
	case len(about) == 0:
		return Unknown, ""
	case r.useless != "":
		return Unknown, r.useless
	case j.Now.Truncate(time.Second).Before(r.producedAt):
		return Unknown, "is from the future"
	case !j.answeredFor(r, p.Issuer): // 2. to 4.
		return Unknown, "is not signed by the issuer or its responder"
	}
	return j.worst(about)
}

// worst is the status of one certificate in a response, which may speak about it more than once: revoked outweighs whatever else it says.
func (j *judge) worst(about []single) (Status, string) {
	status, why := Good, ""
	for _, s := range about {
		switch {
		case s.useless:
			status, why = Unknown, "has an unknown critical extension"
		case !j.fresh(s.thisUpdate, s.nextUpdate, j.MaxOCSPAge): // 5., 6.
			status, why = Unknown, "is not fresh"
		case s.status == Revoked:
			return Revoked, ""
		case s.status == Unknown:
			status, why = Unknown, "does not know the certificate"
		}
	}
	return status, why
}

// answeredFor tells whether the issuer signed the response, or a responder to which the issuer itself gave that right (section 4.2.2.2).
func (j *judge) answeredFor(r *Response, issuer *certpath.Certificate) bool {
	if r.by(issuer) {
		return true
	}
	for _, c := range r.certificates {
		if c.MayAnswerOCSP(j.Now) && issuer.Issued(c) && r.by(c) && j.standing(c, issuer) {
			return true
		}
	}
	return false
}

// by tells whether the response names c as its signer and c's key signed it.
func (r *Response) by(c *certpath.Certificate) bool {
	if r.responderName != nil {
		if !r.responderName.Equal(c.Subject) {
			return false
		}
	} else if key, ok := keyBits(c); !ok || !bytes.Equal(r.responderKey, sum(crypto.SHA1, key)) {
		return false
	}
	return r.signedBy.signed(c, r.algorithm, r.tbs, r.signature)
}

// standing tells whether the certificate of a responder still counts (section 4.2.2.2.1). One that says nothing about how to check it is the
// CA's own choice. A CRL that is held and says revoked counts always.
func (j *judge) standing(responder, issuer *certpath.Certificate) bool {
	status, _ := j.byCRLs(Pair{responder, issuer})
	switch {
	case status != Unknown:
		return status == Good
	case noCheck(responder):
		return responder.X509.NotAfter.Sub(responder.X509.NotBefore) <= maxUnchecked
	}
	from := SourcesOf(responder)
	return len(from.CRLs) == 0 && len(from.OCSP) == 0
}

func noCheck(c *certpath.Certificate) bool {
	for _, e := range c.X509.Extensions {
		if e.Id.String() == "1.3.6.1.5.5.7.48.1.5" {
			return true
		}
	}
	return false
}
