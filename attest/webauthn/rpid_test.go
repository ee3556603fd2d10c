package webauthn_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest/webauthn"
)

// an RP ID is a domain one level below a public suffix at least.
func TestRPIDIsADomainOfItsOwner(t *testing.T) {
	for _, id := range []string{"example.org", "login.example.co.uk", "xn--bcher-kva.example.org", "localhost", "alice.github.io"} {
		if err := webauthn.CheckRPID(id); err != nil {
			t.Error(err)
		}
	}
	for _, id := range []string{
		"", "org", "co.uk", "github.io", "corp", "EXAMPLE.org", "https://example.org", "example.org:443", "example.org/", "example.org.", ".example.org",
		"bücher.example", "192.0.2.1", "2001:db8::1", "exa mple.org", "a..example.org", "*.example.org",
	} {
		if webauthn.CheckRPID(id) == nil {
			t.Errorf("accepted %q", id)
		}
	}
}

func TestOriginIsThatOfASecurePage(t *testing.T) {
	for _, origin := range []string{"https://example.org", "https://example.org:8443", "http://localhost", "http://localhost:8080", "https://localhost"} {
		if err := webauthn.CheckOrigin(origin); err != nil {
			t.Error(err)
		}
	}
	for _, origin := range []string{
		"", "null", "example.org", "http://example.org", "https://example.org/", "https://example.org:443", "https://EXAMPLE.org", "https://a@example.org",
		"https://", "https://:8443", "https://example.org:", "https://example.org?x", "https://example.org#x", "file://", "android:apk-key-hash:x", "ftp://example.org",
	} {
		if webauthn.CheckOrigin(origin) == nil {
			t.Errorf("accepted %q", origin)
		}
	}
}

func TestRelatedOriginsAreListedAndCounted(t *testing.T) {
	document, labels, err := webauthn.RelatedOrigins([]string{"https://example.co.uk", "https://login.example.de", "https://shop.example", "http://localhost:8080"})
	if err != nil || labels != 3 { // example, shop, localhost
		t.Errorf("%d labels, %v", labels, err)
	}
	if want := `{"origins":["https://example.co.uk","https://login.example.de","https://shop.example","http://localhost:8080"]}`; string(document) != want {
		t.Errorf("document %s", document)
	}
	if document, labels, err := webauthn.RelatedOrigins(nil); string(document) != `{"origins":[]}` || labels != 0 || err != nil {
		t.Errorf("document %s, %d labels, %v", document, labels, err)
	}
	if _, _, err := webauthn.RelatedOrigins([]string{"http://example.org"}); err == nil {
		t.Error("an origin without TLS is listed")
	}
}

// FuzzNames: an RP ID that is taken is the host of an origin that is taken, and an origin is what its parts make.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{"example.org", "xn--bcher-kva.example.org", "localhost", "co.uk", "https://example.org:8443", "http://localhost:8080", "https://[::1]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if webauthn.CheckRPID(name) == nil {
			if err := webauthn.CheckOrigin("https://" + name); err != nil || strings.ContainsAny(name, ":/@?# ") {
				t.Errorf("%q, %v", name, err)
			}
		}
		if webauthn.CheckOrigin(name) != nil {
			return
		}
		u, err := url.Parse(name)
		if err != nil || (&url.URL{Scheme: u.Scheme, Host: u.Host}).String() != name || u.Hostname() == "" || strings.HasSuffix(name, ":") {
			t.Errorf("%q, %v", name, err)
		}
		if _, labels, err := webauthn.RelatedOrigins([]string{name, name}); err != nil || labels != 1 {
			t.Errorf("%q: %d labels, %v", name, labels, err)
		}
	})
}
