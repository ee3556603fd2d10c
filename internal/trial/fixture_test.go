package trial

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/internal/login"
	"github.com/regrant/regrant/internal/notify"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/badger"
	"github.com/regrant/regrant/upstream"
)

// server is an identity provider that makes accounts.
type server struct {
	upstream.Adapter
	accounts  map[string]string // name by id
	made      int
	makeBy    time.Time // by when it was to be made
	privilege upstream.Privilege
	disabled  bool
	makeErr   error // told though the account is made
	refuse    bool  // no account is made
	endErr    error
	answer    upstream.Account // instead of the one made; zero: that one
}

func (s *server) State(_ context.Context, id string) (upstream.State, error) {
	name, there := s.accounts[id]
	if !there {
		return upstream.State{}, upstream.ErrNoAccount
	}
	return upstream.State{Account: upstream.Account{ID: id, Identifiers: []string{name}}, Enabled: !s.disabled, Privilege: s.privilege}, nil
}

func (*server) Facts() upstream.Facts { return upstream.Facts{} }

func (s *server) MakeTrial(ctx context.Context, name, _ string) (upstream.Account, error) {
	s.makeBy, _ = ctx.Deadline()
	if s.refuse {
		return upstream.Account{}, fmt.Errorf("%w: there is one", upstream.ErrRefused)
	}
	s.made++
	id := fmt.Sprint("id-", s.made)
	s.accounts[id] = name
	if s.answer.ID != "" {
		return s.answer, s.makeErr
	}
	return upstream.Account{ID: id, Identifiers: []string{name}}, s.makeErr
}

func (s *server) EndTrial(_ context.Context, name, id string) error {
	if s.endErr != nil {
		return s.endErr
	}
	for known, called := range s.accounts {
		if called == name && (id == "" || id == known) {
			delete(s.accounts, known)
		}
	}
	return nil
}

func (s *server) TrialSessions(context.Context, string) ([]upstream.TrialSession, error) {
	return []upstream.TrialSession{{ID: "s"}}, nil
}

func (*server) TrialPath() upstream.TrialPath {
	return upstream.TrialPath{URL: "https://id.example.com/forgot"}
}

type house struct {
	*Service
	t      *testing.T
	server *server
	ahead  atomic.Int64
}

func open(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, server: &server{accounts: map[string]string{"alice-1": "alice"}, privilege: upstream.PrivilegeOrdinary}}
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return start.Add(time.Duration(h.ahead.Load())) }
	db, err := badger.OpenInMemory(clock)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	ring, err := keys.Open(t.Context(), db, "main", bytes.Repeat([]byte{7}, 32))
	must(t, err)
	accounts := account.New("main", ring.Sealer(keys.Record))
	h.Service = New(Config{
		Namespace: "main", DB: db, Ring: ring, Adapter: h.server, Trials: h.server, Accounts: accounts,
		Logins: login.New(login.Config{
			Namespace: "main", Issuer: "https://id.example.com/recovery", DB: db, Ring: ring, Accounts: accounts, Provider: h.server, Clock: clock,
		}),
		Journal: journal.New("main"), Outbox: notify.New("main", db, nil, slog.New(slog.DiscardHandler)), Logger: slog.New(slog.DiscardHandler),
	})
	return h
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h *house) wait(d time.Duration) { h.ahead.Add(int64(d)) }

func (h *house) begun() Begun {
	h.t.Helper()
	b, err := h.Begin(h.t.Context(), "Olga")
	must(h.t, err)
	return b
}

func (h *house) waived(accountID string) (live bool) {
	h.t.Helper()
	must(h.t, h.DB.View(h.t.Context(), func(r storage.Reader) (err error) {
		live, err = h.Live(r, accountID)
		return err
	}))
	return live
}

// bind binds an authenticator to an account.
func (h *house) bind(accountID string) string {
	h.t.Helper()
	a := &account.Authenticator{Upstream: "main", AccountID: accountID, Method: attest.MethodSSHKey, Handles: []account.Handle{{Value: []byte("key of " + accountID)}}}
	must(h.t, h.DB.Update(h.t.Context(), func(tx storage.Tx) error {
		a.EffectiveAt = tx.Now()
		return h.Accounts.Bind(tx, a)
	}))
	return a.ID
}

// trials counts the accounts for trials at the identity provider.
func (h *house) trials() (n int) {
	for _, name := range h.server.accounts {
		if strings.HasPrefix(name, upstream.TrialPrefix) {
			n++
		}
	}
	return n
}

func (h *house) kinds(accountID string) (kinds []string) {
	h.t.Helper()
	must(h.t, h.DB.View(h.t.Context(), func(r storage.Reader) error {
		entries, err := h.Journal.OfAccount(r, accountID, 100)
		for _, e := range entries {
			kinds = append(kinds, string(e.Kind)+" by "+e.Actor) // of one moment, in any order
		}
		return err
	}))
	slices.Sort(kinds)
	return kinds
}
