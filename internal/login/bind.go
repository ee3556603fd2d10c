package login

import (
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
)

// skew is how far a sign-in may lie in the future: clocks differ a little.
const skew = 30 * time.Second

// highest is the greatest level at which authenticators of a class are used, alone or beside another factor (SP 800-63B-4
// sections 2.2.1 and 2.3.1). Whether a key is in hardware is not known before it is bound, so it may be used at level 3.
var highest = map[attest.Class]upstream.AAL{
	attest.ClassSavedCode:                 upstream.AAL2,
	attest.ClassPassword:                  upstream.AAL2,
	attest.ClassSingleFactorCryptographic: upstream.AAL3,
	attest.ClassMultiFactorCryptographic:  upstream.AAL3,
}

// Refusal says that a session is not good enough to bind an authenticator, and which one would be. Any [Wish] with its Need
// leads there.
type Refusal struct { //nolint:errname // as Error in attest: named for what it says
	Need  upstream.Assurance
	Stale bool // the session proves enough, but is too old
}

// untold is for whoever did what is asked for, where the identity provider says nothing of it.
const untold = " If you just did, this site was not told of it: tell your help desk."

// Error tells the person what is needed and what to do next.
func (r *Refusal) Error() string {
	switch {
	case r.Stale:
		return "Your sign-in is too old for this change. Sign in again, and make the change within ten minutes."
	case r.Need.PhishingResistant:
		return "Your account has a factor that cannot be phished, such as a passkey, so this change needs a sign-in with it. Sign in again and use the passkey or security key." + untold
	case r.Need.AAL >= upstream.AAL3:
		return "Your account has a hardware-protected factor, so this change needs a sign-in with it. Sign in again and use the security key." + untold
	default:
		return "Your account has a second factor, so this change needs a sign-in with both. Sign in again and use the second factor, too." + untold
	}
}

// MayBind tells whether an authenticator of class may be bound, and its secret shown, in session s at now. The account's
// assurance is the best that its factors reach at the identity provider; a level that nobody knows limits nothing.
//
// The session must prove the lower of the account's level and the new authenticator's (SP 800-63B-4 section 4.1.2.1,
// R-044), which for codes is level 2 wherever the account has it, without being phishable if the account has a
// factor that is not, and the person must have signed in within [Life]. The error is [ErrNone] or a [Refusal].
func MayBind(s Session, best upstream.Assurance, class attest.Class, now time.Time) error {
	if s.r.AccountID == "" {
		return ErrNone
	}
	need := upstream.Assurance{AAL: levelFor(best.AAL, class), PhishingResistant: best.PhishingResistant}
	age := now.Sub(s.r.AuthenticatedAt)
	switch {
	case !s.r.Assurance.Reaches(need):
		return &Refusal{Need: need}
	case age < -skew || age > Life:
		return &Refusal{Need: need, Stale: true}
	}
	return nil
}

// levelFor is the lower of an account's level and a class's. One that is not known is as high as any.
func levelFor(best upstream.AAL, class attest.Class) upstream.AAL {
	if best == 0 {
		best = upstream.AAL3
	}
	if level, ok := highest[class]; ok {
		return min(best, level)
	}
	return best
}
