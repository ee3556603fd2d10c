package throttle

import (
	"errors"
	"sync"
	"testing"

	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/badger"
)

// atOnce makes n wrong guesses together against a store on disk, as two nodes would, and counts the outcomes. A guess
// whose transaction met too many others was not judged: whoever sent it learned nothing.
func atOnce(t *testing.T, n int, limits Limits) (outcomes map[Outcome]int, standing Standing) {
	t.Helper()
	db, err := badger.Open(badger.Config{Dir: t.TempDir(), Reserve: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	nodes := [2]*Guesses{NewGuesses("main", limits), NewGuesses("main", limits)}
	outcomes = map[Outcome]int{}
	var mu sync.Mutex
	var start, done sync.WaitGroup
	start.Add(1)
	for i := range n {
		done.Go(func() {
			start.Wait()
			var o Outcome
			err := db.Update(t.Context(), func(tx storage.Tx) (err error) {
				o, err = nodes[i%2].Judge(tx, Secret{ID: "code"}, false)
				return err
			})
			if errors.Is(err, storage.ErrConflict) {
				o = 0
			} else if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			outcomes[o]++
		})
	}
	start.Done()
	done.Wait()
	err = db.View(t.Context(), func(r storage.Reader) (err error) {
		standing, err = nodes[0].Standing(r, "code")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return outcomes, standing
}

func TestEachOfAHundredGuessesAtOnceIsCountedOrNotJudged(t *testing.T) {
	outcomes, standing := atOnce(t, 100, plain)
	judged := outcomes[Wrong] + outcomes[Last]
	t.Logf("%d judged, %d met too many others", judged, outcomes[0])
	if standing.Wrong != judged || judged+outcomes[0] != 100 || judged == 0 {
		t.Errorf("%v, and the record shows %+v", outcomes, standing)
	}
}

func TestOfAHundredGuessesAtOnceNoMoreThanTheLimitAreJudged(t *testing.T) {
	outcomes, standing := atOnce(t, 100, Limits{Soft: 10, Hard: 10})
	if judged := outcomes[Wrong] + outcomes[Last]; judged != 10 || outcomes[Last] != 1 {
		t.Errorf("%d guesses judged, %d of them the last; want 10 and 1", judged, outcomes[Last])
	}
	if standing.Wrong != 10 || standing.DisabledAt.IsZero() {
		t.Errorf("the record shows %+v", standing)
	}
}
