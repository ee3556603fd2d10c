// Package journaltest reads what is in a journal, for tests.
package journaltest

import (
	"testing"

	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/storage"
)

// most is how many entries are read, which no test has.
const most = 1000

// All are the entries of j in db, the newest first.
func All(t testing.TB, db storage.DB, j *journal.Journal) (entries []journal.Entry) {
	t.Helper()
	err := db.View(t.Context(), func(r storage.Reader) (err error) {
		entries, err = j.Recent(r, most)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// Of are those of one kind.
func Of(t testing.TB, db storage.DB, j *journal.Journal, kind journal.Kind) (found []journal.Entry) {
	t.Helper()
	for _, e := range All(t, db, j) {
		if e.Kind == kind {
			found = append(found, e)
		}
	}
	return found
}
