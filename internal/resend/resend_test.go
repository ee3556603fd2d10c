package resend

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// cutting ends the first n connections as soon as they are made, before it serves.
type cutting struct {
	net.Listener
	left atomic.Int32
	all  atomic.Int32
}

func (c *cutting) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c.all.Add(1)
		if c.left.Add(-1) < 0 {
			return conn, nil
		}
		_ = conn.Close()
	}
}

func server(t *testing.T, cuts int32, handler http.HandlerFunc) (*httptest.Server, *cutting) {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	c := &cutting{Listener: s.Listener}
	c.left.Store(cuts)
	s.Listener = c
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, c
}

func post(t *testing.T, s *httptest.Server) (string, error) {
	t.Helper()
	client := s.Client()
	client.Transport = Transport{client.Transport}
	resp, err := client.Post(s.URL, "text/plain", strings.NewReader("the body"))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}

func echo(w http.ResponseWriter, r *http.Request) {
	if _, sent := r.Header["Idempotency-Key"]; sent {
		http.Error(w, "the mark was sent", http.StatusBadRequest)
		return
	}
	_, _ = io.Copy(w, r.Body)
}

func TestAConnectionThatIsCutWhileItIsMadeIsMadeAgain(t *testing.T) {
	s, _ := server(t, tries-1, echo)
	if got, err := post(t, s); err != nil || got != "the body" {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestAServerThatNeverAnswersIsGivenUp(t *testing.T) {
	s, c := server(t, 1000, echo)
	if _, err := post(t, s); err == nil || c.all.Load() != tries {
		t.Fatalf("%v after %d connections", err, c.all.Load())
	}
}

func TestACertificateThatIsNotTrustedIsNotTriedAgain(t *testing.T) {
	s, c := server(t, 0, echo)
	client := http.Client{Transport: Transport{http.DefaultTransport}}
	if _, err := client.Get(s.URL); err == nil || c.all.Load() != 1 {
		t.Fatalf("%v after %d connections", err, c.all.Load())
	}
}

// What came to the server on a new connection may have been served.
func TestARequestThatWasSentOnANewConnectionIsNotSentAgain(t *testing.T) {
	var served atomic.Int32
	s, _ := server(t, 0, func(http.ResponseWriter, *http.Request) {
		served.Add(1)
		panic(http.ErrAbortHandler)
	})
	if _, err := post(t, s); !errors.Is(err, io.EOF) || served.Load() != 1 {
		t.Fatalf("%v, served %d times", err, served.Load())
	}
}

func TestAConnectionThatWasKeptTooLongIsReplaced(t *testing.T) {
	s, c := server(t, 0, echo)
	client := s.Client()
	client.Transport = Transport{client.Transport}
	for range 3 {
		resp, err := client.Post(s.URL, "text/plain", strings.NewReader("the body"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		s.CloseClientConnections()
	}
	if c.all.Load() != 3 {
		t.Fatalf("%d connections", c.all.Load())
	}
}
