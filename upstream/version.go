package upstream

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/mod/semver"
)

// Older tells whether a server that calls itself version is older than least, such
// as "v1.3.0". One that was built without a name for its version calls itself
// "master", or nothing, and is believed to be new.
func Older(version, least string) bool {
	return semver.IsValid(version) && semver.Compare(version, least) < 0
}

// floorLasts is how long a good version is believed in.
const floorLasts = time.Hour

// Floor remembers when a server last named a version that may be used. The zero
// value has not asked. It is safe for concurrent use.
type Floor struct{ good atomic.Pointer[time.Time] }

// Check is nil if the server is not older than least, which it is asked at address
// once in a while, and each time as long as it is too old: that is [ErrTooOld].
// Other errors wrap [ErrUnavailable].
func (f *Floor) Check(ctx context.Context, client *http.Client, address, server, least string) error {
	if good := f.good.Load(); good != nil && time.Since(*good) < floorLasts {
		return nil
	}
	r, err := Request(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("asking for the version: %w", err)
	}
	answer, err := Ask(client, r)
	if err != nil {
		return fmt.Errorf("asking for the version: %w", err)
	}
	var said struct {
		Version *string `json:"version"`
	}
	if answer.Status != http.StatusOK || !answer.JSON || json.Unmarshal(answer.Body, &said) != nil || said.Version == nil {
		return fmt.Errorf("asking for the version: %w: it is not in the answer", ErrUnavailable)
	}
	if Older(*said.Version, least) {
		return fmt.Errorf("%w: %s must be %s or newer", ErrTooOld, server, least)
	}
	now := time.Now()
	f.good.Store(&now)
	return nil
}
