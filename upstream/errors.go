package upstream

import (
	"errors"
	"fmt"
)

// Definite answers.
var (
	// ErrNoAccount says that the server knows no such account.
	ErrNoAccount = errors.New("no such account")
	// ErrAmbiguous says that more than one account answers to the identifier.
	ErrAmbiguous = errors.New("identifier names more than one account")
	// ErrRefused says that the server was asked and its answer is no: the
	// account is disabled, or a login code or ID token is not acceptable.
	ErrRefused = errors.New("refused by the upstream")
	// ErrNoLogin says that Session would have to answer a login that waits at the
	// server, and none does that Entry names. The person can bring another.
	ErrNoLogin = errors.New("no login waits for the session")
	// ErrUnsupported says that the verb is outside the adapter's [Facts].
	ErrUnsupported = errors.New("not supported by this upstream")
)

// ErrUnavailable says that nobody can tell. The server did not answer, answered
// something else than asked, or reading back does not show what was written.
// Try again; grant nothing meanwhile.
var ErrUnavailable = errors.New("upstream unavailable")

// ErrTooOld says that the server runs a version with known holes in the routes
// that a recovery uses. It wraps [ErrUnavailable]: an upgrade ends it.
var ErrTooOld = fmt.Errorf("%w: version below the supported floor", ErrUnavailable)

// CouldNotTell turns a definite answer that makes no sense where it was given
// into [ErrUnavailable]: it says nothing.
func CouldNotTell(err error) error {
	if err == nil || errors.Is(err, ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
