package revocation

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

func TestStatusListIsUsedForADayAndReplacedOnlyByAnother(t *testing.T) {
	now, text := start, atomic.Value{}
	text.Store(`{"entries":{"1":{"status":"REVOKED"}}}`)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if said := text.Load().(string); said != "" {
			_, _ = w.Write([]byte(said))
			return
		}
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer server.Close()
	s := NewAndroidStatus(server.URL, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	if s.Current() != nil {
		t.Error("a list before the first fetch")
	}
	if err := s.refresh(t.Context()); err != nil || s.Current() == nil {
		t.Fatalf("no list, %v", err)
	}
	first := s.Current()
	for _, bad := range []string{"", "{}", `{"entries":{"1":{"status":"GOOD"}}}`, "<html>"} {
		text.Store(bad)
		if err := s.refresh(t.Context()); err == nil || s.Current() != first {
			t.Errorf("%q took the place of the list, %v", bad, err)
		}
	}
	now = start.Add(24*time.Hour - time.Second)
	if s.Current() != first {
		t.Error("no list within the day")
	}
	now = start.Add(24 * time.Hour)
	if s.Current() != nil {
		t.Error("a list after the day")
	}
	text.Store(`{"entries":{}}`)
	if err := s.refresh(t.Context()); err != nil || s.Current() == nil || s.Current() == first {
		t.Errorf("no new list, %v", err)
	}
}

func TestStatusListIsFetchedUntilTheEnd(t *testing.T) {
	asked := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"entries":{}}`))
		asked <- struct{}{}
	}))
	defer server.Close()
	s := NewAndroidStatus(server.URL, time.Now, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	<-asked
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
