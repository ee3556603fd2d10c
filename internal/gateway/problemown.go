package gateway

import (
	"errors"
	"net/http"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/enrolment"
	"github.com/regrant/regrant/internal/gateway/pages"
	"github.com/regrant/regrant/internal/login"
	"github.com/regrant/regrant/internal/wire"
)

var (
	errNotSignedIn   = &problemError{status: http.StatusForbidden, code: wire.ProblemSignIn, detail: "Nobody is signed in here, or no more."}
	errQuarantine    = &problemError{status: http.StatusForbidden, code: wire.ProblemQuarantine, detail: "The account was recovered less than seven days ago. Prove an older authenticator in this session first."}
	errEnrolmentOver = &problemError{status: http.StatusBadRequest, code: wire.ProblemEnrolmentOver, detail: "The enrolment has ended, is too old, or is another session's. Begin a new one."}
	errTooOften      = &problemError{status: http.StatusTooManyRequests, code: wire.ProblemTooManyRequests, retry: time.Hour, detail: "Too many authenticators were added to the account in the last 24 hours. Nothing was added now. Try again tomorrow."}
	errBound         = &problemError{status: http.StatusConflict, code: wire.ProblemBound, detail: "This authenticator is or was bound to an account. Use another one."}
)

// translateOwn is translate for what people do with their own authenticators.
func translateOwn(err error) *problemError {
	refusal, weak := errors.AsType[*login.Refusal](err)
	switch {
	case weak:
		return &problemError{status: http.StatusForbidden, code: wire.ProblemSignIn, detail: refusal.Error()}
	case errors.Is(err, login.ErrNone):
		return errNotSignedIn
	case errors.Is(err, account.ErrQuarantine):
		return errQuarantine
	case errors.Is(err, enrolment.ErrOver):
		return errEnrolmentOver
	case errors.Is(err, enrolment.ErrBound):
		return errBound
	case errors.Is(err, enrolment.ErrFull):
		return errFull
	case errors.Is(err, enrolment.ErrTooOften):
		return errTooOften
	case errors.Is(err, enrolment.ErrLabel):
		return malformed("/label", pages.LabelUnusable)
	case errors.Is(err, enrolment.ErrMethod), errors.Is(err, enrolment.ErrUnknown):
		return errNotFound
	default:
		return unavailable(err)
	}
}

// notAccepted tells a person who signed in why a format refused an enrolment, as far as that helps; all of it is in the journal.
// It is nil for other errors.
func notAccepted(m attest.Method, err error) *problemError {
	refused, ok := errors.AsType[*attest.Error](err)
	if !ok {
		return nil
	}
	return &problemError{status: http.StatusForbidden, code: wire.ProblemRefused, detail: pages.NotAccepted(string(m), string(refused.Reason))}
}
