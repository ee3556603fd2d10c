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
	"errors"
	"fmt"
)

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
	Guess  bool   // a wrong guess at a secret that exists: it counts against that authenticator
	Signed bool   // the authenticator's key signed it all the same: its owner is told
}

func (e *Error) Error() string {
	return fmt.Sprintf("evidence refused (%s): %s", e.Reason, e.Detail)
}

// Refuse makes a refusal.
func Refuse(reason Reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// Signed marks err, if it is a refusal, as one of evidence that the authenticator's own key has signed: whoever brought it has that key, or
// a copy of it.
func Signed(err error) error {
	refused, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	signed := *refused
	signed.Signed = true
	return &signed
}

// WrongGuess is the refusal of a wrong guess at a secret that exists.
func WrongGuess(detail string) *Error {
	return &Error{Reason: ReasonIdentity, Detail: detail, Guess: true}
}
