package upstream_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/regrant/regrant/upstream"
)

func TestOnlyOneSpellingOfAPathIsCanonical(t *testing.T) {
	for target, want := range map[string]bool{
		"/": true, "/a": true, "/a/": true, "/a/b-c._~": true, "/a:b@c!$&'()*+,=": true, "/%C3%A4": true, "/%c3%a4%20": true,
		"": false, "//": false, "/a//b": false, "/a//": false, "/.": false, "/a/..": false, "/a/./b": false, "/...": true,
		"/%2e": false, "/%61": false, "/a%2Fb": false, "/a%5cb": false, "/a;b": false, "/a%3Bb": false, "/a%3fb": false,
		"/a%23b": false, "/a%25b": false, "/a%00": false, "/a%0a": false, "/a%7F": false, "/%ff": false, "/%c0%af": false,
		`/a\b`: false, "/ä": false,
		"/a?": true, "/a?b=c%23d&%zz;//../": true, "/a?b=c#d": false, "/a?#": false, "/a#b": false,
	} {
		u := &url.URL{}
		if target != "" {
			var err error
			if u, err = url.ParseRequestURI(target); err != nil {
				t.Fatal(err)
			}
		}
		if got := upstream.Canonical(u); got != want {
			t.Errorf("%q canonical: %v, want %v", target, got, want)
		}
	}
}

func TestSomeReadingSeesThroughADisguise(t *testing.T) {
	for _, target := range []string{
		"/admin/x", "//admin/x", "/admin//x/", "/./admin/x", "/a/../admin/x", "/a/%2e%2e/admin/x", "/a/..;b/admin/x",
		"/;/admin/x", "/admin;b/x;c", `/admin\x`, "/admin%5cx", "/admin%2fx", "/%61dmin/x", "/%2561dmin/x", "/a/%252e%252e/admin/x",
		"/admin/..;/../x", `/admin/a\..\..\../../x`, `/admin/..;/..\b/../../x`,
	} {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			t.Fatal(err)
		}
		if got := upstream.Readings(u); !slices.Contains(got, "/admin/x") {
			t.Errorf("%q read as %q", target, got)
		}
	}
}

func TestADisguiseIsRefusedWhereItConcernsTheServer(t *testing.T) {
	concerns := func(path string) bool { return path == "/admin/x" }
	for target, want := range map[string]struct {
		kind      upstream.VerdictKind
		canonical bool
	}{
		"/admin/x": {upstream.Pass, true}, "/app": {upstream.Pass, true}, "//app": {upstream.Pass, false},
		"//admin/x": {upstream.NotCanonical, false}, "/%61dmin/x": {upstream.NotCanonical, false},
	} {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			t.Fatal(err)
		}
		if v, canonical := upstream.Spelled(u, concerns); v.Kind != want.kind || canonical != want.canonical {
			t.Errorf("%q: %+v, canonical %v", target, v, canonical)
		}
	}
}

func FuzzACanonicalPathHasOneReading(f *testing.F) {
	for _, seed := range []string{"/", "/realms/acme/", "/%C3%A4", "/a;b", "/%2e%2e/", "//x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !upstream.Canonical(u) {
			return
		}
		want := u.Path
		if len(want) > 1 {
			want = strings.TrimSuffix(want, "/")
		}
		if got := upstream.Readings(u); !slices.Equal(got, []string{want}) {
			t.Errorf("%q is canonical but can be read as %q", target, got)
		}
	})
}

func TestOnlyThisMachineIsLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LocalHost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "0.0.0.0": false, "::": false, "10.0.0.1": false, "127.0.0.1.example.com": false, "localhost.example.com": false, "0127.0.0.1": false,
	} {
		if got := upstream.Loopback(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}
