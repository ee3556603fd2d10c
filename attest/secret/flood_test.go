package secret

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/internal/throttle"
)

var errFull = errors.New("full")

// slotsOf is how a host bounds hashing: so many at once, and nobody waits outside the lane.
func slotsOf(lane *throttle.Lane) func(work func()) error {
	return func(work func()) error {
		leave, ok := lane.Enter(netip.Prefix{})
		if !ok {
			return errFull
		}
		defer leave()
		return lane.Compute(context.Background(), work)
	}
}

// Sixty hashes at once would take 3.8 GiB. Two run, eighteen wait, and the rest are told that there is no room.
func TestAFloodOfPassphrasesStaysWithinItsMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("hashes for some seconds")
	}
	const flood, most = 60, 336 << 20 // bytes; two hashes of 64 MiB, three more that the collector has not come to yet, and all else
	slots, two := slotsOf(throttle.NewLane(40, 2)), make(chan struct{}, 2)
	format := NewPassphrase(PassphraseConfig{Hash: keyed("pepper"), Slots: func(work func()) error {
		return slots(func() {
			select {
			case two <- struct{}{}:
				defer func() { <-two }()
			default:
				t.Error("more than two hash at once")
			}
			work()
		})
	}})
	stop := make(chan struct{})
	peak := make(chan uint64)
	go func() { peak <- attesttest.PeakHeap(stop) }()

	var done sync.WaitGroup
	var judged atomic.Int32
	for range flood {
		done.Go(func() {
			_, err := format.Verify(attest.Input{Body: passphraseBody(t, chosen), Now: now})
			if _, ok := errors.AsType[*attest.Error](err); ok {
				judged.Add(1)
			} else if !errors.Is(err, errFull) {
				t.Error(err)
			}
		})
	}
	done.Wait()
	close(stop)
	got := <-peak
	t.Logf("%d of %d judged, %d MiB of heap at most", judged.Load(), flood, got>>20)
	if got > most || judged.Load() == 0 || judged.Load() == flood {
		t.Errorf("%d of %d judged, %d MiB of heap at most", judged.Load(), flood, got>>20)
	}
}
