package kratos

import (
	"net/url"
	"testing"
)

const public = "https://id.example.com"

func plainConfig() Config {
	return Config{URL: "http://127.0.0.1:4433", AdminURL: "http://127.0.0.1:4434", PublicURL: public, EntryURL: public + "/recovery", Programs: true}
}

func newPlain(t testing.TB) *Adapter {
	t.Helper()
	a, err := New(plainConfig())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestABrowserGoesBackToWholeAddressesOnly(t *testing.T) {
	a := newPlain(t)
	for to, want := range map[string]string{
		"https://app.example.com":                "https://app.example.com",
		"https://app.example.com/a?b=c&d#e":      "https://app.example.com/a?b=c&d#e",
		"http://localhost:3000/":                 "http://localhost:3000/",
		"":                                       "",
		"/settings":                              "",
		"settings":                               "",
		"//evil.example/":                        "",
		"///evil.example/":                       "",
		`\\evil.example\`:                        "",
		`/\evil.example/`:                        "",
		`https:\\evil.example`:                   "",
		`https://app.example.com\@evil.example/`: "",
		`https://app.example.com\.evil.example/`: "",
		`https://app.example.com/?\evil`:         "",
		"https:evil.example":                     "",
		"https:///evil.example":                  "",
		"https://":                               "",
		"https://app.example.com@evil.example/":  "",
		"https://:secret@evil.example/":          "",
		"javascript:alert(1)":                    "",
		"javascript://app.example.com/%0aalert":  "",
		"data:text/html,x":                       "",
		"ftp://app.example.com/":                 "",
		" https://app.example.com":               "",
		"https://app.example.com/\n":             "",
		"https://app.exa\tmple.com/":             "",
	} {
		if got, again := a.target(url.Values{returnTo: {to}}.Encode()); got != want || again {
			t.Errorf("%q: %q, want %q", to, got, want)
		}
	}
	if got, _ := a.target("return_to=%zz"); got != "" {
		t.Errorf("an entry that cannot be read: %q", got)
	}
}

func TestALoginOfHydrasGoesOnAtKratos(t *testing.T) {
	a := newPlain(t)
	entry := url.Values{loginChallenge: {"a&b=c#d"}, returnTo: {"https://app.example.com"}}.Encode()
	got, again := a.target(entry)
	if want := public + "/self-service/login/browser?login_challenge=a%26b%3Dc%23d"; got != want || !again {
		t.Errorf("%q, %v, want %q", got, again, want)
	}
}
