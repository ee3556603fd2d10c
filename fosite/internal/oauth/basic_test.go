package oauth

import (
	"net/http"
	"net/url"
	"testing"
)

// FuzzBasicAuth: what is read of a header is read again if it is written as RFC 6749 §2.3.1 says.
func FuzzBasicAuth(f *testing.F) {
	for _, client := range [][2]string{{"app", "secret"}, {"app one:two", "s%c+r&t"}, {"", ""}} {
		f.Add(basic(client[0], client[1]).Header.Get("Authorization"))
	}
	f.Add("Basic %")
	f.Add("Bearer AAAA")
	f.Fuzz(func(t *testing.T, header string) {
		r := &http.Request{Header: http.Header{"Authorization": {header}}}
		id, secret, ok := BasicAuth(r)
		if !ok {
			return
		}
		if id2, secret2, ok := BasicAuth(basic(id, secret)); !ok || id2 != id || secret2 != secret {
			t.Errorf("%q, %q are read again as %q, %q", id, secret, id2, secret2)
		}
		r.Header.Add("Authorization", header)
		if _, _, ok := BasicAuth(r); ok {
			t.Error("two headers are taken")
		}
	})
}

// basic is a request of a client.
func basic(id, secret string) *http.Request {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	return r
}
