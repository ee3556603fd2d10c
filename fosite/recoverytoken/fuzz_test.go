package recoverytoken

import (
	"reflect"
	"strings"
	"testing"
)

func FuzzVerify(f *testing.F) {
	x := newFixture(f)
	token := x.sign(f, goodHeader, x.payload(f))
	for _, seed := range []string{token, "", "..", token + "\n", "{}", "eyJhbGciOiJub25lIn0.e30.", token + token} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, mangled string) {
		got, err := x.Verify(mangled, now)
		if err != nil {
			x.refusal(t, mangled)
			return
		}
		// An ECDSA signature has a second form; what is signed has one.
		if again, err := x.Payload(got, now); err != nil || b64(again) != strings.Split(mangled, ".")[1] {
			t.Errorf("accepted %q, which says %+v", mangled, got)
		}
	})
}

func FuzzVerifySignedPayload(f *testing.F) {
	x := newFixture(f)
	f.Add(x.payload(f))
	f.Add(x.with(f, "aud", []string{x.Audience}))
	f.Add(x.with(f, "exp", 1e300))
	f.Add(`{}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, payload string) {
		token := x.sign(t, goodHeader, payload)
		got, err := x.Verify(token, now)
		if err != nil {
			x.refusal(t, token)
			return
		}
		// What was accepted can be said again, and is then the same.
		said, err := x.Payload(got, now)
		if err != nil {
			t.Fatalf("accepted what cannot be said: %v", err)
		}
		again, err := x.Verify(x.sign(t, goodHeader, string(said)), now)
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("said again: %+v, %v; want %+v", again, err, got)
		}
	})
}
