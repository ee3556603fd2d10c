package login

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

// secretSize is 256 bits, in bytes.
const secretSize = 32

// Session is one person who has signed in for self-service. Only [Service] makes one; the zero value is nobody's and
// opens nothing.
type Session struct{ r record }

// AccountID is the stable id at the identity provider.
func (s Session) AccountID() string { return s.r.AccountID }

// Identifiers are the names under which the account can be recovered. None: the identity provider tells none.
func (s Session) Identifiers() []string { return slices.Clone(s.r.Identifiers) }

// Name is what to call the account on a page.
func (s Session) Name() string {
	if len(s.r.Identifiers) == 0 {
		return s.r.AccountID
	}
	return s.r.Identifiers[0]
}

// AuthenticatedAt is when the person signed in, by the clock of [Config].
func (s Session) AuthenticatedAt() time.Time { return s.r.AuthenticatedAt }

// EndsAt is when the session ends by itself.
func (s Session) EndsAt() time.Time { return s.r.Expires }

// Assurance is what the sign-in proves at least.
func (s Session) Assurance() upstream.Assurance { return s.r.Assurance }

// Best is what the account's own credentials reach at least, as the identity provider told at the sign-in; zero: it did not tell.
func (s Session) Best() upstream.Assurance { return s.r.Best }

// ACR and AMR are the identity provider's own words for how the person signed in, for the journal.
func (s Session) ACR() string   { return s.r.ACR }
func (s Session) AMR() []string { return slices.Clone(s.r.AMR) } //nolint:revive // described with ACR

// Recovery tells that the login was begun to end a recovery.
func (s Session) Recovery() bool { return s.r.Recovery }

// record is a session as it is stored. It stays until it expires, ended or not, so that the answer of its login begins no
// second one.
type record struct {
	ID              []byte             `json:"id"`    // keyed hash of the cookie's secret
	Login           []byte             `json:"login"` // keyed hash of the state that it answers
	AccountID       string             `json:"account_id"`
	Epoch           uint64             `json:"epoch"` // of the account when the session began
	Identifiers     []string           `json:"identifiers,omitempty"`
	AuthenticatedAt time.Time          `json:"authenticated_at"`
	ACR             string             `json:"acr,omitempty"`
	AMR             []string           `json:"amr,omitempty"`
	Assurance       upstream.Assurance `json:"assurance"`
	Best            upstream.Assurance `json:"best"`
	Recovery        bool               `json:"recovery,omitempty"`
	Expires         time.Time          `json:"expires"`
	Ended           bool               `json:"ended,omitempty"`
}

func newTable(namespace string, sealer storage.Sealer) *storage.Table[record] {
	return storage.NewTable(storage.TableConfig[record]{
		Name:    namespace + "/self-session",
		Version: 1,
		ID:      func(r *record) []byte { return r.ID },
		Expires: func(r *record) time.Time { return r.Expires },
		Indexes: []storage.Index[record]{{Name: "login", Unique: true, Keys: func(r *record) [][]byte { return [][]byte{r.Login} }}},
		Sealer:  sealer,
	})
}

// begin stores the session of who signed in with t, and ends the one that it follows.
func (s *Service) begin(ctx context.Context, id []byte, t transaction, who upstream.Principal) (Session, error) {
	r := record{
		ID: id, Login: s.hash(t.Login.State), AccountID: who.AccountID, Identifiers: names(who.Identifiers),
		AuthenticatedAt: who.AuthenticatedAt.UTC(), ACR: who.ACR, AMR: who.AMR, Recovery: t.Login.Recovery,
		Assurance: assess(s.Provider.Facts().ACR, who, t.Login.Recovery), Best: who.Best,
	}
	err := s.DB.Update(ctx, func(tx storage.Tx) (err error) {
		if r.Epoch, err = s.Accounts.Epoch(tx, r.AccountID); err != nil {
			return err
		}
		if err := s.end(tx, t.Replaces); err != nil {
			return err
		}
		r.Expires = tx.Now().Add(Life).UTC()
		return s.sessions.Insert(tx, &r)
	})
	if errors.Is(err, storage.ErrExists) { // an answer that came before
		return Session{}, ErrOver
	}
	if err != nil {
		return Session{}, fmt.Errorf("beginning a session: %w", err)
	}
	return Session{r}, nil
}

// names are those by which an account can be recovered: whatever else the identity provider lets people call themselves is
// not shown either.
func names(identifiers []string) (list []string) {
	for _, name := range identifiers {
		if _, err := attest.ParseIdentifier(name); err == nil {
			list = append(list, name)
		}
	}
	return list
}

// Read returns the session of whoever holds secret. The error is [ErrNone] if there is none.
func (s *Service) Read(ctx context.Context, secret string) (session Session, err error) {
	err = s.DB.View(ctx, func(r storage.Reader) error {
		session, err = s.Find(r, secret)
		return err
	})
	if err != nil {
		return Session{}, err
	}
	return session, nil
}

// Find is [Service.Read] within a transaction: who changes something for a session reads it there once more. A session is
// over when it was signed out, when its time is, and when the account's epoch was raised since: whoever reports a loss ends
// the thief's session too.
func (s *Service) Find(r storage.Reader, secret string) (Session, error) {
	if raw, err := base64.RawURLEncoding.Strict().DecodeString(secret); err != nil || len(raw) != secretSize {
		return Session{}, ErrNone
	}
	found, err := s.sessions.Get(r, s.hash(secret))
	if errors.Is(err, storage.ErrNotFound) {
		return Session{}, ErrNone
	}
	if err != nil {
		return Session{}, fmt.Errorf("reading a session: %w", err)
	}
	epoch, err := s.Accounts.Epoch(r, found.AccountID)
	switch {
	case err != nil:
		return Session{}, fmt.Errorf("reading a session: %w", err)
	case found.Ended || found.Epoch != epoch:
		return Session{}, ErrNone
	}
	// Whoever was signed in before the account was recovered may be whom it was recovered from.
	recovered, err := s.Accounts.LastRecovered(r, found.AccountID)
	if err != nil {
		return Session{}, fmt.Errorf("reading a session: %w", err)
	}
	if !recovered.IsZero() && !found.Expires.Add(-Life).After(recovered) {
		return Session{}, ErrNone
	}
	return Session{*found}, nil
}

// End signs the holder of secret out. Whoever is signed out already stays so.
func (s *Service) End(ctx context.Context, secret string) error {
	err := s.DB.Update(ctx, func(tx storage.Tx) error { return s.end(tx, s.hash(secret)) })
	if err != nil {
		return fmt.Errorf("ending a session: %w", err)
	}
	return nil
}

func (s *Service) end(tx storage.Tx, id []byte) error {
	if len(id) == 0 {
		return nil
	}
	r, err := s.sessions.Get(tx, id)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	r.Ended = true
	return s.sessions.Put(tx, r)
}

// hash is what the store knows of a secret: who reads the store can use none.
func (s *Service) hash(secret string) []byte {
	return s.Ring.MAC(keys.Handle, []byte("self-service"), []byte(secret))
}
