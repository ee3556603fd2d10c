package recovery

import "errors"

// What a caller can be told. Every other error means that it could not be told, and is answered as [ErrUnavailable].
var (
	// ErrRefused: the evidence or the policy does not allow this recovery. The reason is in the journal only.
	ErrRefused = errors.New("recovery refused")
	// ErrNoEvidence: nothing was brought for a recovery in which nothing is proved yet. Nothing is burnt.
	ErrNoEvidence = errors.New("no evidence")
	// ErrExpired: the recovery_id is altered, too old, or was used.
	ErrExpired = errors.New("recovery expired")
	// ErrStale: the statement is too old for this kind of proof, and nothing was burnt. [Service.Again] makes a fresh one.
	ErrStale = errors.New("statement too old")
	// ErrSpent: the token, code or completion was used, vetoed or is too old.
	ErrSpent = errors.New("already used or no longer valid")
	// ErrHolder: asked by somebody else than the holder of the recovery.
	ErrHolder = errors.New("not the holder of this recovery")
	// ErrReplay: the DPoP proof was brought before.
	ErrReplay = errors.New("proof was used")
	// ErrNoLogin: the session would have to answer a login that an application has begun, and this browser brings none that
	// waits. Nothing is lost.
	ErrNoLogin = errors.New("no login of an application waits in this browser")
	// ErrBusy: the same step is being done at this moment, or its answer is out; nothing is lost, try again soon.
	ErrBusy = errors.New("being continued at this moment")
	// ErrUnavailable: the store or the identity provider could not be asked; what was granted stays.
	ErrUnavailable = errors.New("could not tell: a dependency is unavailable")
)
