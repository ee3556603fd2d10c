package grant

import (
	"encoding/base64"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestVerifyReturnsWhatWasMinted(t *testing.T) {
	f := newFixture(t)
	want := f.recovery()
	got, err := f.Verify(f.mint(t, good))
	if err != nil {
		t.Fatal(err)
	}
	if !got.AuthTime.Equal(want.AuthTime) || !got.IssuedAt.Equal(want.IssuedAt) || !got.ExpiresAt.Equal(want.ExpiresAt) {
		t.Errorf("times differ: %v, want %v", got, want)
	}
	got.AuthTime, got.IssuedAt, got.ExpiresAt = want.AuthTime, want.IssuedAt, want.ExpiresAt
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestTokenOfAnOlderKeyVerifiesUntilThatIsRemoved(t *testing.T) {
	f := newFixture(t)
	token := f.mint(t, good)
	f.keys = []Key{newKey(t, "key-2"), f.keys[0]}
	if _, err := f.Verify(token); err != nil {
		t.Errorf("after a rotation: %v", err)
	}
	f.keys = f.keys[:1]
	got, err := f.Verify(token)
	wantInvalid(t, got, err) // the key was removed
}

func TestVerifyRefusesOtherSigners(t *testing.T) {
	f := newFixture(t)
	token := f.mint(t, good)
	f.keys = []Key{{ID: "key-1", Private: newKey(t, "stranger").Private}} // the same issuer and identifier
	got, err := f.Verify(token)
	wantInvalid(t, got, err)
}

func TestVerifyToleratesClocksHalfAMinuteApart(t *testing.T) {
	f := newFixture(t)
	ahead := func(r *Recovery) {
		r.IssuedAt, r.ExpiresAt = r.IssuedAt.Add(30*time.Second), r.ExpiresAt.Add(30*time.Second)
	}
	if _, err := f.Verify(f.mint(t, ahead)); err != nil {
		t.Error(err)
	}
}

func TestVerifyRefusesExpiredTokenByInjectedClock(t *testing.T) {
	f := newFixture(t)
	token := f.mint(t, good)
	f.now = f.recovery().ExpiresAt.Add(-time.Second)
	if _, err := f.Verify(token); err != nil {
		t.Errorf("one second before: %v", err)
	}
	f.now = f.now.Add(time.Second)
	got, err := f.Verify(token)
	wantInvalid(t, got, err)
}

func TestMintRefusesWhatVerifyWould(t *testing.T) {
	f := newFixture(t)
	for name, change := range map[string]func(*Recovery){
		"zero":              func(r *Recovery) { *r = Recovery{} },
		"lives 301 seconds": func(r *Recovery) { r.ExpiresAt = r.IssuedAt.Add(301 * time.Second) },
		"weak jti":          func(r *Recovery) { r.JTI = "1" },
		"no scope":          func(r *Recovery) { r.Scope = "" },
		"no key":            func(r *Recovery) { r.Thumbprint, r.CertificateSHA256 = "", "" },
	} {
		t.Run(name, func(t *testing.T) {
			r := f.recovery()
			change(&r)
			token, err := f.Mint(r)
			if token != "" {
				t.Errorf("minted %s", token)
			}
			wantInvalid(t, Recovery{}, err)
		})
	}
}

// Whose token it is and for whom is for the server to say; every other claim is tested where tokens are judged.
func TestMintedTokenIsForTheTokenEndpointOfItsIssuer(t *testing.T) {
	f := newFixture(t)
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(f.mint(t, good), ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct{ Iss, Aud string }
	if err := json.Unmarshal(payload, &claims); err != nil || claims.Iss != issuer || claims.Aud != issuer+"/token" {
		t.Errorf("got %+v, %v", claims, err)
	}
}
