package caddymodule

import (
	"context"
	"errors"
	"net/netip"

	"github.com/regrant/regrant/internal/throttle"
)

// scarcePlaces is how many may wait or run. The longest wait is that many Argon2id hashes, each of a tenth to half a second.
const scarcePlaces = 8

// scarce is the lane of what takes much memory, one for the process: were there one for each configuration, a reload would double what it takes.
// All who enter it come from one site, which gets half of the places.
var scarce = throttle.NewLane(2*scarcePlaces, 1)

var errScarce = errors.New("too many are waiting for what takes much memory")

// scarcely runs work when its turn comes; see [attest.Host].
func scarcely(work func()) error {
	leave, ok := scarce.Enter(netip.Prefix{})
	if !ok {
		return errScarce
	}
	defer leave()
	return scarce.Compute(context.Background(), work)
}
