package verbatim_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/verbatim"
)

func TestARequestArrivesAsItWasWritten(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Add("X-Two", "1")
		w.Header().Add("X-Two", "2")
		w.WriteHeader(http.StatusTeapot)
		_, _ = fmt.Fprintf(w, "%s %s %s %s %s %s", r.Proto, r.Method, r.RequestURI, r.Host, r.Header["X-Own"], body)
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	config := s.Client().Transport.(*http.Transport).TLSClientConfig
	server := verbatim.Server{Addr: s.Listener.Addr().String(), TLS: config}
	plain := httptest.NewServer(s.Config.Handler)
	t.Cleanup(plain.Close)

	for _, to := range []verbatim.Server{server, {Addr: plain.Listener.Addr().String()}} {
		for _, proto := range []string{verbatim.HTTP10, verbatim.HTTP11, verbatim.HTTP2} {
			if proto == verbatim.HTTP2 && to.TLS == nil {
				continue
			}
			for _, body := range []string{"", "a=b"} {
				a, err := to.Send(t.Context(), verbatim.Request{
					Proto: proto, Method: "ODD", Target: "/a//%62/../;c?d=%zz", Host: "some.example", Header: [][2]string{{"X-Own", "1"}, {"X-Own", "2"}}, Body: body,
				})
				if err != nil {
					t.Fatal(err)
				}
				want := strings.Join([]string{proto, "ODD", "/a//%62/../;c?d=%zz", "some.example", "[1 2]", body}, " ")
				if a.Status != http.StatusTeapot || a.Body != want || len(a.Header["X-Two"]) != 2 {
					t.Errorf("%d %q %v, want %q", a.Status, a.Body, a.Header, want)
				}
			}
		}
	}
}

func TestAServerThatDoesNotAnswerIsNoError(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	server := verbatim.Server{Addr: s.Listener.Addr().String(), TLS: &tls.Config{RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, ServerName: "example.com", MinVersion: tls.VersionTLS12}}
	for _, proto := range []string{verbatim.HTTP11, verbatim.HTTP2} {
		a, err := server.Send(t.Context(), verbatim.Request{Proto: proto, Method: "GET", Target: "/", Host: "example.com"})
		if err != nil || a.Status != 0 {
			t.Errorf("%s: %+v, %v", proto, a, err)
		}
	}
}
