package attest

import "time"

// Method names a kind of Evidence as it appears on the wire.
type Method string

// The methods. One that is not listed here comes from a guest module, and is [ClassAlternative].
const (
	MethodPasskey           Method = "passkey"            // a WebAuthn assertion, user verified
	MethodDeviceCertificate Method = "device-certificate" // a statement signed by a key that a trusted device CA certified
	MethodTPM               Method = "tpm"                // a quote over the statement by an attestation key
	MethodSSHKey            Method = "ssh-key"            // a statement signed by ssh-keygen
	MethodRecoveryKey       Method = "recovery-key"       // a statement signed by a key kept offline
	MethodRecoveryCode      Method = "recovery-code"      // one of the codes that were printed
	MethodPassphrase        Method = "passphrase"         // a secret that is known, for recovery only
)

// Class is the kind of authenticator that a method uses, in the terms of NIST SP 800-63B-4.
type Class string

// The classes, with the section that describes each.
const (
	ClassAlternative               Class = "alternative"                 // 4.2.1: good only where a risk analysis says so
	ClassPassword                  Class = "password"                    // 3.1.1
	ClassSavedCode                 Class = "saved-code"                  // 4.2.1.1
	ClassSingleFactorCryptographic Class = "single-factor-cryptographic" // 3.1.6: no second factor unlocks the key
	ClassMultiFactorCryptographic  Class = "multi-factor-cryptographic"  // 3.1.7: a second factor unlocks the key
)

const (
	// MaxAge is how old a statement may be when a proof over it arrives that was made at once.
	MaxAge = 300 * time.Second
	// MaxAgeCarried is MaxAge for proofs that people carry by hand.
	MaxAgeCarried = 900 * time.Second
	// MaxSkew is how far in the future a statement may have been requested: the clocks of two nodes differ a little.
	MaxSkew = 30 * time.Second
)

// trait is what is true of every proof of a method, whoever wrote its format.
type trait struct {
	class     Class
	maxAge    time.Duration
	guessable bool
	relay     func(Statement, Input, Claims) bool // nil: never relay-resistant
	browser   bool                                // relay only ever holds of a browser's
}

// traits is closed: no format declares for itself how strong it is.
var traits = map[Method]trait{
	MethodPasskey:           {class: ClassMultiFactorCryptographic, maxAge: MaxAge, relay: atIssuer, browser: true},
	MethodDeviceCertificate: {class: ClassSingleFactorCryptographic, maxAge: MaxAge, relay: holdersKeyOrConnection},
	MethodTPM:               {class: ClassSingleFactorCryptographic, maxAge: MaxAge, relay: holdersKey},
	MethodSSHKey:            {class: ClassSingleFactorCryptographic, maxAge: MaxAgeCarried},
	MethodRecoveryKey:       {class: ClassSingleFactorCryptographic, maxAge: MaxAgeCarried},
	MethodRecoveryCode:      {class: ClassSavedCode, maxAge: MaxAgeCarried},
	MethodPassphrase:        {class: ClassPassword, maxAge: MaxAgeCarried, guessable: true},
}

// Class is the kind of authenticator that m uses.
func (m Method) Class() Class {
	if t, ok := traits[m]; ok {
		return t.class
	}
	return ClassAlternative
}

// Guessable tells whether the secret of m may have less than 112 bits. Such a proof is judged last, and only after another
// one of the same recovery held, so that nobody guesses at the account of a stranger. A guest's is taken for guessable.
func (m Method) Guessable() bool {
	t, ok := traits[m]
	return !ok || t.guessable
}

// MaxAge is how old a statement may be when a proof of m over it arrives.
func (m Method) MaxAge() time.Duration {
	if t, ok := traits[m]; ok {
		return t.maxAge
	}
	return MaxAge
}

// Stale tells whether s is too old at now for a proof by m. Nothing is wrong with the claimant then: a fresh statement helps.
func (s Statement) Stale(m Method, now time.Time) bool { return now.Sub(s.Requested) > m.MaxAge() }

// CanResistRelay tells whether any proof of m is relay-resistant.
func (m Method) CanResistRelay() bool { return traits[m].relay != nil }

// CanResistRelayWithoutBrowser tells whether a proof of m that a program brings can be.
func (m Method) CanResistRelayWithoutBrowser() bool { return m.CanResistRelay() && !traits[m].browser }
