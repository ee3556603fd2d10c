package attest

import (
	"bytes"
	"slices"
	"time"
)

// Result says that Evidence held, for one statement and one authenticator. Only a [Verifier] makes one; the zero value grants nothing.
type Result struct {
	appraised     bool
	method        Method
	claims        Claims
	authenticator string
	recovery      string
	at            time.Time

	relayResistant bool
}

// Valid tells whether a [Verifier] made this Result. All else it says counts only then.
func (r Result) Valid() bool { return r.appraised }

// Method is the kind of Evidence.
func (r Result) Method() Method { return r.method }

// Class is the kind of authenticator.
func (r Result) Class() Class { return r.method.Class() }

// Authenticator identifies the stored authenticator that the Evidence came from.
func (r Result) Authenticator() string { return r.authenticator }

// Recovery is the public identifier of the one recovery that this Result counts in.
func (r Result) Recovery() string { return r.recovery }

// At is when the Evidence was appraised.
func (r Result) At() time.Time { return r.at }

// Claims returns a copy of what the Evidence says.
func (r Result) Claims() Claims {
	c := r.claims
	c.Handle = bytes.Clone(c.Handle)
	c.CertificateSHA256 = bytes.Clone(c.CertificateSHA256)
	c.Signals = slices.Clone(c.Signals)
	return c
}

// RelayResistant tells that nobody in the middle gains by having the claimant make this proof.
func (r Result) RelayResistant() bool { return r.relayResistant }
