package recovery

import (
	"context"
	"errors"
	"time"

	"github.com/regrant/regrant/storage"
)

// StateOpen is what Status says of a recovery that nobody has proved anything for yet. It is never stored.
const StateOpen State = "open"

// Status is where a recovery stands.
type Status struct {
	State     State
	Reference string
}

// Status tells its holder where a recovery stands.
func (s *Service) Status(ctx context.Context, recoveryID string, h Holder) (Status, error) {
	rec, err := s.standing(ctx, recoveryID, h)
	switch {
	case errors.Is(err, ErrSpent): // nothing proved: not attested yet, or refused, which the attest has said
		return Status{State: StateOpen}, nil
	case err != nil:
		return Status{}, err
	}
	return Status{State: rec.State, Reference: rec.Reference}, nil
}

// standing finds the record that a recovery_id in the hands of h leads to.
func (s *Service) standing(ctx context.Context, recoveryID string, h Holder) (rec *record, err error) {
	if !isStored(recoveryID) {
		_, st, err := s.open(recoveryID, h)
		if err != nil {
			return nil, err
		}
		return s.view(ctx, st.Recovery)
	}
	err = s.DB.View(ctx, func(r storage.Reader) error {
		if rec, err = s.ofID(r, recoveryID); err == nil && rec.Holder != h {
			err = ErrHolder
		}
		return err
	})
	return rec, settle("reading a recovery", err)
}

// Summary is one recovery as operators see it. It opens nothing.
type Summary struct {
	Txn       string    `json:"txn"`
	Reference string    `json:"reference"`
	State     State     `json:"state"`
	Account   string    `json:"account"`
	Device    string    `json:"device"`
	Actions   []string  `json:"actions"`
	Network   string    `json:"network"`
	GrantedAt time.Time `json:"granted_at"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
}

// Recent lists at most limit recoveries that were granted, newest first.
func (s *Service) Recent(ctx context.Context, limit int) (out []Summary, err error) {
	err = s.DB.View(ctx, func(r storage.Reader) error {
		out = nil
		for entry, err := range r.Scan(s.recent(), nil, limit) {
			if err != nil {
				return err
			}
			rec, err := s.table.Get(r, entry.Value)
			switch {
			case errors.Is(err, storage.ErrNotFound): // past its retention
			case err != nil:
				return err
			default:
				out = append(out, rec.summary())
			}
		}
		return nil
	})
	return out, err
}

func (r *record) summary() Summary {
	return Summary{
		Txn: r.Txn, Reference: r.Reference, State: r.State, Account: r.Identifier, Device: r.Device,
		Actions: words(r.Actions), Network: r.Network, GrantedAt: r.GrantedAt, EndedAt: r.EndedAt,
	}
}
