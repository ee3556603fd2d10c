package recovery

import (
	"bytes"
	"cmp"
	"context"
	"errors"

	"github.com/regrant/regrant/storage"
)

// ContinueRequest is a browser that goes on with a recovery.
type ContinueRequest struct {
	Code    string // of a handoff; empty: resume what this browser had begun
	Browser Holder
	Enter   bool   // the session is to be made at once, where one is
	Entry   string // what it came to us with, see [upstream.Verdict]
}

// Ready says what is left to do.
type Ready struct {
	Txn    string
	SignIn bool   // a session is what is left to do; else everything is done
	Way    *WayIn // into the session that was asked for; nil: it is to be made with [Service.Session]
}

// Continue makes this browser the one that ends the recovery, consumes the recovery token unless the token endpoint did,
// and does the steps that come before the session. With ErrUnavailable the completion stays open; if Ready names its
// txn, the code is consumed and the same browser resumes without it.
func (s *Service) Continue(ctx context.Context, req ContinueRequest) (Ready, error) {
	if req.Browser.Kind != HolderBrowser || req.Browser.Value == "" {
		return Ready{}, ErrHolder
	}
	rec, err := s.claim(ctx, req)
	if rec != nil && (err != nil || rec.State == StateDone) {
		return Ready{Txn: rec.Txn}, err
	}
	if err != nil {
		return Ready{}, err
	}
	ready := Ready{Txn: rec.Txn}
	rec, err = s.advance(ctx, rec, req.Enter)
	if err != nil {
		return ready, err
	}
	ready.SignIn = rec.State != StateDone
	if !req.Enter || !ready.SignIn {
		return ready, s.leave(ctx, rec)
	}
	way, err := s.enter(ctx, rec, req.Entry)
	if err == nil {
		ready.Way = &way
	}
	return ready, err
}

// claim takes the lease for this browser: with a code, or on what it holds. A code that this very browser has used, whose
// answer got lost or whose button was pressed twice, is busy and not spent: without the code it goes on. A recovery that
// is done is returned as it is.
func (s *Service) claim(ctx context.Context, req ContinueRequest) (*record, error) {
	if req.Code == "" {
		rec, err := s.ofBrowser(ctx, req.Browser)
		if err != nil || rec.State == StateDone {
			return rec, err
		}
		return s.take(ctx, s.called(rec.Txn), func(tx storage.Tx, rec *record) error {
			return req.entering(rec, s.resumes(tx, rec, req.Browser))
		})
	}
	rec, err := s.take(ctx, func(r storage.Reader) (*record, error) { return s.byHandoff(r, req.Code) }, func(tx storage.Tx, rec *record) error {
		return req.entering(rec, s.join(tx, rec, req))
	})
	if !errors.Is(err, ErrSpent) {
		return rec, err
	}
	joined, err := s.ofBrowser(ctx, req.Browser)
	switch {
	case err != nil || !bytes.Equal(joined.Joined, s.handoffHash(req.Code)):
		return nil, cmp.Or(err, ErrSpent)
	case joined.State == StateDone:
		return joined, nil
	default:
		return joined, ErrBusy
	}
}

// entering gives rec its subject where the session is to be made at once and nothing, err, keeps the browser out.
func (req ContinueRequest) entering(rec *record, err error) error {
	if err == nil && req.Enter && rec.signsIn() {
		rec.makeSubject()
	}
	return err
}

// resumes is nil if browser may go on with what it has begun. While its code is out the answer is on its way.
func (s *Service) resumes(tx storage.Tx, rec *record, browser Holder) error {
	switch {
	case rec.Browser != browser.Value:
		return ErrSpent
	case rec.State == StateGranted: // the browser that proved itself: its POST is what consumes the token
		return s.redeem(tx, rec, rec.JTI, "browser")
	case rec.repeats(tx.Now()):
		return nil
	case !rec.completing():
		return ErrSpent
	case rec.codeLives(tx.Now()):
		return ErrBusy
	default:
		return nil
	}
}

// join consumes the handoff code, and with it the token: in one transaction, so that of all who race one wins.
func (s *Service) join(tx storage.Tx, rec *record, req ContinueRequest) error {
	hash := s.handoffHash(req.Code)
	if !bytes.Equal(rec.Handoff, hash) || !tx.Now().Before(rec.HandoffExpires) || rec.Browser != "" {
		return ErrSpent
	}
	rec.Handoff, rec.Browser, rec.Joined = nil, req.Browser.Value, hash
	switch {
	case rec.State == StateGranted:
		return s.redeem(tx, rec, rec.JTI, "browser")
	case rec.completing():
		return nil
	default:
		return ErrSpent
	}
}

// ofBrowser finds the newest recovery that this browser may go on with.
func (s *Service) ofBrowser(ctx context.Context, browser Holder) (found *record, err error) {
	if browser.Kind != HolderBrowser || browser.Value == "" {
		return nil, ErrSpent
	}
	err = s.DB.View(ctx, func(r storage.Reader) error {
		found = nil
		for rec, err := range s.table.Each(r, byBrowser, []byte(browser.Value), 0) {
			if err != nil {
				return err
			}
			if rec.State == StateFinish && !rec.repeats(r.Now()) {
				continue
			}
			if found == nil || rec.GrantedAt.After(found.GrantedAt) {
				found = rec
			}
		}
		if found == nil {
			return ErrSpent
		}
		return nil
	})
	return found, settle("looking up the browser's recovery", err)
}

// Pending describes the recovery that this browser may go on with; ErrSpent when there is none.
func (s *Service) Pending(ctx context.Context, browser Holder) (Description, error) {
	rec, err := s.ofBrowser(ctx, browser)
	if err != nil {
		return Description{}, err
	}
	return rec.description(), nil
}

// ReadyFor finds this browser's recovery that waits for its session, or for what comes before it; ok is false when there is none.
func (s *Service) ReadyFor(ctx context.Context, browser Holder) (txn string, ok bool, err error) {
	rec, err := s.ofBrowser(ctx, browser)
	switch {
	case errors.Is(err, ErrSpent):
		return "", false, nil
	case err != nil:
		return "", false, err
	}
	return rec.Txn, rec.completing() && !rec.codeLives(s.Clock()), nil
}
