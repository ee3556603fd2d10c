package keys

import (
	"crypto/cipher"
	"fmt"
	"time"

	"github.com/regrant/regrant/storage"
)

// A key that rotates is at first only published, then in use, then only kept, and then deleted. Every node reads the
// stored times anew each minute, and whoever verifies may keep a published key set for five (Cache-Control of the key
// documents). So nobody signs with a key that somebody else has not had the time to see.
const (
	// Ahead is how long a new key is published before it comes into use.
	Ahead = time.Hour
	// Keep is how long a key still verifies and opens after its successor came into use: longer than anything lives
	// that it signed or sealed. That is at most an authorization request that waits in a browser, for 30 minutes.
	Keep = time.Hour
)

// A Turn says that a key of a purpose comes into use.
type Turn struct {
	Purpose Purpose   `json:"purpose"`
	ID      string    `json:"id"`
	Begins  time.Time `json:"begins"`
}

// inUse is the place of the newest key that has begun. None has if the clock went back; then it is the oldest.
func (r *record) inUse(now time.Time) int {
	i := len(r.Keys) - 1
	for i > 0 && r.Keys[i].Begins.After(now) {
		i--
	}
	return i
}

func (r *record) newest() *key { return &r.Keys[len(r.Keys)-1] }

// turn is that of the newest key.
func (r *record) turn() Turn {
	return Turn{Purpose: r.Purpose, ID: r.newest().ID, Begins: r.newest().Begins}
}

func (r *record) waiting(now time.Time) bool { return r.newest().Begins.After(now) }

// due reports whether the successor of the newest key is to be published, so that keys change after every.
func (r *record) due(now time.Time, every time.Duration) bool {
	return !now.Before(r.newest().Begins.Add(every - Ahead))
}

// tidy deletes the keys whose successor has been in use for Keep. Keys that were made while the clock was ahead wait no
// longer than any other: one that waited on would keep its predecessors alive.
func (r *record) tidy(now time.Time) (changed bool) {
	for len(r.Keys) > 1 && !now.Before(r.Keys[1].Begins.Add(Keep)) {
		r.Keys, changed = r.Keys[1:], true
	}
	soon := now.Add(Ahead).UTC()
	for i := range r.Keys {
		if r.Keys[i].Begins.After(soon) {
			r.Keys[i].Begins, changed = soon, true
		}
	}
	return changed
}

// extend adds a key that comes into use after Ahead.
func (r *record) extend(now time.Time) error {
	k, err := newKey(r.Kind, now, now.Add(Ahead))
	if err != nil {
		return fmt.Errorf("making key %q: %w", r.Purpose, err)
	}
	r.Keys = append(r.Keys, k)
	return nil
}

// load reads what rotates.
func (r *Ring) load(reader storage.Reader) (*turning, error) {
	t := &turning{signing: map[Purpose][]SigningKey{}, sealing: map[Purpose][]cipher.AEAD{}}
	for _, p := range rotating {
		rec, err := r.wrapper.read(reader, p, kinds[p])
		if err != nil {
			return nil, err
		}
		if err := t.add(rec, reader.Now()); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// add puts in the keys of rec, the one in use first.
func (t *turning) add(rec record, now time.Time) error {
	i := rec.inUse(now)
	for _, k := range append([]key{rec.Keys[i]}, append(rec.Keys[:i:i], rec.Keys[i+1:]...)...) {
		if rec.Kind == sealing {
			t.sealing[rec.Purpose] = append(t.sealing[rec.Purpose], boxAEAD(k.Material))
			continue
		}
		private, err := parseSigning(k.Material)
		if err != nil {
			return fmt.Errorf("reading key %q: %w", rec.Purpose, err)
		}
		t.signing[rec.Purpose] = append(t.signing[rec.Purpose], SigningKey{ID: k.ID, Private: private})
	}
	return nil
}
