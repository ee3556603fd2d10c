package wire

import "strings"

// ProblemCode says what kind of problem a request met. There are few, so that a refusal does not say why.
type ProblemCode string

// The codes.
const (
	ProblemRefused              ProblemCode = "refused"
	ProblemRecoveryExpired      ProblemCode = "recovery-expired"
	ProblemMalformed            ProblemCode = "malformed"
	ProblemMethodNotAllowed     ProblemCode = "method-not-allowed"
	ProblemTooLarge             ProblemCode = "too-large"
	ProblemUnsupportedMediaType ProblemCode = "unsupported-media-type"
	ProblemTooManyRequests      ProblemCode = "too-many-requests"
	ProblemUnavailable          ProblemCode = "unavailable"
	ProblemHolder               ProblemCode = "holder"         // proof of possession missing or wrong
	ProblemUseDPoPNonce         ProblemCode = "use-dpop-nonce" // make the proof anew, with the nonce in the DPoP-Nonce header
	ProblemNotFound             ProblemCode = "not-found"
	ProblemBusy                 ProblemCode = "busy" // the same is being done at this moment; Retry-After says when to ask again
	ProblemActionNotOffered     ProblemCode = "action-not-offered"
	ProblemInvalidCode          ProblemCode = "invalid-code"
	ProblemSignIn               ProblemCode = "sign-in"        // nobody is signed in, or not well enough; the detail says what is needed
	ProblemEnrolmentOver        ProblemCode = "enrolment-over" // ended before, too old, or another session's
	ProblemBound                ProblemCode = "bound"          // is or was bound to an account
	ProblemQuarantine           ProblemCode = "quarantine"     // the account was recovered a short time ago
)

// ProblemMediaType is the content type of a [Problem].
const ProblemMediaType = "application/problem+json"

const problemURN = "urn:regrant:problem:"

// Type is the stable URI of the code.
func (c ProblemCode) Type() string { return problemURN + string(c) }

// Problem is RFC 9457.
type Problem struct {
	Type   string `json:"type"` // see [ProblemCode.Type]
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitzero"`
	Member string `json:"member,omitzero"` // JSON Pointer to the member at fault
}

// Code returns the code, or "" if the problem is not one of the gateway's.
func (p Problem) Code() ProblemCode {
	code, ok := strings.CutPrefix(p.Type, problemURN)
	if !ok {
		return ""
	}
	return ProblemCode(code)
}
