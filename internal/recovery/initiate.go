package recovery

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/netip"
	"time"

	"github.com/regrant/regrant/attest"
)

// InitiateRequest is a wish to recover: nobody has proved anything yet.
type InitiateRequest struct {
	Account  attest.Identifier
	Actions  []attest.Action
	ClientID string // who may redeem
	Holder   Holder
	Network  netip.Prefix // shown in the statement
}

// Initiated is what the claimant gets to sign.
type Initiated struct {
	RecoveryID string
	Statement  attest.Statement
	ExpiresIn  time.Duration
	Methods    []Offer
}

// sealed is the content of a recovery_id.
type sealed struct {
	Statement string `json:"s"`
	ClientID  string `json:"c"`
	Holder    Holder `json:"h"`
}

// Initiate makes a recovery_id and its statement. It writes nothing and asks nobody, and reads only for methods that name handles, as much
// for one identifier as for another. So it costs and tells the same for all.
func (s *Service) Initiate(ctx context.Context, req InitiateRequest) (Initiated, error) {
	named, err := s.named(ctx, req.Account)
	if err != nil {
		return Initiated{}, err
	}
	now := s.Clock().UTC().Truncate(time.Second)
	st := attest.Statement{
		Issuer:    s.Issuer,
		Account:   req.Account,
		Actions:   req.Actions,
		Recovery:  attest.NewRecoveryID(),
		Holder:    req.Holder.Value,
		Requested: now,
		Network:   req.Network,
		Expires:   now.Add(statementLife),
	}
	_, _ = rand.Read(st.Nonce[:]) // never fails (crypto/rand)
	id, err := json.Marshal(sealed{Statement: st.Text(), ClientID: req.ClientID, Holder: req.Holder})
	if err != nil {
		return Initiated{}, unavailable("sealing a recovery", err)
	}
	return Initiated{
		RecoveryID: s.box.Seal(id, s.recoveryAD()),
		Statement:  st,
		ExpiresIn:  statementLife,
		Methods:    s.offers(st, s.Verifier.Methods(), named),
	}, nil
}

// Again initiates anew what h has initiated with a recovery_id, whose age does not matter, nor whether it was used: nothing is proved in
// either. network is where h is now.
func (s *Service) Again(ctx context.Context, id string, h Holder, network netip.Prefix) (Initiated, error) {
	in, st, err := s.unseal(id)
	if err != nil {
		return Initiated{}, err
	}
	if in.Holder != h {
		return Initiated{}, ErrHolder
	}
	return s.Initiate(ctx, InitiateRequest{Account: st.Account, Actions: st.Actions, ClientID: in.ClientID, Holder: h, Network: network})
}

// open reads a recovery_id that h brings. Whatever is wrong with it is one answer, but for its age.
func (s *Service) open(id string, h Holder) (sealed, attest.Statement, error) {
	in, st, err := s.unseal(id)
	switch {
	case err != nil:
		return sealed{}, attest.Statement{}, err
	case in.Holder != h: // a recovery belongs to whoever started it: a recovery_id that leaked opens nothing, and burns nothing
		return in, st, ErrHolder
	case !s.Clock().Before(st.Expires):
		return sealed{}, attest.Statement{}, ErrStale
	}
	return in, st, nil
}

func (s *Service) unseal(id string) (sealed, attest.Statement, error) {
	plain, err := s.box.Open(id, s.recoveryAD())
	if err != nil {
		return sealed{}, attest.Statement{}, ErrExpired
	}
	var in sealed
	if err := json.Unmarshal(plain, &in); err != nil {
		return sealed{}, attest.Statement{}, ErrExpired
	}
	st, err := attest.ParseStatement(in.Statement)
	if err != nil {
		return sealed{}, attest.Statement{}, ErrExpired
	}
	return in, st, nil
}

// recoveryAD binds a recovery_id to its purpose, version, issuer and upstream.
func (s *Service) recoveryAD() []byte {
	return []byte("recovery-id\x00v1\x00" + s.Issuer + "\x00" + s.Namespace)
}
