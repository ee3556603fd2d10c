package oidc_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/regrant/regrant/upstream"
)

func TestALoginTellsHowAndWhenThePersonSignedIn(t *testing.T) {
	p := newProvider(t)
	const ago = 30 * time.Second // when the ID token is made, which is now
	maps.Copy(p.claims, map[string]any{"auth_time": p.claims["iat"].(int64) - int64(ago.Seconds()), "acr": "gold", "amr": []string{"pwd", "otp"}})
	adapter, begin := p.adapter(t), time.Now()
	who, err := adapter.LoginResult(t.Context(), back, login)
	end := time.Now()
	must(t, err)
	if who.ACR != "gold" || !slices.Equal(who.AMR, []string{"pwd", "otp"}) {
		t.Errorf("principal %+v", who)
	}
	if at := who.AuthenticatedAt.Add(ago); at.Before(begin) || at.After(end) {
		t.Errorf("signed in %s ago", time.Since(who.AuthenticatedAt))
	}
}

func TestOnlyNamesThatTheProviderVouchesForAreTaken(t *testing.T) {
	for name, c := range map[string]struct {
		claims map[string]any
		want   []string
	}{
		"both":              {map[string]any{"preferred_username": "alice", "email": "alice@example.com", "email_verified": true}, []string{"alice", "alice@example.com"}},
		"one and the same":  {map[string]any{"preferred_username": "a@example.com", "email": "a@example.com", "email_verified": true}, []string{"a@example.com"}},
		"address unproven":  {map[string]any{"preferred_username": "alice", "email": "bob@example.com", "email_verified": false}, []string{"alice"}},
		"nothing is proven": {map[string]any{"preferred_username": "alice", "email": "bob@example.com"}, []string{"alice"}},
		"none":              {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			maps.Copy(p.claims, c.claims)
			who, err := p.adapter(t).LoginResult(t.Context(), back, login)
			must(t, err)
			if !slices.Equal(who.Identifiers, c.want) {
				t.Errorf("identifiers %q, want %q", who.Identifiers, c.want)
			}
		})
	}
}

func TestNamesThatTheIDTokenLacksAreAskedFor(t *testing.T) {
	alice := map[string]any{"sub": "account-1", "preferred_username": "alice"}
	for name, c := range map[string]struct {
		status int
		answer any
		want   error
	}{
		"about the same person": {http.StatusOK, alice, nil},
		"about somebody else":   {http.StatusOK, map[string]any{"sub": "account-2", "preferred_username": "alice"}, upstream.ErrRefused},
		"about nobody":          {http.StatusOK, map[string]any{"preferred_username": "alice"}, upstream.ErrRefused},
		"not now":               {http.StatusInternalServerError, alice, upstream.ErrUnavailable},
		"not this":              {http.StatusOK, "alice", upstream.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			info := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "Bearer x" {
					t.Error("asked without the access token")
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(c.status)
				_ = json.NewEncoder(w).Encode(c.answer)
			}))
			defer info.Close()
			p.metadata["userinfo_endpoint"] = info.URL
			who, err := p.adapter(t).LoginResult(t.Context(), back, login)
			if !errors.Is(err, c.want) || (err == nil) != slices.Equal(who.Identifiers, []string{"alice"}) {
				t.Errorf("%+v, %v, want %v", who, err, c.want)
			}
		})
	}
}

// The mix-up of two providers (RFC 9207).
func TestAnAnswerOfAnotherProviderIsNotTakenToThisOne(t *testing.T) {
	for name, c := range map[string]struct {
		announced bool
		iss       string
		want      error
	}{
		"named":                   {true, issuer, nil},
		"named unasked":           {false, issuer, nil},
		"not named, as usual":     {false, "", nil},
		"not named, but it would": {true, "", upstream.ErrRefused},
		"another":                 {true, "https://elsewhere.example", upstream.ErrRefused},
		"another, unasked":        {false, issuer + "/", upstream.ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			p.metadata["authorization_response_iss_parameter_supported"] = c.announced
			_, err := p.adapter(t).LoginResult(t.Context(), upstream.Answer{Code: "code", Issuer: c.iss}, login)
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// An ID token that anybody can make, or that is signed with what the provider shares with every client.
func TestOnlyAKeyOfTheProvidersOwnSigns(t *testing.T) {
	b64 := base64.RawURLEncoding.EncodeToString
	for name, sign := range map[string]func(payload []byte) string{
		"alg none": func(payload []byte) string { return b64([]byte(`{"alg":"none"}`)) + "." + b64(payload) + "." },
		"alg HS256 with the client's secret": func(payload []byte) string {
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte("secret-secret-secret-secret-secret")}, nil)
			must(t, err)
			var claims map[string]any
			must(t, json.Unmarshal(payload, &claims))
			token, err := jwt.Signed(signer).Claims(claims).Serialize()
			must(t, err)
			return token
		},
		"no JWT": func([]byte) string { return "x" },
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			p.metadata["id_token_signing_alg_values_supported"] = []string{"none", "HS256", "ES256"}
			payload, err := json.Marshal(p.claims)
			must(t, err)
			p.token = func(w http.ResponseWriter, _ string) {
				reply(w, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": sign(payload)})
			}
			if who, err := p.adapter(t).LoginResult(t.Context(), back, login); err == nil || who.AccountID != "" {
				t.Errorf("%+v was let in", who)
			}
		})
	}
}

func TestALoginAsksForTheClassesThatAreWanted(t *testing.T) {
	better := login
	better.ACR = []string{"gold", "platinum"}
	address, err := newProvider(t).adapter(t).LoginURL(t.Context(), better)
	must(t, err)
	u, err := url.Parse(address)
	must(t, err)
	if got := u.Query().Get("acr_values"); got != "gold platinum" {
		t.Errorf("acr_values %q", got)
	}
}

// Who forgets to say when a login began must not have every older session accepted.
func TestALoginWithoutABeginningAcceptsNoOlderSession(t *testing.T) {
	p := newProvider(t)
	p.claims["auth_time"] = time.Now().Add(-time.Minute).Unix()
	careless := login
	careless.Started = time.Time{}
	if _, err := p.adapter(t).LoginResult(t.Context(), back, careless); !errors.Is(err, upstream.ErrRefused) {
		t.Errorf("%v, want refused", err)
	}
}
