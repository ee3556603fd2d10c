package recoverytoken

import "fmt"

// A Reason is the class of a refusal, in the words that evidence is refused with.
type Reason string

// The reasons for which a token is refused.
const (
	Malformed   Reason = "malformed"   // not a compact JWS of ours, or a member missing, unknown or twice
	Unsupported Reason = "unsupported" // another algorithm than ES256
	Signature   Reason = "signature"   // not what the key signed
	Untrusted   Reason = "untrusted"   // another issuer, or a key that is not one of this issuer's
	Expired     Reason = "expired"     // not for this time, or for too long a time
	Purpose     Reason = "purpose"     // another type, audience or scope
	Identity    Reason = "identity"    // another client
	Key         Reason = "key"         // names no key of a holder
)

// An Error is the refusal of a token. It repeats nothing of the token.
type Error struct {
	Reason Reason
	Detail string // one line for an operator
}

func (e *Error) Error() string { return string(e.Reason) + ": " + e.Detail }

func refuse(reason Reason, format string, args ...any) error {
	return &Error{reason, fmt.Sprintf(format, args...)}
}
