package recovery

import (
	"context"
	"errors"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

// Handoff is a one-time code with which a program's recovery goes on in a browser on the same machine.
type Handoff struct {
	Code      string
	ExpiresIn time.Duration
}

// Handoff gives the holder of a recovery token such a code. The token stays unconsumed until the browser brings it.
func (s *Service) Handoff(ctx context.Context, token string, h Holder) (Handoff, error) {
	claims, err := s.minter.Verify(token)
	if err != nil {
		return Handoff{}, ErrSpent
	}
	if h.Kind != HolderProgram || claims.Thumbprint != h.Value {
		return Handoff{}, ErrHolder
	}
	code := newSecret()
	err = s.DB.Update(ctx, func(tx storage.Tx) error {
		rec, err := s.load(tx, claims.Txn)
		if err != nil {
			return err
		}
		if rec.State != StateGranted || rec.JTI != claims.JTI || rec.Holder != h || !tx.Now().Before(rec.TokenExpires) {
			return ErrSpent
		}
		if err := s.allowed(tx, rec); err != nil {
			return err
		}
		s.setHandoff(rec, code, tx.Now())
		return s.table.Put(tx, rec)
	})
	if err != nil {
		return Handoff{}, settle("handing over", err)
	}
	return Handoff{Code: code, ExpiresIn: handoffLife}, nil
}

// setHandoff replaces the code of rec. Only a keyed hash is kept: whoever reads the store cannot continue.
func (s *Service) setHandoff(rec *record, code string, now time.Time) {
	rec.Handoff, rec.HandoffExpires = s.handoffHash(code), now.Add(handoffLife)
}

func (s *Service) handoffHash(code string) []byte {
	return s.Ring.MAC(keys.Handle, []byte("handoff"), []byte(code))
}

// byHandoff finds the recovery that code continues.
func (s *Service) byHandoff(r storage.Reader, code string) (*record, error) {
	rec, err := s.table.By(r, byHandoff, s.handoffHash(code))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, ErrSpent
	}
	if err != nil {
		return nil, err
	}
	if rec.State.Final() || !r.Now().Before(rec.HandoffExpires) {
		return nil, ErrSpent
	}
	return rec, nil
}

// Description is what the confirmation names, so that nobody continues somebody else's recovery unawares.
type Description struct {
	Account   string
	Device    string
	Reference string
	Actions   []attest.Action
}

func (r *record) description() Description {
	return Description{Account: r.Identifier, Device: r.Device, Reference: r.Reference, Actions: r.Actions}
}

// Describe tells what code would continue. It consumes nothing.
func (s *Service) Describe(ctx context.Context, code string) (d Description, err error) {
	err = s.DB.View(ctx, func(r storage.Reader) error {
		rec, err := s.byHandoff(r, code)
		if err != nil {
			return err
		}
		d = rec.description()
		return nil
	})
	return d, settle("reading a handoff", err)
}

// Outcomes of a completion through the API.
const (
	OutcomeDone    = "done"    // nothing is left to do
	OutcomeHandoff = "handoff" // the upstream makes sessions in browsers only: continue there with the code
	OutcomeSession = "session" // with the token that the upstream gave
)

// Completed is what came of [Service.Complete].
type Completed struct {
	Outcome   string
	Code      string
	ExpiresIn time.Duration
	Token     *upstream.Token
}

// Complete runs the completion for the holder of an access token. When a step could not be done it can be asked for again,
// and as long as the token lives and no browser has come, so can an answer that got lost: it is the same again, with a new
// handoff code instead of the one before, so one browser joins at most. An upstream that makes its sessions in a browser
// only gets the browser by that code; of any other the program gets what stands for a session there.
func (s *Service) Complete(ctx context.Context, tok grant.AccessToken) (Completed, error) {
	rec, err := s.take(ctx, s.called(tok.Txn), func(tx storage.Tx, rec *record) error {
		if !rec.completing() && !rec.repeats(tx.Now()) || rec.Browser != "" || !rec.opens(tok, tx.Now()) {
			return ErrSpent
		}
		if s.servesPrograms(rec) && rec.signsIn() {
			rec.makeSubject()
		}
		return nil
	})
	if errors.Is(err, ErrSpent) { // perhaps it is done already
		return s.completed(ctx, tok)
	}
	if err != nil {
		return Completed{}, err
	}
	enter := s.servesPrograms(rec)
	rec, err = s.advance(ctx, rec, enter)
	if err != nil {
		return Completed{}, err
	}
	switch {
	case rec.State == StateDone:
		return s.completed(ctx, tok)
	case enter:
		return s.enterAsProgram(ctx, rec, tok)
	default:
		return s.handOver(ctx, rec, tok)
	}
}

// opens reports whether tok is the access token of r and may still be used.
func (r *record) opens(tok grant.AccessToken, now time.Time) bool {
	return r.Access != nil && r.Access.Signature == tok.Signature && now.Before(r.Access.ExpiresAt)
}

// completed answers that nothing is left to do. One that ended in a session was the browser's.
func (s *Service) completed(ctx context.Context, tok grant.AccessToken) (Completed, error) {
	rec, err := s.view(ctx, tok.Txn)
	switch {
	case err != nil:
		return Completed{}, err
	case rec.State != StateDone || rec.signsIn() || !rec.opens(tok, s.Clock()):
		return Completed{}, ErrSpent
	}
	return Completed{Outcome: OutcomeDone}, nil
}

// handOver makes the code for the browser and gives the lease of held back. It takes none from a call of the same program that
// makes its session meanwhile.
func (s *Service) handOver(ctx context.Context, held *record, tok grant.AccessToken) (Completed, error) {
	code := newSecret()
	err := s.DB.Update(ctx, func(tx storage.Tx) error {
		rec, err := s.load(tx, tok.Txn)
		if err != nil {
			return err
		}
		if rec.State != StateSession || rec.Browser != "" || !rec.opens(tok, tx.Now()) {
			return ErrSpent
		}
		if rec.leased(tx.Now()) && rec.Lease != held.Lease {
			return ErrBusy
		}
		s.setHandoff(rec, code, tx.Now())
		rec.Lease = ""
		return s.keep(tx, rec)
	})
	if err != nil {
		return Completed{}, settle("handing over", err)
	}
	return Completed{Outcome: OutcomeHandoff, Code: code, ExpiresIn: handoffLife}, nil
}
