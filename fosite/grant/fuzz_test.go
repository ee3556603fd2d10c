package grant

import (
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

func FuzzVerify(f *testing.F) {
	x := newFixture(f)
	token := x.mint(f, good)
	for _, seed := range []string{token, "", "..", unsigned(token) + ".", "{}", "eyJhbGciOiJub25lIn0.e30.", token + token} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, mangled string) {
		got, err := x.Verify(mangled)
		if err != nil {
			wantInvalid(t, got, err)
			return
		}
		// An ECDSA signature has a second form; what is signed has one.
		again, err := x.Mint(got)
		if err != nil || unsigned(again) != unsigned(mangled) {
			t.Errorf("accepted %q, which says %+v", mangled, got)
		}
	})
}

func unsigned(token string) string { return token[:strings.LastIndexByte(token, '.')] }

func FuzzVerifySignedPayload(f *testing.F) {
	x := newFixture(f)
	f.Add(x.goodPayload(f))
	f.Add(x.with(f, "aud", []string{issuer + "/token"}))
	f.Add(x.with(f, "exp", 1e300))
	f.Add(`{}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, payload string) {
		got, err := x.Verify(x.forge(t, x.goodHeader(), payload))
		if err != nil {
			wantInvalid(t, got, err)
			return
		}
		// What was accepted can be said again, and is then the same.
		token, err := x.Mint(got)
		if err != nil {
			t.Fatalf("accepted what cannot be minted: %v", err)
		}
		again, err := x.Verify(token)
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("said again: %+v, %v; want %+v", again, err, got)
		}
	})
}

func FuzzExchange(f *testing.F) {
	x := newFixture(f)
	f.Add(tokenForm(x.mint(f, good)).Encode())
	f.Add("grant_type=" + url.QueryEscape(GrantType) + "&client_id=" + ClientDevice + "&assertion=a.b.c")
	f.Add("grant_type=password")
	f.Add("%")
	f.Fuzz(func(t *testing.T, body string) {
		_, err := x.Exchange(t.Context(), post(body), held(proofKey))
		var refusal *Error
		if err != nil && (!errors.As(err, &refusal) || refusal.Status >= 500) {
			t.Errorf("got %v", err)
		}
	})
}
