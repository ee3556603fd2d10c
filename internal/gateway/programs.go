package gateway

import (
	"errors"
	"net/http"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/authority"
	"github.com/regrant/regrant/internal/wire"
)

// challenge begins to bind what a program made, such as the keys of a TPM, for an activation code.
func (g *Gateway) challenge(w http.ResponseWriter, r *http.Request) error {
	if r.Header.Get("Origin") != "" { // as in enroll
		return errRefused
	}
	var in wire.ChallengeRequest
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if err := required("/activation_code", in.ActivationCode); err != nil {
		return err
	}
	if err := required("/method", in.Method); err != nil {
		return err
	}
	if err := required("/evidence", string(in.Evidence)); err != nil {
		return err
	}
	begun, err := g.Programs.Begin(r.Context(), in.ActivationCode, attest.Method(in.Method), in.Evidence)
	if err != nil {
		return err
	}
	return writeJSON(w, wire.ChallengeResponse{State: begun.State, Options: begun.Options, Account: begun.Account})
}

// enrollMade ends what challenge began.
func (g *Gateway) enrollMade(w http.ResponseWriter, r *http.Request, in wire.EnrollRequest) error {
	switch {
	case in.CSR != "":
		return malformed("/csr", "With a state, no certificate is issued.")
	case in.CertificateChain != nil:
		return malformed("/certificate_chain", "With a state, no certificate is bound.")
	}
	if err := required("/activation_code", in.ActivationCode); err != nil {
		return err
	}
	if err := required("/evidence", string(in.Evidence)); err != nil {
		return err
	}
	out, err := g.Programs.Finish(r.Context(), in.ActivationCode, in.State, in.Label, in.Evidence)
	if errors.Is(err, authority.ErrKeyBound) {
		return errBound
	}
	if err != nil {
		return err
	}
	return writeEnrolled(w, out)
}
