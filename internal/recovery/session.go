package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/regrant/regrant/fosite/broker"
	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

// WayIn is how the browser that proved itself gets its session: one of the two.
type WayIn struct {
	Login  *broker.Login    // the identity of the login that waits at the broker, or is to be begun
	Direct *upstream.Direct // the identity provider's own answer: the session is made
}

// Session makes the way in for the browser that proved itself, and consumes no token: it comes with the login that waits.
func (s *Service) Session(ctx context.Context, txn string, browser Holder) (WayIn, error) {
	rec, err := s.take(ctx, s.called(txn), func(tx storage.Tx, rec *record) error {
		if rec.Browser == "" || rec.Browser != browser.Value {
			return ErrSpent
		}
		return awaitsSession(tx, rec)
	})
	if err != nil {
		return WayIn{}, err
	}
	return s.enter(ctx, rec, "")
}

// enter makes the way in for the browser of rec, which awaits it and holds the lease.
func (s *Service) enter(ctx context.Context, rec *record, entry string) (WayIn, error) {
	way := s.way(rec, s.Clock())
	if way.Entry = entry; rec.Answered {
		way.Entry = rec.Entry
	}
	out, err := s.makeSession(ctx, rec, way)
	if err != nil {
		return WayIn{}, err
	}
	if out.Direct != nil {
		if err := s.answered(ctx, rec, way.Entry); err != nil {
			return WayIn{}, err
		}
		return WayIn{Direct: out.Direct}, nil
	}
	return WayIn{Login: &broker.Login{
		Subject: out.BrokerSubject, Txn: rec.Txn, Lease: rec.Lease, AuthTime: rec.GrantedAt, ACR: rec.acr(), AMR: rec.amr(),
	}}, nil
}

// enterAsProgram makes the session of a program, for the holder of an access token, or hands over where the identity provider
// says that this account needs a browser now.
func (s *Service) enterAsProgram(ctx context.Context, rec *record, tok grant.AccessToken) (Completed, error) {
	way := s.way(rec, s.Clock())
	way.Program = true
	if s.assert != nil { // about this subject alone, whatever the adapter does
		way.Assert = func() (string, error) { return s.assert(way.Subject) }
	}
	out, err := s.makeSession(ctx, rec, way)
	if err != nil {
		return Completed{}, err
	}
	if out.Token == nil {
		if err := s.leave(ctx, rec); err != nil {
			return Completed{}, err
		}
		return s.handOver(ctx, rec, tok)
	}
	if err := s.answered(ctx, rec, ""); err != nil {
		return Completed{}, err
	}
	return Completed{Outcome: OutcomeSession, Token: out.Token}, nil
}

// servesPrograms reports whether the session of rec can be a program's.
func (s *Service) servesPrograms(rec *record) bool {
	served := s.Adapter.Facts().Programs
	for _, a := range rec.Actions {
		if !slices.Contains(served, a) {
			return false
		}
	}
	return true
}

// awaitsSession is nil if the session of rec may be made now.
func awaitsSession(tx storage.Tx, rec *record) error {
	switch {
	case rec.repeats(tx.Now()):
		return nil
	case rec.State == StatePrepare, rec.codeLives(tx.Now()):
		return ErrBusy
	case rec.State != StateSession:
		return ErrSpent
	}
	rec.makeSubject()
	return nil
}

// makeSubject gives the way in of rec its subject, which is fresh for this recovery and stored before the way is made, so that a crash in
// between leaves nothing that nobody knows of.
func (r *record) makeSubject() {
	if r.Subject == "" {
		r.Subject = newSecret()
	}
}

// leave leaves the session of held to whoever asks for it next.
func (s *Service) leave(ctx context.Context, held *record) error {
	switch {
	case held.Lease == "":
		return nil
	case held.State == StatePrepare:
		_, err := s.moveOn(ctx, held, StateSession)
		return err
	default:
		return s.release(ctx, held)
	}
}

// Leave is for a login of [Service.Session] or [Service.Continue] that could not be answered: whoever asks next has it made anew, and need not
// wait for the lease to run out.
func (s *Service) Leave(ctx context.Context, l *broker.Login) error {
	rec, err := s.view(context.WithoutCancel(ctx), l.Txn)
	if err != nil || rec.Lease != l.Lease {
		return err // a code is out, or somebody else has it
	}
	return s.leave(ctx, rec)
}

// makeSession has the identity provider make the way in. No outcome says that a program's account needs a browser.
func (s *Service) makeSession(ctx context.Context, rec *record, way upstream.Session) (out upstream.Outcome, err error) {
	making := step{"session", func(s *Service, ctx context.Context, _ *record) (err error) {
		out, err = s.Adapter.Session(ctx, way)
		if way.Program && errors.Is(err, upstream.ErrUnsupported) {
			return nil
		}
		if err != nil {
			return err
		}
		if way.Program && out.Token == nil || !way.Program && s.Adapter.Facts().Direct != (out.Direct != nil) {
			return fmt.Errorf("%w: the adapter's outcome is none of those that its facts name", upstream.ErrUnavailable)
		}
		return nil
	}}
	err = s.do(ctx, rec, making, s.leave)
	return out, err
}

// answered commits that the session stands, before anybody gets it. A veto that came meanwhile keeps it back, and the sweeper
// takes it away.
func (s *Service) answered(ctx context.Context, held *record, entry string) error {
	_, err := s.unlessBarred(ctx, held, func(tx storage.Tx, rec *record) error {
		rec.Lease = ""
		if rec.State == StateFinish { // asked for again, which gives no more time to ask or to set a credential
			return s.keep(tx, rec)
		}
		rec.RedeemedAt, rec.Answered, rec.Entry = tx.Now(), true, entry
		return s.move(tx, rec, StateFinish, journal.KindRecoverySession, nil)
	})
	s.poke()
	return err
}
