package gateway

import (
	"errors"
	"net/http"

	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/authority"
	"github.com/regrant/regrant/internal/wire"
)

var (
	// errInvalidCode is one answer for a code that is unknown, spent or too old.
	errInvalidCode = &problemError{status: http.StatusForbidden, code: wire.ProblemInvalidCode, detail: "The activation code was not accepted. After several mistakes it rests for a minute."}
	// errCertificate is one answer for every certificate that a device brings and that does not do.
	errCertificate = malformed("/certificate_chain", "The certificates were not accepted. They must lead from the key of the request to a device CA that is trusted here, and be valid, for client authentication, and not revoked.")
	// errEvidence is one answer for all evidence about a device's key that does not do.
	errEvidence = malformed("/evidence", "The evidence about the key was not accepted. It must be in a format that is accepted here, about the key of the request, made for this activation code, and about a device in the state that is demanded.")
	// errRecovered says so to whoever has a code of the account.
	errRecovered = &problemError{status: http.StatusForbidden, code: wire.ProblemQuarantine, detail: "The account was recovered less than seven days ago. Until the seven days are over, no device is bound to it with the code of an operator."}
)

// translateDevice is translate for devices that are enrolled.
func translateDevice(err error) *problemError {
	switch {
	case errors.Is(err, authority.ErrCode):
		return errInvalidCode
	case errors.Is(err, account.ErrTooMany):
		return errFull
	case errors.Is(err, account.ErrTooOften):
		return errTooOften
	case errors.Is(err, authority.ErrCSR):
		return malformed("/csr", "The certificate request was not accepted.")
	case errors.Is(err, authority.ErrCertificate):
		why := *errCertificate
		why.cause = err // for the operator alone
		return &why
	case errors.Is(err, authority.ErrEvidence):
		why := *errEvidence
		why.cause = err // for the operator alone
		return &why
	case errors.Is(err, authority.ErrMethod):
		return malformed("/method", "No device is enrolled here with this method.")
	case errors.Is(err, authority.ErrState):
		return malformed("/state", "This is not the state of an enrolment with this code. Begin a new one.")
	case errors.Is(err, authority.ErrRecovered):
		return errRecovered
	case errors.Is(err, authority.ErrKeyBound):
		return malformed("/csr", "This key is or was bound to an account. Make a new one.")
	case errors.Is(err, authority.ErrRequest):
		return malformed("/label", "This label cannot be used.")
	default:
		return translateOwn(err)
	}
}
