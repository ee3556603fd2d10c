package hydra

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/mod/semver"

	"github.com/regrant/regrant/upstream"
)

// MinVersion is the oldest Hydra that is used: nothing older was tried with this
// package.
const MinVersion = "v2.3.0"

// versionLasts is how long a good version is believed in.
const versionLasts = time.Hour

// version remembers when the server last named a version that may be used.
type version struct{ good atomic.Pointer[time.Time] }

// CheckVersion is nil if the server is new enough, which it is asked once in a
// while. One that was built without a name for its version calls itself "master",
// or nothing, and is believed to be new.
func (a *Admin) CheckVersion(ctx context.Context) error {
	if good := a.version.good.Load(); good != nil && time.Since(*good) < versionLasts {
		return nil
	}
	r, err := upstream.Request(ctx, http.MethodGet, a.address+"/version", nil)
	if err != nil {
		return fmt.Errorf("asking for the version: %w", err)
	}
	answer, err := upstream.Ask(a.http, r)
	if err != nil {
		return fmt.Errorf("asking for the version: %w", err)
	}
	var said struct {
		Version *string `json:"version"`
	}
	if answer.Status != http.StatusOK || !answer.JSON || json.Unmarshal(answer.Body, &said) != nil || said.Version == nil {
		return fmt.Errorf("asking for the version: %w: it is not in the answer", upstream.ErrUnavailable)
	}
	if v := *said.Version; semver.IsValid(v) && semver.Compare(v, MinVersion) < 0 {
		return fmt.Errorf("%w: Hydra must be %s or newer", upstream.ErrTooOld, MinVersion)
	}
	now := time.Now()
	a.version.good.Store(&now)
	return nil
}
