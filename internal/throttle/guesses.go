package throttle

import (
	"errors"
	"fmt"
	"time"

	"github.com/regrant/regrant/storage"
)

// MaxGuesses is the most consecutive wrong guesses that SP 800-63B-4 section 3.2.2 lets an authenticator have.
const MaxGuesses = 100

// Limits are those of one kind of secret.
type Limits struct {
	// Soft is how many consecutive wrong guesses make the secret rest before it is looked at again: FirstRest, doubled
	// with each further wrong guess, up to LastRest.
	Soft                int
	FirstRest, LastRest time.Duration
	// Hard is how many consecutive wrong guesses disable the secret for good, 1 to [MaxGuesses].
	Hard int
}

// check panics on limits that no program should have.
func (l Limits) check() {
	if l.Hard < 1 || l.Hard > MaxGuesses || l.Soft < 1 || l.FirstRest < 0 || l.LastRest < l.FirstRest {
		panic(fmt.Sprintf("throttle: impossible limits %+v", l))
	}
}

// rest is how long a secret rests after so many consecutive wrong guesses.
func (l Limits) rest(wrong int) time.Duration {
	if wrong < l.Soft {
		return 0
	}
	d := l.FirstRest
	for range wrong - l.Soft {
		if d = min(2*d, l.LastRest); d == l.LastRest {
			break
		}
	}
	return d
}

// Outcome is what a guess came to. Only Right opens anything; whoever guesses is told nothing about the others.
type Outcome uint8

// The outcomes. The zero Outcome is none.
const (
	Wrong    Outcome = iota + 1 // counted
	Right                       // the count is back at zero
	Resting                     // not judged and not counted: there were too many wrong guesses just before
	Disabled                    // not judged: there were too many wrong guesses in all
	Last                        // counted, and it was the wrong guess that disabled the secret
)

// Secret is one secret that can be guessed, as its selector found it. A guess whose selector finds nothing is counted
// nowhere, so nobody can use up the guesses of a secret that he has never seen a part of.
type Secret struct {
	// ID names the secret and its kind, at most 256 bytes. A secret that replaces another for the same purpose, such as a
	// code that is sent again, keeps the ID and with it the count (SP 800-63B-4 section 3.1.3.2); after binding anew it
	// gets another one.
	ID string
	// Expires is when the secret, and its count, is no longer there. Zero: never.
	Expires time.Time
}

// Guesses counts the consecutive wrong guesses of each secret of one kind (SP 800-63B-4 section 3.2.2).
type Guesses struct {
	limits Limits
	table  *storage.Table[tally]
}

// tally is a secret that was guessed wrongly since it was last guessed right.
type tally struct {
	Secret     string    `json:"secret"`
	Wrong      int       `json:"wrong"`
	RestUntil  time.Time `json:"rest_until,omitzero"`
	DisabledAt time.Time `json:"disabled_at,omitzero"`
	Expires    time.Time `json:"expires,omitzero"`
}

// NewGuesses keeps the counts under namespace.
func NewGuesses(namespace string, limits Limits) *Guesses {
	limits.check()
	return &Guesses{limits, storage.NewTable(storage.TableConfig[tally]{
		Name:    namespace + "/guesses",
		Version: 1,
		ID:      func(t *tally) []byte { return []byte(t.Secret) },
		Expires: func(t *tally) time.Time { return t.Expires },
	})}
}

// Judge takes one guess of s. right is what comparing gave; it counts for nothing while s rests or is disabled. The
// caller must let tx commit whatever the outcome, and answer only afterwards: guesses sent at the same time meet in
// the tally, so each is counted or is not judged.
func (g *Guesses) Judge(tx storage.Tx, s Secret, right bool) (Outcome, error) {
	t, err := g.table.Get(tx, []byte(s.ID))
	if errors.Is(err, storage.ErrNotFound) {
		t, err = &tally{Secret: s.ID}, nil
	}
	switch {
	case err != nil:
		return 0, err
	case !t.DisabledAt.IsZero():
		return Disabled, nil
	case tx.Now().Before(t.RestUntil):
		return Resting, nil
	case right:
		return Right, g.Forget(tx, s.ID)
	}
	t.Expires = s.Expires
	return g.count(tx, t)
}

func (g *Guesses) count(tx storage.Tx, t *tally) (Outcome, error) {
	outcome, now := Wrong, tx.Now().UTC()
	t.Wrong++
	t.RestUntil = time.Time{}
	if d := g.limits.rest(t.Wrong); d > 0 { // no rest is none, also for who asked a moment before
		t.RestUntil = now.Add(d)
	}
	if t.Wrong >= g.limits.Hard {
		outcome, t.DisabledAt = Last, now
	}
	return outcome, g.table.Put(tx, t)
}

// Forget drops the count of a secret that is no more. There is no other way out of Disabled: the secret has to be bound
// anew, under another ID.
func (g *Guesses) Forget(tx storage.Tx, id string) error {
	if err := g.table.Delete(tx, []byte(id)); !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	return nil
}

// Standing is how a secret stands.
type Standing struct {
	Wrong      int       // consecutive wrong guesses
	RestUntil  time.Time // not looked at before
	DisabledAt time.Time // zero: not disabled
}

// Standing reads how the secret stands; the zero Standing is one that was never guessed wrongly.
func (g *Guesses) Standing(r storage.Reader, id string) (Standing, error) {
	t, err := g.table.Get(r, []byte(id))
	if errors.Is(err, storage.ErrNotFound) {
		return Standing{}, nil
	}
	if err != nil {
		return Standing{}, err
	}
	return Standing{t.Wrong, t.RestUntil, t.DisabledAt}, nil
}
