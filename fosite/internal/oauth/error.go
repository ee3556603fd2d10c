// Package oauth holds what the two authorization servers beside it share as code and never as values: the errors of
// RFC 6749, the strict reading of a token request, the shape of opaque tokens, signing keys and their JWK set.
// Keys, secrets, clients and issuers belong to one server each.
package oauth

import (
	"errors"
	"fmt"
	"net/http"

	oryfosite "github.com/ory/fosite"
)

var (
	// ErrSpent says that a token or code opens nothing (any more): unknown, used, expired, vetoed or revoked.
	ErrSpent = errors.New("spent")
	// ErrUnavailable says that the question could not be answered. It is never a refusal and never a grant.
	ErrUnavailable = errors.New("unavailable")
)

// An Error is a refusal in the vocabulary of RFC 6749 §5.2 and §4.1.2.1. It repeats nothing that the client sent.
type Error struct {
	Status      int    // HTTP status of a token endpoint's answer
	Code        string // the member "error"
	Description string // the member "error_description"

	// Redirect is where an authorization endpoint reports the error (RFC 6749 §4.1.2.1). It is set only once client
	// and redirect URI were found registered; while it is empty the browser stays here and sees a page.
	Redirect string

	cause error
}

// Error names the refusal and, for the log, its private cause.
func (e *Error) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("%s: %v", e.Code, e.cause)
	}
	return e.Code + ": " + e.Description
}

// Unwrap returns the private cause, which is meant for a log and not for the client.
func (e *Error) Unwrap() error { return e.cause }

// Because returns the refusal with a cause attached.
func (e *Error) Because(cause error) *Error {
	with := *e
	with.cause = cause
	return &with
}

// InvalidRequest says that a parameter is missing, repeated or malformed.
func InvalidRequest(description string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "invalid_request", Description: description}
}

// InvalidClient says that the client is unknown or did not authenticate as registered.
func InvalidClient() *Error {
	return &Error{Status: http.StatusUnauthorized, Code: "invalid_client", Description: "the client is unknown or did not authenticate"}
}

// InvalidProof says that the DPoP proof is missing or is none for this request (RFC 9449 §5).
func InvalidProof(description string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "invalid_dpop_proof", Description: description}
}

// UnauthorizedClient says that the client may not do this, whoever asks.
func UnauthorizedClient() *Error {
	return &Error{Status: http.StatusBadRequest, Code: "unauthorized_client", Description: "the client may not do this"}
}

// InvalidGrant says that a grant was refused. Every reason gives the same answer, so that nothing can be probed.
func InvalidGrant() *Error {
	return &Error{Status: http.StatusBadRequest, Code: "invalid_grant", Description: "the grant was refused"}
}

// InvalidScope says that more was asked for than a client may have.
func InvalidScope() *Error {
	return &Error{Status: http.StatusBadRequest, Code: "invalid_scope", Description: "the scope is not offered"}
}

// UnsupportedGrantType says that the endpoint does not offer the grant type.
func UnsupportedGrantType() *Error {
	return &Error{Status: http.StatusBadRequest, Code: "unsupported_grant_type", Description: "the grant type is not offered"}
}

// FromFosite turns an error of fosite into ours. fosite's hints quote claims and parameters, so they stay in the cause.
// What fosite calls a server error was no fault of the client and could not be judged: [ErrUnavailable].
func FromFosite(err error) error {
	rfc := oryfosite.ErrorToRFC6749Error(err)
	switch {
	case rfc.CodeField >= http.StatusInternalServerError:
		return fmt.Errorf("%w: %v", ErrUnavailable, err)
	case errors.Is(err, oryfosite.ErrInvalidGrant):
		return InvalidGrant().Because(err)
	case errors.Is(err, oryfosite.ErrInvalidClient):
		return InvalidClient().Because(err)
	case errors.Is(err, oryfosite.ErrInvalidScope):
		return InvalidScope().Because(err)
	}
	return InvalidRequest("the request was refused").Because(err)
}

// Redeemed turns the answer of the store that consumes a grant into an endpoint's: [ErrSpent] is a refusal like any
// other, everything else could not be told.
func Redeemed(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrSpent):
		return InvalidGrant().Because(err)
	}
	return fmt.Errorf("%w: %v", ErrUnavailable, err)
}
