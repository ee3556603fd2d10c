package revocation

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/regrant/regrant/attest/android"
)

// AndroidStatusURL is where Google says which attestation certificates of Android no longer count.
const AndroidStatusURL = "https://android.googleapis.com/attestation/status"

// maxStatusAge is how long the list is used after it was fetched. The list itself says nothing of its age.
const maxStatusAge = 24 * time.Hour

// AndroidStatus has Google's status list at hand. It is fetched every hour, and used for a day. It is safe for concurrent use.
type AndroidStatus struct {
	url     string
	fetcher *fetcher
	clock   func() time.Time
	logger  *slog.Logger
	held    atomic.Pointer[heldStatus]
}

type heldStatus struct {
	list  *android.Status
	until time.Time
}

// NewAndroidStatus takes a URL that [CheckURL] has let pass. It calls nobody; [AndroidStatus.Run] does.
func NewAndroidStatus(from string, clock func() time.Time, logger *slog.Logger) *AndroidStatus {
	return &AndroidStatus{url: from, fetcher: newFetcher(), clock: clock, logger: logger}
}

// Current is the list in use; nil: there is none, and nothing can be told.
func (s *AndroidStatus) Current() *android.Status {
	if h := s.held.Load(); h != nil && s.clock().Before(h.until) {
		return h.list
	}
	return nil
}

// Run fetches until ctx ends, and then returns nil.
func (s *AndroidStatus) Run(ctx context.Context) error {
	var failing pauses
	for {
		err := s.refresh(ctx)
		if ctx.Err() != nil {
			return nil
		}
		wait := jitter(maxAge)
		if err == nil {
			failing = pauses{}
		} else {
			wait = failing.next()
			s.logger.Warn("the status list of Android's attestation was not fetched; the last one is used for a day", "url", name(s.url), "error", err)
		}
		sleep(ctx, wait)
	}
}

// refresh fetches the list once. One that is not understood leaves the last one in its place.
func (s *AndroidStatus) refresh(ctx context.Context) error {
	body, err := s.fetcher.get(ctx, s.url)
	if err != nil {
		return err
	}
	list, err := android.ParseStatus(body)
	if err != nil {
		return err
	}
	s.held.Store(&heldStatus{list, s.clock().Add(maxStatusAge)})
	return nil
}
