// Package checker looks into the store of a gateway that has ended, from outside: it knows the form of what is stored and
// nothing of the code that moves it. What it finds it compares with what the clients were answered, what the identity
// provider did, and what the owners were told.
package checker

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/badger"
)

// Recovery is what is looked at in the record of one.
type Recovery struct {
	Txn        string    `json:"txn"`
	Reference  string    `json:"reference"`
	State      string    `json:"state"`
	AccountID  string    `json:"account_id"`
	Lease      string    `json:"lease"`
	Handoff    []byte    `json:"handoff"`
	Code       any       `json:"code"`
	Deadline   time.Time `json:"deadline"`
	GrantedAt  time.Time `json:"granted_at"`
	Actions    []string  `json:"actions"`
	RedeemedAt time.Time `json:"redeemed_at"`
	EndedAt    time.Time `json:"ended_at"`

	Timer bool `json:"-"` // something will look at it again
}

func (r Recovery) final() bool { return r.State == "done" || r.State == "abandoned" }

// Entry is what is looked at in an entry of the journal.
type Entry struct {
	Kind      string `json:"kind"`
	Txn       string `json:"txn"`
	Reference string `json:"reference"`
	AccountID string `json:"account_id"`
	Detail    struct {
		Reason string `json:"reason"`
		Step   string `json:"step"`
	} `json:"detail"`
}

// Notice tells an owner of something.
type Notice struct {
	Type      string `json:"type"`
	Reference string `json:"reference"`
}

// Tally counts the wrong guesses of one secret.
type Tally struct {
	Secret string `json:"secret"`
	Wrong  int    `json:"wrong"`
}

// Store is what a gateway has left behind.
type Store struct {
	Recoveries []Recovery
	Journal    []Entry
	Pending    []Notice // not delivered yet
	Guesses    []Tally
	Timers     []string // of recoveries
	Indexed    []string // txns in the indexes of recoveries that only those under way are in
}

// Read reads the store in dir. Nobody else may have it open.
func Read(ctx context.Context, dir string, secret []byte) (s Store, err error) {
	err = open(ctx, dir, secret, func(db storage.DB, namespace string, ring *keys.Ring) error {
		return db.View(ctx, func(r storage.Reader) error {
			s, err = read(r, namespace, ring.Sealer(keys.Record))
			return err
		})
	})
	return s, err
}

// Signing returns the keys with which the gateway that has left the store in dir signs for a purpose, the one in use first. Nobody
// else may have the store open.
func Signing(ctx context.Context, dir string, secret []byte, purpose keys.Purpose) (found []keys.SigningKey, err error) {
	err = open(ctx, dir, secret, func(_ storage.DB, _ string, ring *keys.Ring) error {
		found = ring.Signing(purpose)
		return nil
	})
	return found, err
}

// open opens the store in dir for as long as look takes.
func open(ctx context.Context, dir string, secret []byte, look func(storage.DB, string, *keys.Ring) error) (err error) {
	db, err := badger.Open(badger.Config{Dir: dir, Key: keys.StorageKey(secret)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	namespace, err := namespace(ctx, db)
	if err != nil {
		return err
	}
	ring, err := keys.Open(ctx, db, namespace, secret)
	if err != nil {
		return err
	}
	return look(db, namespace, ring)
}

// namespace is that of the one identity provider of which something is stored.
func namespace(ctx context.Context, db storage.DB) (name string, err error) {
	err = db.View(ctx, func(r storage.Reader) error {
		for e, err := range r.Scan(nil, nil, 0) {
			if err != nil {
				return err
			}
			if before, _, ok := strings.Cut(string(e.Key), "/journal\x00"); ok {
				name = before
				return nil
			}
		}
		return errors.New("there is no journal")
	})
	return name, err
}

func read(r storage.Reader, namespace string, sealer storage.Sealer) (s Store, err error) {
	if s.Recoveries, err = all[Recovery](r, namespace+"/recovery", sealer, nil); err != nil {
		return s, err
	}
	if s.Journal, err = all[Entry](r, namespace+"/journal", nil, []string{"entry"}); err != nil {
		return s, err
	}
	if s.Pending, err = all[Notice](r, namespace+"/outbox", nil, []string{"message"}); err != nil {
		return s, err
	}
	if s.Guesses, err = all[Tally](r, namespace+"/guesses", nil, nil); err != nil {
		return s, err
	}
	if s.Timers, err = after(r, namespace+"/recovery-due\x00t"); err != nil {
		return s, err
	}
	due := map[string]bool{}
	for _, txn := range s.Timers {
		due[txn] = true
	}
	for i := range s.Recoveries {
		s.Recoveries[i].Timer = due[s.Recoveries[i].Txn]
	}
	s.Indexed, err = indexed(r, namespace+"/recovery")
	return s, err
}

// all decodes the records of a table, or the part of each that inside leads to.
func all[T any](r storage.Reader, name string, sealer storage.Sealer, inside []string) (found []T, err error) {
	type record = map[string]json.RawMessage
	table := storage.NewTable(storage.TableConfig[record]{
		Name: name, Sealer: sealer, ID: func(*record) []byte { return nil },
		Version: math.MaxUint8, Upgrade: func(_ byte, doc []byte) ([]byte, error) { return doc, nil }, // read as it stands, whatever its version
	})
	for rec, err := range table.All(r, nil, 0) {
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(rec)
		if err != nil {
			return nil, err
		}
		for _, member := range inside {
			var outer record
			if err := json.Unmarshal(text, &outer); err != nil {
				return nil, err
			}
			text = outer[member]
		}
		var v T
		if err := json.Unmarshal(text, &v); err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		found = append(found, v)
	}
	return found, nil
}

// after lists what follows prefix in the keys that begin with it.
func after(r storage.Reader, prefix string) (found []string, err error) {
	for e, err := range r.Scan([]byte(prefix), nil, 0) {
		if err != nil {
			return nil, err
		}
		found = append(found, string(e.Key[len(prefix):]))
	}
	return found, nil
}

// indexed lists the txns to which handoffs, codes and accounts lead.
func indexed(r storage.Reader, name string) (found []string, err error) {
	for _, index := range []string{"handoff", "code"} {
		for e, err := range r.Scan([]byte(name+"\x00u"+index+"\x00"), nil, 0) {
			if err != nil {
				return nil, err
			}
			found = append(found, string(e.Value))
		}
	}
	prefix := name + "\x00iaccount\x00"
	keys, err := after(r, prefix)
	for _, k := range keys { // length, account, txn
		found = append(found, k[4+binary.BigEndian.Uint32([]byte(k)):])
	}
	return found, err
}
