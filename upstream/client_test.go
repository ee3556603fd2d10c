package upstream_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/regrant/regrant/upstream"
)

func TestAnAnswerOfExactlyTheLimitIsRead(t *testing.T) {
	for extra, whole := range map[int]bool{0: true, 1: false} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(make([]byte, upstream.MaxAnswer+extra))
		}))
		t.Cleanup(s.Close)
		resp, err := upstream.BoundedClient(nil).Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if (err == nil) != whole || whole && len(body) != upstream.MaxAnswer {
			t.Errorf("%d bytes too many: read %d, %v", extra, len(body), err)
		}
	}
}
