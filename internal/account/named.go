package account

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/storage"
)

// Rows beside the authenticators lead from the name of an account to handles of it, for formats that name credentials to whoever asks
// ([attest.Namer]). What they say is shown and never believed: evidence is judged against the authenticator alone.
//
//	namespace "/named/" SHA-256(method 0 name) ^bound_at SHA-256(handle)   the handle, sealed
//
// Each authenticator has them under one name only, the first of its account. Were a handle shown under two names, whoever asked about
// both would see it twice, and know that there is such an account; decoys cannot do the same, since nobody knows which names would belong
// together if there were one.

// Named returns handles of a method that are bound under a name: the last bound first, at most limit. Whoever is asked about, it reads
// as many rows, one after the other from the place where those of the name would be, and checks as many seals. Where the ring of rows closes
// the time does not show either, since reading on from its beginning is begun for every name: else whoever tries names would find the hash
// of one that is bound there.
func (s *Store) Named(r storage.Reader, m attest.Method, name attest.Identifier, limit int) (handles [][]byte, err error) {
	place := s.place(m, name)
	handles = make([][]byte, 0, limit)
	take := func(after, end []byte) error {
		for e, err := range r.Scan([]byte(s.named), after, max(limit, 1)) {
			if err != nil {
				return fmt.Errorf("reading what is named: %w", err)
			}
			if limit == 0 || end != nil && bytes.Compare(e.Key, end) > 0 {
				break
			}
			limit--
			handle, forged := s.sealer.Open(e.Key, e.Value)
			if forged == nil && bytes.HasPrefix(e.Key, place) {
				handles = append(handles, handle)
			}
		}
		return nil
	}
	if err := take(place, nil); err != nil {
		return nil, err
	}
	return handles, take(nil, place) // the order of hashes is a ring
}

func (s *Store) place(m attest.Method, name attest.Identifier) []byte {
	sum := sha256.Sum256([]byte(string(m) + "\x00" + name.String()))
	return slices.Concat([]byte(s.named), sum[:])
}

// name writes the rows of an authenticator, or takes them away once it is revoked. It follows every write of one, so that those from
// before there were rows get theirs.
func (s *Store) name(tx storage.Tx, a *Authenticator) error {
	if !a.RevokedAt.IsZero() {
		return s.unname(tx, a)
	}
	return s.eachRow(a, func(key, handle []byte) error { return tx.Put(key, s.sealer.Seal(key, handle), time.Time{}) })
}

// unname takes the rows of an authenticator away.
func (s *Store) unname(tx storage.Tx, a *Authenticator) error {
	return s.eachRow(a, func(key, _ []byte) error { return tx.Delete(key) })
}

func (s *Store) eachRow(a *Authenticator, do func(key, handle []byte) error) error {
	name, ok := a.firstName()
	if !ok {
		return nil
	}
	for _, h := range a.Handles {
		if h.OneTime { // selects a secret, and is nobody else's business
			continue
		}
		if err := do(s.nameKey(a, name, h.Value), h.Value); err != nil {
			return fmt.Errorf("naming an authenticator: %w", err)
		}
	}
	return nil
}

func (s *Store) nameKey(a *Authenticator, name attest.Identifier, handle []byte) []byte {
	key := binary.BigEndian.AppendUint64(s.place(a.Method, name), ^uint64(a.BoundAt.UnixNano()))
	sum := sha256.Sum256(handle)
	return append(key, sum[:]...)
}

// firstName is the name under which a is found by people. There is none for the methods of this module whose clients find their keys by
// themselves.
func (a *Authenticator) firstName() (attest.Identifier, bool) {
	if a.Method != attest.MethodPasskey && a.Method.Class() != attest.ClassAlternative {
		return attest.Identifier{}, false
	}
	for _, identifier := range a.Identifiers {
		if name, err := attest.ParseIdentifier(identifier); err == nil {
			return name, true
		}
	}
	return attest.Identifier{}, false
}
