package gateway

import (
	"encoding/base64"
	"errors"
	"net/http"
	"slices"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/policy"
	"github.com/regrant/regrant/internal/recovery"
	"github.com/regrant/regrant/internal/strictjson"
	"github.com/regrant/regrant/internal/wire"
)

// initiate begins a recovery. Nothing is stored and no identity provider is asked, so the answer is one for all identifiers; where
// passkeys are named it differs in their ids, which every identifier has, decoys among them.
func (g *Gateway) initiate(w http.ResponseWriter, r *http.Request) error {
	network, err := g.network(r)
	if err != nil {
		return err
	}
	holder, err := g.holder(r)
	if err != nil && !errors.Is(err, errNoCookie) {
		return err
	}
	newcomer := err != nil
	var in wire.InitiateRequest
	if err := readJSON(r, &in); err != nil {
		return err
	}
	req, err := g.wish(in)
	if err != nil {
		return err
	}
	if newcomer {
		holder.Holder, _ = ensureHolder(w, r)
	}
	if req.ClientID, err = g.clientOf(holder.Holder, in.ClientID); err != nil {
		return err
	}
	req.Holder, req.Network = holder.Holder, network
	begun, err := g.Recovery.Initiate(r.Context(), req)
	if err != nil {
		return err
	}
	return writeJSON(w, initiated(begun))
}

// wish reads who wants what.
func (g *Gateway) wish(in wire.InitiateRequest) (recovery.InitiateRequest, error) {
	account, err := attest.ParseIdentifier(in.AccountIdentifier)
	if err != nil {
		return recovery.InitiateRequest{}, malformed("/account_identifier", "This cannot be an account identifier.")
	}
	actions, err := attest.ParseActions(in.Actions)
	if err != nil {
		return recovery.InitiateRequest{}, malformed("/actions", "These are not known actions, each named once.")
	}
	for _, a := range actions {
		if a != attest.ActionRehearse && !slices.Contains(g.Adapter.Facts().Actions, a) {
			return recovery.InitiateRequest{}, &problemError{
				status: http.StatusBadRequest, code: wire.ProblemActionNotOffered, member: "/actions", detail: "An action is not offered here.",
			}
		}
	}
	if len(actions) > 1 && slices.Contains(actions, attest.ActionRehearse) {
		return recovery.InitiateRequest{}, malformed("/actions", "A rehearsal does nothing to the account: ask for it alone.")
	}
	if policy.NeedsSignIn(actions) {
		return recovery.InitiateRequest{}, malformed("/actions", "A new credential is set by the person who signs in: ask for sign-in too.")
	}
	return recovery.InitiateRequest{Account: account, Actions: actions}, nil
}

// clientOf is the client that may redeem: a browser is always the built-in one, a program names a configured one or is the
// built-in one.
func (g *Gateway) clientOf(h recovery.Holder, asked string) (string, error) {
	client := grant.ClientBrowser
	if h.Kind == recovery.HolderProgram {
		client = grant.ClientDevice
	}
	switch {
	case asked == "" || asked == client:
		return client, nil
	case h.Kind == recovery.HolderProgram && g.Grant.HasClient(asked):
		return asked, nil
	}
	return "", malformed("/client_id", "This client is not known.")
}

func initiated(begun recovery.Initiated) wire.InitiateResponse {
	return wire.InitiateResponse{
		RecoveryID: begun.RecoveryID,
		Statement:  begun.Statement.Text(),
		Nonce:      base64.RawURLEncoding.EncodeToString(begun.Statement.Nonce[:]),
		ExpiresIn:  seconds(begun.ExpiresIn),
		Methods:    offers(begun.Methods),
	}
}

func offers(methods []recovery.Offer) []wire.MethodOffer {
	out := make([]wire.MethodOffer, len(methods))
	for i, m := range methods {
		out[i] = wire.MethodOffer{Method: string(m.Method), Options: m.Options}
	}
	return out
}

// attest brings proofs.
func (g *Gateway) attest(w http.ResponseWriter, r *http.Request) error {
	network, err := g.network(r)
	if err != nil {
		return err
	}
	holder, err := g.knownHolder(r)
	if err != nil {
		return err
	}
	in, proofs, bad, err := readEvidence(r)
	if err != nil {
		return err
	}
	came, err := g.Recovery.Attest(r.Context(), recovery.AttestRequest{
		RecoveryID: in.RecoveryID, Holder: holder.Holder, Proof: holder.proof, Evidence: proofs, Network: network, Connection: connection(r),
	})
	if bad != nil && (errors.Is(err, recovery.ErrExpired) || errors.Is(err, recovery.ErrStale)) {
		return bad // there is no recovery in which anything could be refused
	}
	if err != nil {
		return err
	}
	return writeJSON(w, attested(came))
}

// readEvidence reads the body of an attest. Where only the evidence in it cannot be read, that is bad evidence like any other, which
// burns the recovery and is journalled: it is returned as one piece that nobody can read, with what is wrong with it.
func readEvidence(r *http.Request) (in wire.AttestRequest, proofs []attest.Evidence, bad, err error) {
	body, err := readBody(r, jsonType)
	if err != nil {
		return in, nil, nil, err
	}
	if err := strictjson.Decode(body, &in); err != nil {
		id, ok := wire.BeforeEvidence(body, err)
		if !ok {
			return in, nil, nil, err
		}
		return wire.AttestRequest{RecoveryID: id}, []attest.Evidence{{}}, err, nil
	}
	if err := required("/recovery_id", in.RecoveryID); err != nil {
		return in, nil, nil, err
	}
	if proofs, err = in.Proofs(); err != nil {
		return in, []attest.Evidence{{}}, malformedEvidence(), nil
	}
	return in, proofs, nil, nil
}

func malformedEvidence() *problemError {
	return malformed("/evidence", "One to eight pieces of evidence, each naming its method, are needed.")
}

// attested is what is said of accepted proofs.
func attested(came recovery.Attested) wire.AttestResponse {
	out := wire.AttestResponse{Outcome: string(came.Outcome), Reference: came.Reference, ExpiresIn: seconds(came.ExpiresIn)}
	switch came.Outcome {
	case recovery.OutcomeGranted:
		out.RecoveryToken, out.ReplacementCodes = came.Token, came.Replacements
	case recovery.OutcomeMore:
		out.RecoveryID, out.Statement, out.Methods = came.RecoveryID, came.Statement.Text(), offers(came.Methods)
		out.Nonce = base64.RawURLEncoding.EncodeToString(came.Statement.Nonce[:])
	}
	return out
}

// status tells the holder where a recovery stands.
func (g *Gateway) status(w http.ResponseWriter, r *http.Request) error {
	holder, err := g.knownHolder(r)
	if err != nil {
		return err
	}
	var in wire.StatusRequest
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if err := required("/recovery_id", in.RecoveryID); err != nil {
		return err
	}
	st, err := g.Recovery.Status(r.Context(), in.RecoveryID, holder.Holder)
	if err != nil {
		return err
	}
	return writeJSON(w, wire.StatusResponse{State: string(st.State), Reference: st.Reference})
}
