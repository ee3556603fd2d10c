package revocation

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestOnlyAddressesOfThePublicInternetArePublic(t *testing.T) {
	for address, want := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1111": true, "::ffff:8.8.8.8": true,
		"127.0.0.1": false, "::1": false, "0.0.0.0": false, "::": false,
		"10.1.2.3": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false, "100.64.0.1": false,
		"169.254.169.254": false, "fe80::1": false, "fd00:ec2::254": false, "fec0::1": false,
		"224.0.0.1": false, "255.255.255.255": false, "ff02::1": false,
		"::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "2001:0:7f00:1::": false,
		"192.0.2.1": false, "198.18.0.1": false, "203.0.113.9": false, "2001:db8::1": false,
	} {
		if got := public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: public is %v, want %v", address, got, want)
		}
	}
	if onlyPublic("tcp6", "[fe80::1%eth0]:80", nil) == nil || onlyPublic("tcp", "nonsense", nil) == nil {
		t.Error("an address that cannot be judged was let through")
	}
}

func TestRedirectToThisMachineIsNotFollowed(t *testing.T) {
	reached := false
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer inside.Close()
	for _, to := range []string{
		inside.URL,
		strings.Replace(inside.URL, "127.0.0.1", "localhost", 1), // by a name, as DNS rebinding would
		strings.Replace(inside.URL, "127.0.0.1", "[::ffff:127.0.0.1]", 1),
	} {
		outside := httptest.NewServer(http.RedirectHandler(to, http.StatusFound))
		_, err := newFetcher().get(t.Context(), outside.URL)
		outside.Close()
		if !errors.Is(err, errNotPublic) {
			t.Errorf("%s: %v", to, err)
		}
	}
	if reached {
		t.Error("the server on this machine was reached")
	}
}

// open is a fetcher that follows redirects to this machine, where the tests' servers are.
func open() *fetcher {
	f := newFetcher()
	f.redirected = f.configured
	return f
}

func TestRedirectsEnd(t *testing.T) {
	hops := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hops--; hops < 0 {
			_, _ = w.Write([]byte("CRL"))
			return
		}
		http.Redirect(w, r, "/next", http.StatusMovedPermanently)
	}))
	defer server.Close()
	for n, want := range map[int]error{0: nil, maxRedirects: nil, maxRedirects + 1: errRedirects} {
		hops = n
		if _, err := open().get(t.Context(), server.URL); !errors.Is(err, want) {
			t.Errorf("after %d redirects: %v", n, err)
		}
	}
}

func TestRedirectLeadsToHTTPAlone(t *testing.T) {
	for _, to := range []string{"file:///etc/passwd", "ldap://127.0.0.1/", "http://user:word@127.0.0.1/", "", "http://%zz"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusFound)
		}))
		if _, err := open().get(t.Context(), server.URL); !errors.Is(err, errRedirect) {
			t.Errorf("%q: %v", to, err)
		}
		server.Close()
	}
}

func TestAnswerThatIsTooLargeIsNoAnswer(t *testing.T) {
	size := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		chunk := make([]byte, 1<<10)
		for sent := 0; sent < size; sent += len(chunk) {
			if _, err := w.Write(chunk[:min(len(chunk), size-sent)]); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	f := newFetcher()
	for _, test := range []struct {
		fetch func() ([]byte, error)
		most  int
	}{
		{func() ([]byte, error) { return f.get(t.Context(), server.URL) }, maxCRL},
		{func() ([]byte, error) { return f.post(t.Context(), server.URL, nil) }, maxOCSP},
	} {
		size = test.most
		if body, err := test.fetch(); err != nil || len(body) != test.most {
			t.Errorf("%d bytes: got %d, %v", size, len(body), err)
		}
		size = test.most + 1
		if body, err := test.fetch(); !errors.Is(err, errTooLarge) || body != nil {
			t.Errorf("%d bytes: got %d, %v", size, len(body), err)
		}
	}
}

func TestOtherStatusIsNoAnswer(t *testing.T) {
	for _, status := range []int{http.StatusNoContent, http.StatusNotModified, http.StatusForbidden, http.StatusInternalServerError} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		if _, err := newFetcher().get(t.Context(), server.URL); err == nil {
			t.Errorf("status %d was taken for an answer", status)
		}
		server.Close()
	}
}

func TestResponderThatRedirectsIsNotFollowed(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			t.Error("followed")
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	if _, err := open().post(t.Context(), server.URL, nil); !errors.Is(err, errRedirect) {
		t.Error(err)
	}
}

func TestErrorsKeepTheirURLToThemselves(t *testing.T) {
	_, err := newFetcher().get(t.Context(), "http://127.0.0.1:1/secret-path?key=value")
	if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "value") {
		t.Error(err)
	}
}
