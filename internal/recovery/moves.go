package recovery

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/observe"
	"github.com/regrant/regrant/storage"
)

// begin takes rec to the first state that it is stored in, or from [StateProving] on to what comes after.
func (s *Service) begin(tx storage.Tx, rec *record, to State, kind journal.Kind, detail map[string]string) error {
	if rec.State != "" {
		return s.move(tx, rec, to, kind, detail)
	}
	if !mayMove("", to) {
		return fmt.Errorf("recovery may not begin as %q", to)
	}
	rec.State = to
	if to.Final() {
		rec.EndedAt = tx.Now()
	}
	observe.Entered(tx, string(to))
	if err := s.table.Insert(tx, rec); err != nil {
		return err
	}
	return s.follow(tx, rec, kind, detail)
}

// recent is where the latest grants are found, newest first.
func (s *Service) recent() []byte { return []byte(s.Namespace + "/recent/") }

func (s *Service) remember(tx storage.Tx, rec *record) error {
	key := binary.BigEndian.AppendUint64(s.recent(), math.MaxInt64-uint64(rec.GrantedAt.UnixMicro()))
	return tx.Insert(append(key, rec.Txn...), []byte(rec.Txn), rec.GrantedAt.Add(retention))
}

// move takes rec to another state inside tx: the record, the timer that picks it up after a crash, the journal entry
// and the message belong together. kind may be empty for moves that concern nobody but ourselves.
func (s *Service) move(tx storage.Tx, rec *record, to State, kind journal.Kind, detail map[string]string) error {
	if !mayMove(rec.State, to) {
		return fmt.Errorf("recovery may not move from %q to %q", rec.State, to)
	}
	rec.State, rec.Tries, rec.Done = to, 0, 0
	observe.Entered(tx, string(to))
	if to.Final() {
		rec.EndedAt, rec.Lease, rec.Code, rec.Handoff, rec.Entry, rec.Proofs, rec.IDHash = tx.Now(), "", nil, nil, "", nil, nil
	}
	if err := s.table.Put(tx, rec); err != nil {
		return err
	}
	return s.follow(tx, rec, kind, detail)
}

// follow writes what belongs to the state that rec has just reached: timer, message and journal entry.
func (s *Service) follow(tx storage.Tx, rec *record, kind journal.Kind, detail map[string]string) error {
	if err := s.schedule(tx, rec); err != nil {
		return err
	}
	if m := messageOf(rec); m != "" {
		if err := s.Outbox.Put(tx, s.message(rec, m)); err != nil {
			return err
		}
	}
	if kind == "" {
		return nil
	}
	return s.journal(tx, rec, kind, detail)
}

// schedule sets when the sweeper looks at rec again, if nobody moves it before. While somebody does a step it waits for
// the lease to run out; a step that could not be done is tried again after a growing pause.
func (s *Service) schedule(tx storage.Tx, rec *record) error {
	id, now := []byte(rec.Txn), tx.Now()
	switch {
	case rec.State.Final():
		return s.timers.Clear(tx, id)
	case rec.leased(now), rec.State == StatePrepare && rec.Tries == 0: // just redeemed: whoever did goes on by himself
		return s.timers.Set(tx, id, rec.LeaseUntil)
	case rec.State == StateGranted:
		return s.timers.Set(tx, id, rec.TokenExpires)
	case rec.State == StateProving:
		return s.timers.Set(tx, id, rec.Deadline)
	case rec.State == StateSession: // looked at from time to time, so that a veto takes the way in away
		return s.timers.Set(tx, id, now.Add(leaseLife))
	default:
		return s.timers.Set(tx, id, now.Add(rec.pause(now)))
	}
}

// pause is the time until the next try: 1 s doubling to 30 s. The way in is to be taken away within 60 s, so until
// then finishing is tried every 2 s.
func (r *record) pause(now time.Time) time.Duration {
	most := 30 * time.Second
	if r.State == StateFinish && now.Before(r.RedeemedAt.Add(time.Minute)) {
		most = 2 * time.Second
	}
	return min(time.Second<<min(r.Tries, 5), most)
}

func (s *Service) journal(tx storage.Tx, rec *record, kind journal.Kind, detail map[string]string) error {
	return s.Journal.Append(tx, journal.Entry{
		Kind: kind, Upstream: s.Namespace, Txn: rec.Txn, Reference: rec.Reference,
		AccountID: rec.AccountID, Authenticator: strings.Join(rec.Authenticators, " "), Detail: detail,
	})
}

// tokenClaims is what the recovery token of rec says. A browser holds a cookie and no key: the hash of its secret stands where a key's
// thumbprint would, which no key has, so that its token is of no use at the token endpoint, whoever may have it.
func (s *Service) tokenClaims(rec *record) grant.Recovery {
	return grant.Recovery{
		Subject: rec.AccountID, ClientID: rec.ClientID, Txn: rec.Txn, JTI: rec.JTI, Scope: scope,
		ACR: rec.acr(), AMR: rec.amr(), AuthTime: rec.GrantedAt, IssuedAt: rec.GrantedAt, ExpiresAt: rec.TokenExpires,
		Thumbprint: rec.Holder.Value, CertificateSHA256: rec.Certificate,
	}
}

func encodeThumbprint(sum []byte) string { return base64.RawURLEncoding.EncodeToString(sum) }
