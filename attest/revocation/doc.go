// Package revocation judges what certificate revocation lists (RFC 5280 section 6.3) and OCSP responses (RFC 6960) say about the
// certificates of a path. It is pure: statements, a path and a time go in, an answer comes out. Whoever holds the network
// fetches the statements.
//
//	crl, err := revocation.ParseCRL(der)            // *CRL; CRL.NextUpdate() tells until when it may be kept
//	response, err := revocation.ParseResponse(der)  // *Response; the same
//
//	policy := revocation.Policy{Now: now, MaxCRLAge: …, MaxOCSPAge: …}
//	held := revocation.Statements{CRLs: …, Responses: …}
//	err := policy.Check(path, bag, held)            // nil: every certificate below the anchor is good
//
// The error of [Policy.Check] is an *attest.Error, with the reason revoked or revocation-unknown. One statement that says revoked
// outweighs any number that say good. A statement that is stale, out of scope, wrongly signed, or holds a critical
// extension that is not known here says nothing at all.
//
// For whoever fetches:
//
//	revocation.SourcesOf(certificate)               // where its CRLs and its OCSP responder are
//	revocation.NewRequest(certificate, issuer)      // *Request: an OCSP request with a nonce; its DER is Request.DER
//	request.Answered(response)                      // an error when the response carries another nonce than the request
//
// A fetched body is untrusted bytes: parse it and ask [Policy.Status]. What says nothing is not worth keeping.
package revocation
