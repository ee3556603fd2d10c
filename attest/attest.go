// Package attest turns Evidence into a Result.
//
// A claimant who lost a factor proves with something else that the account is theirs. What they send is Evidence (RFC 9334). A [Format]
// knows how one kind of it is built and verified; the [Verifier] holds the formats an operator configured and is the
// only maker of a [Result]. Everything a claimant signs is one text, the [Statement], which names issuer, account,
// actions, recovery and holder, so that no proof can be moved to another of any of them.
//
// Judging is pure: bytes, time and trust anchors go in, a Result or a refusal comes out.
package attest

import (
	"fmt"
	"time"
)

// Method names a kind of Evidence as it appears on the wire.
type Method string

// MethodDeviceCertificate is a statement signed by a key whose certificate a trusted device CA issued.
const MethodDeviceCertificate Method = "device-certificate"

// Class is the kind of authenticator that a method uses, in the terms of NIST SP 800-63B-4 section 3.1.
type Class string

// ClassSingleFactorCryptographic is SP 800-63B-4 section 3.1.6: proof of possession of a key that no second factor unlocks.
const ClassSingleFactorCryptographic Class = "single-factor-cryptographic"

// Reason says why Evidence was refused. It is for the journal and the operator: a claimant never sees it.
type Reason string

// The reasons of a refusal.
const (
	ReasonMalformed         Reason = "malformed"          // not built as the format demands
	ReasonUnsupported       Reason = "unsupported"        // well formed, of a kind not handled
	ReasonChallenge         Reason = "challenge"          // does not carry our challenge back
	ReasonSignature         Reason = "signature"          // signature does not verify
	ReasonUntrusted         Reason = "untrusted"          // no path to a configured anchor
	ReasonExpired           Reason = "expired"            // no longer valid, or not yet
	ReasonRevoked           Reason = "revoked"            // withdrawn by its issuer
	ReasonRevocationUnknown Reason = "revocation-unknown" // whether it is revoked could not be told
	ReasonKey               Reason = "key"                // weak, of the wrong type, with the wrong attributes
	ReasonPurpose           Reason = "purpose"            // made for another use
	ReasonIdentity          Reason = "identity"           // not the key or device bound to the account
	ReasonPresence          Reason = "presence"           // user presence or verification missing
	ReasonCounter           Reason = "counter"            // signature counter went backwards
	ReasonIntegrity         Reason = "integrity"          // the device's own state is not as demanded
	ReasonPolicy            Reason = "policy"             // sound, but not accepted here
	ReasonReplay            Reason = "replay"             // used before
)

// Error is a refusal. An error that is not one means that the question could not be answered.
type Error struct {
	Reason Reason
	Detail string // one line for an operator; repeats nothing secret
	Panic  bool   // a parser panicked: what is at fault is the parser
}

func (e *Error) Error() string {
	return fmt.Sprintf("evidence refused (%s): %s", e.Reason, e.Detail)
}

// Refuse makes a refusal.
func Refuse(reason Reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// Evidence is one proof as the claimant sent it. Nothing about it is verified.
type Evidence struct {
	Method Method
	Body   []byte // the JSON object of this proof as sent; its size is bounded by the caller
}

// Binding is the authenticator stored under the handle that [Verifier.Locate] found. The zero value says that
// nothing is stored there; such Evidence is verified all the same and then refused, so that both cases take the same work.
type Binding struct {
	Authenticator string // identifier of the stored authenticator
	Handle        []byte
}

// Input is what a [Format] judges.
type Input struct {
	Body      []byte    // the Evidence
	Challenge []byte    // what must be signed or carried: the text of the statement
	Holder    string    // the holder of the recovery, see [HolderOfSecret] and [HolderOfKey]
	Now       time.Time // the only clock
}

// Claims is what verified Evidence says. A member that a format has nothing to say about is zero.
type Claims struct {
	Handle            []byte    // under which the authenticator is stored; compared with [Binding]
	Subject           string    // RFC 4514 name in the certificate
	Issuer            string    // RFC 4514 name of the certificate's issuer
	Serial            string    // serial number of the certificate in lower-case hexadecimal
	DeviceID          string    // identifier that the device CA gave the device
	CertificateSHA256 []byte    // of the whole certificate
	NotAfter          time.Time // end of the certificate's validity
	HolderKey         bool      // the key that signed is itself the holder's DPoP key
}

// Format is one kind of Evidence. Both verbs are pure and safe for concurrent use, bound their work, and refuse with an *[Error].
type Format interface {
	Method() Method
	Class() Class

	// Locate parses body strictly and returns the handle under which the authenticator is stored. Nothing is
	// verified: the handle is good for a look-up only.
	Locate(body []byte) (handle []byte, err error)

	// Verify returns claims only when every check held. It does all its work whatever the account has bound.
	Verify(in Input) (Claims, error)
}
