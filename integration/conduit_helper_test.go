package integration

import (
	"compress/gzip"
	"context"
	"net/textproto"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/verbatim"
)

// answers of an identity provider, as they are on the wire. One without a length says what it is: Caddy sends the head of
// such an answer before or after the first of its body, as it comes, and only after it adds a Content-Type.
var answers = []string{
	"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: text/html;charset=utf-8\r\nSet-Cookie: A=\"b c\";Version=1;Path=/realms/acme/;Secure;HttpOnly;SameSite=None\r\n" +
		"Set-Cookie: A=;Max-Age=0\r\nContent-Security-Policy: frame-src 'self'\r\nX-Odd: a,  b\r\nContent-Encoding: gzip\r\nContent-Length: " + strconv.Itoa(len(zipped)) + "\r\n\r\n" + zipped,
	"HTTP/1.1 302 Found\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nLocation: https://app.example/?a=%zz&b=c d#e\r\nCache-Control: no-store, must-revalidate, max-age=0\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 401 Unauthorized\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nWWW-Authenticate: Bearer realm=\"acme\"\r\nWWW-Authenticate: DPoP\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
	"HTTP/1.1 304 Not Modified\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nETag: W/\"x\"\r\n\r\n",
	"HTTP/1.1 204 No Content\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nAccess-Control-Allow-Origin: https://app.example\r\n\r\n",
	"HTTP/1.1 500 Internal Server Error\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na\nb\r\n0\r\n\r\n",
	"HTTP/1.1 404 Not Found\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 3\r\n\r\na\nb",
}

var zipped = func() string {
	var out strings.Builder
	w := gzip.NewWriter(&out)
	_, _ = w.Write([]byte("<p>\x00ä</p>\n")) // a builder takes everything
	_ = w.Close()
	return out.String()
}()

// conduit is an environment with a recorder in the place of its identity provider, and the same site without the gateway.
type conduit struct {
	e              *env.Env
	r              *recorder
	gateway, alone verbatim.Server
}

func newConduit(t *testing.T, e *env.Env) *conduit {
	t.Helper()
	r := newRecorder(t)
	fatal(t, e.Configure(t.Context(), func(text string) string {
		return strings.Replace(text, "reverse_proxy "+strings.TrimPrefix(e.IdP, "http://"), "reverse_proxy "+r.addr, 1)
	}))
	return &conduit{e: e, r: r, gateway: (&provider{e: e}).front(), alone: withoutGateway(t, e)}
}

// through sends a request and returns what came of it at the recorder, and the answer.
func (w *conduit) through(t *testing.T, s verbatim.Server, request verbatim.Request) (came string, a verbatim.Answer) {
	t.Helper()
	a, err := s.Send(t.Context(), request)
	fatal(t, err)
	select {
	case came = <-w.r.came:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s %s did not arrive: %d %.200s", request.Method, request.Target, a.Status, a.Body)
	}
	a.Header.Del("Alt-Svc") // names the port
	return came, a
}

// carries checks that requests and their answers are carried byte for byte as Caddy alone does.
func (w *conduit) carries(t *testing.T, requests []verbatim.Request) {
	t.Helper()
	for _, proto := range []string{verbatim.HTTP11, verbatim.HTTP2} {
		for i, request := range requests {
			request.Proto, request.Host, w.r.answer = proto, host(w.e), answers[i%len(answers)]
			want, wanted := w.through(t, w.alone, request)
			came, got := w.through(t, w.gateway, request)
			if came != want || !strings.HasPrefix(came, request.Method+" "+request.Target+" HTTP/1.1\r\n") || !strings.HasSuffix(came, "\r\n\r\n"+request.Body) {
				t.Errorf("%s: arrived\n%q, through Caddy alone\n%q", proto, came, want)
			}
			for _, h := range request.Header {
				if line := "\r\n" + textproto.CanonicalMIMEHeaderKey(h[0]) + ": " + h[1] + "\r\n"; !strings.Contains(came, line) {
					t.Errorf("%s %s: %q is missing in %q", proto, request.Target, line, came)
				}
			}
			if !reflect.DeepEqual(got, wanted) {
				t.Errorf("%s %s: answered\n%+v, through Caddy alone\n%+v", proto, request.Target, got, wanted)
			}
		}
	}
}

// answerOf is an answer without what each server on the way says for itself.
func answerOf(t *testing.T, s verbatim.Server, r verbatim.Request) verbatim.Answer {
	t.Helper()
	a, err := s.Send(context.WithoutCancel(t.Context()), r)
	fatal(t, err)
	for _, name := range []string{"Date", "Via", "Alt-Svc", "Connection"} {
		a.Header.Del(name)
	}
	return a
}
