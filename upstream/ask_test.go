package upstream_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/regrant/regrant/upstream"
)

func TestAnIDThatWouldLeadElsewhereIsNone(t *testing.T) {
	for id, want := range map[string]bool{
		"3f1c9d2e-0000-4000-8000-000000000001": true, "f:store:alice": true,
		"": false, ".": false, "..": false, "a/b": false, "a?b": false, "a#b": false, "a%2fb": false, "a b": false,
	} {
		if got := upstream.Segment(id); got != want {
			t.Errorf("%q: %v", id, got)
		}
	}
}

func TestARequestThatCannotBeMadeTellsNoAddress(t *testing.T) {
	for name, c := range map[string]struct {
		address string
		body    any
	}{"address": {"http://127.0.0.1/%zz?name=alice", nil}, "body": {"http://127.0.0.1/alice", make(chan int)}} {
		if _, err := upstream.Request(t.Context(), http.MethodPost, c.address, c.body); !errors.Is(err, upstream.ErrUnavailable) || strings.Contains(err.Error(), "alice") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOnlyANoThatMakesNoSenseIsTurned(t *testing.T) {
	for _, err := range []error{nil, upstream.ErrTooOld} {
		if got := upstream.CouldNotTell(err); !errors.Is(got, err) || !errors.Is(err, got) { // not wrapped either
			t.Errorf("%v became %v", err, got)
		}
	}
	no := errors.New("not found")
	if got := upstream.CouldNotTell(no); !errors.Is(got, upstream.ErrUnavailable) || !errors.Is(got, no) {
		t.Errorf("%v became %v", no, got)
	}
}
