package attest

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Claimant is whoever brings Evidence, as far as that bears on it.
type Claimant struct {
	Browser    bool   // the holder is a browser
	Connection []byte // SHA-256 of the client certificate on its own TLS connection; nil: none
}

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

// Format returns the format of a configured method, or nil.
func (v *Verifier) Format(m Method) Format { return v.formats[m] }

// Locate returns the handle under which the authenticator of ev is stored. Nothing is verified yet. account is the stable
// identifier of the account that earlier proofs of the same recovery found, or "".
func (v *Verifier) Locate(ev Evidence, account string) (handle []byte, err error) {
	f, err := v.format(ev.Method)
	if err != nil {
		return nil, err
	}
	err = Guarded(func() error { handle, err = f.Locate(ev.Body, account); return err })
	return handle, err
}

// Appraise verifies ev, as it came from the claimant c, against the statement st and the authenticator that the account has bound.
// The error is an *[Error] when the Evidence is refused; any other error means that it could not be told.
func (v *Verifier) Appraise(st Statement, ev Evidence, c Claimant, bound Binding, now time.Time) (Result, error) {
	// 1. The statement is one of ours, whole and fresh.
	if err := st.check(); err != nil {
		return Result{}, Refuse(ReasonMalformed, "%v", err)
	}
	if err := fresh(st, ev.Method, now); err != nil {
		return Result{}, err
	}
	// 2. The Evidence holds for exactly this text. All the work is done also when nothing is bound, so that the
	// time it takes does not tell which accounts exist.
	f, err := v.format(ev.Method)
	if err != nil {
		return Result{}, err
	}
	in := Input{
		Body: ev.Body, Challenge: []byte(st.Text()), Holder: st.Holder,
		Browser: c.Browser, Connection: c.Connection, Bound: bound, Now: now,
	}
	var claims Claims
	if err := Guarded(func() error { claims, err = f.Verify(in); return err }); err != nil {
		return Result{}, err
	}
	// 3. It came from the authenticator that the account has bound.
	if bound.Authenticator == "" || len(claims.Handle) == 0 || subtle.ConstantTimeCompare(claims.Handle, bound.Handle) != 1 {
		return Result{}, Refuse(ReasonIdentity, "not an authenticator bound to the account")
	}
	relay := traits[ev.Method].relay
	return Result{
		appraised: true, method: ev.Method, claims: claims, authenticator: bound.Authenticator, recovery: st.Recovery, at: now,
		relayResistant: relay != nil && relay(st, in, claims),
	}, nil
}

// fresh checks the age of a statement: a signature kept for later is worth nothing.
func fresh(st Statement, m Method, now time.Time) error {
	switch {
	case st.Requested.Sub(now) > MaxSkew:
		return Refuse(ReasonExpired, "statement was requested in the future")
	case st.Stale(m, now):
		return Refuse(ReasonExpired, "statement is older than %v", m.MaxAge())
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
