package gateway

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/regrant/regrant/internal/wire"
)

// ofSize is a well-formed body of so many bytes.
func ofSize(n int) string { return `{"recovery_id":"` + strings.Repeat("A", n-18) + `"}` }

// brings sends a body of so many bytes; announced says that it comes with its length.
func (h *house) brings(path string, n int, announced bool) *httptest.ResponseRecorder {
	h.t.Helper()
	var body io.Reader = strings.NewReader(ofSize(n))
	if !announced {
		body = io.MultiReader(body)
	}
	return h.serve(request(h.t, http.MethodPost, path, body, "Content-Type", "application/json"))
}

func TestOnlyWhereEvidenceComesABodyMayBeLarge(t *testing.T) {
	h := open(t)
	for name, c := range map[string]struct {
		path      string
		bytes     int
		announced bool
		read      bool
	}{
		"an event log":                {"/recovery/attest", wire.MaxLargeBody, true, true},
		"one of a device":             {"/recovery/devices/enroll", wire.MaxLargeBody, true, true},
		"more than that":              {"/recovery/attest", wire.MaxLargeBody + 1, true, false},
		"without its length":          {"/recovery/attest", wire.MaxBody + 1, false, false},
		"small and without length":    {"/recovery/attest", wire.MaxBody, false, true},
		"where no evidence is wanted": {"/recovery/status", wire.MaxBody + 1, true, false},
	} {
		w := h.brings(c.path, c.bytes, c.announced)
		if tooLarge := w.Code == http.StatusRequestEntityTooLarge; tooLarge == c.read {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// The memory of large bodies is bounded, and it is given back.
func TestFewLargeBodiesAreReadAtATime(t *testing.T) {
	h := open(t)
	fill(t, h.Throttle.Large)
	w := h.brings("/recovery/attest", wire.MaxBody+1, true)
	wantProblem(t, w, http.StatusTooManyRequests, wire.ProblemTooManyRequests, "")
	if w := h.brings("/recovery/attest", wire.MaxBody, true); w.Code == http.StatusTooManyRequests {
		t.Error("a body of the usual size waits for the large ones")
	}
	h = open(t)
	for range 100 {
		h.brings("/recovery/attest", wire.MaxBody+1, true)
		h.brings("/recovery/attest", wire.MaxLargeBody+1, true)
	}
	fill(t, h.Throttle.Strangers)
	for range 100 {
		h.brings("/recovery/attest", wire.MaxBody+1, true)
	}
	places := 0
	for fits(h.Throttle.Large, places) {
		places++
	}
	if places != 32 {
		t.Errorf("%d of 32 places are free", places)
	}
}
