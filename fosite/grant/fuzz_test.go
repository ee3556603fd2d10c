package grant

import (
	"errors"
	"net/url"
	"testing"
)

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
