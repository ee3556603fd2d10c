package upstream_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

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

// A server that never answers, or never ends its answer, must not keep anybody waiting.
func TestACallIsOverInTime(t *testing.T) {
	for name, begun := range map[string]bool{"nothing comes": false, "the answer does not end": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				far, near := net.Pipe()
				t.Cleanup(func() { far.Close() })
				go func() {
					r := bufio.NewReader(far)
					_, _ = http.ReadRequest(r)
					if begun {
						_, _ = io.WriteString(far, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
					}
					_, _ = io.Copy(io.Discard, r)
				}()
				transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return near, nil }}
				client := upstream.BoundedClient(&http.Client{Transport: transport})
				r, err := upstream.Request(t.Context(), http.MethodGet, "http://server.example/", nil)
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				_, err = upstream.Ask(client, r)
				if !errors.Is(err, upstream.ErrUnavailable) || time.Since(began) != upstream.Timeout {
					t.Errorf("after %s: %v", time.Since(began), err)
				}
			})
		})
	}
}
