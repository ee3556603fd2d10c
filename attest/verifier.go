package attest

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// MaxAge is how old a statement may be when a proof over it arrives, for proofs that are made at once.
	MaxAge = 300 * time.Second
	// MaxSkew is how far in the future a statement may have been requested: the clocks of two nodes differ a little.
	MaxSkew = 30 * time.Second
)

// Result says that Evidence held, for one statement and one authenticator. Only a [Verifier] makes one; the zero value grants nothing.
type Result struct {
	appraised     bool
	method        Method
	class         Class
	claims        Claims
	authenticator string
	recovery      string
	at            time.Time
}

// Valid tells whether a [Verifier] made this Result. All else it says counts only then.
func (r Result) Valid() bool { return r.appraised }

// Method is the kind of Evidence.
func (r Result) Method() Method { return r.method }

// Class is the kind of authenticator.
func (r Result) Class() Class { return r.class }

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
	return c
}

// RelayResistant tells that nobody in the middle gains by having the claimant make this proof: the key that signed is the
// holder's own, and every later request must be answered with it.
func (r Result) RelayResistant() bool { return r.claims.HolderKey }

// Verifier appraises Evidence in the formats that an operator configured. It is safe for concurrent use.
type Verifier struct {
	methods []Method
	formats map[Method]Format
}

// NewVerifier makes a verifier of at least one format, one for a method.
func NewVerifier(formats ...Format) (*Verifier, error) {
	if len(formats) == 0 {
		return nil, errors.New("no evidence format configured")
	}
	v := &Verifier{formats: make(map[Method]Format)}
	for _, f := range formats {
		m := f.Method()
		if v.formats[m] != nil {
			return nil, fmt.Errorf("evidence format %s configured twice", m)
		}
		v.methods = append(v.methods, m)
		v.formats[m] = f
	}
	return v, nil
}

// Methods lists the configured methods in the order of configuration.
func (v *Verifier) Methods() []Method { return slices.Clone(v.methods) }

// Locate returns the handle under which the authenticator of ev is stored. Nothing is verified yet.
func (v *Verifier) Locate(ev Evidence) (handle []byte, err error) {
	f, err := v.format(ev.Method)
	if err != nil {
		return nil, err
	}
	defer func() {
		if recover() != nil {
			handle, err = nil, errPanic()
		}
	}()
	return f.Locate(ev.Body)
}

// Appraise verifies ev against the statement st and the authenticator that the account has bound. The error is an
// *[Error] when the Evidence is refused; any other error means that it could not be told.
func (v *Verifier) Appraise(st Statement, ev Evidence, bound Binding, now time.Time) (Result, error) {
	// 1. The statement is one of ours, whole and fresh.
	if err := st.check(); err != nil {
		return Result{}, Refuse(ReasonMalformed, "%v", err)
	}
	if err := fresh(st, now); err != nil {
		return Result{}, err
	}
	// 2. The Evidence holds for exactly this text. All the work is done also when nothing is bound, so that the
	// time it takes does not tell which accounts exist.
	f, err := v.format(ev.Method)
	if err != nil {
		return Result{}, err
	}
	claims, err := verify(f, Input{Body: ev.Body, Challenge: []byte(st.Text()), Holder: st.Holder, Now: now})
	if err != nil {
		return Result{}, err
	}
	// 3. It came from the authenticator that the account has bound.
	if bound.Authenticator == "" || len(claims.Handle) == 0 || subtle.ConstantTimeCompare(claims.Handle, bound.Handle) != 1 {
		return Result{}, Refuse(ReasonIdentity, "not an authenticator bound to the account")
	}
	return Result{
		appraised: true, method: f.Method(), class: f.Class(), claims: claims,
		authenticator: bound.Authenticator, recovery: st.Recovery, at: now,
	}, nil
}

// fresh checks the age of a statement: a signature kept for later is worth nothing.
func fresh(st Statement, now time.Time) error {
	switch {
	case st.Requested.Sub(now) > MaxSkew:
		return Refuse(ReasonExpired, "statement was requested in the future")
	case now.Sub(st.Requested) > MaxAge:
		return Refuse(ReasonExpired, "statement is older than %v", MaxAge)
	case !now.Before(st.Expires):
		return Refuse(ReasonExpired, "statement has expired")
	}
	return nil
}

func (v *Verifier) format(m Method) (Format, error) {
	f := v.formats[m]
	if f == nil {
		return nil, Refuse(ReasonUnsupported, "method is not configured")
	}
	return f, nil
}

// verify calls a format and turns a panic of a parser, ours or a library's, into a refusal: hostile Evidence must not end the process.
func verify(f Format, in Input) (claims Claims, err error) {
	defer func() {
		if recover() != nil {
			claims, err = Claims{}, errPanic()
		}
	}()
	return f.Verify(in)
}

// errPanic leaves out the panic's own text, which may quote the Evidence.
func errPanic() *Error {
	return &Error{Reason: ReasonMalformed, Detail: "the parser panicked", Panic: true}
}
