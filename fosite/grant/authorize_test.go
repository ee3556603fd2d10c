package grant

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestAuthorizeRefusals(t *testing.T) {
	f := newFixture(t)
	response, err := f.Exchange(t.Context(), post(tokenForm(f.mint(t, good)).Encode()), held(proofKey))
	if err != nil {
		t.Fatal(err)
	}
	token := response.AccessToken
	other := newFixture(t)
	other.config.Secret = []byte(strings.Repeat("h", 32))
	other.config.Recoveries = f.store
	stranger, err := New(other.config)
	if err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func() error{
		"another key":    func() error { _, err := f.Authorize(t.Context(), token, certificate, ""); return err },
		"no key":         func() error { _, err := f.Authorize(t.Context(), token, "", ""); return err },
		"empty":          func() error { _, err := f.Authorize(t.Context(), "", proofKey, ""); return err },
		"line break":     func() error { _, err := f.Authorize(t.Context(), token+"\n", proofKey, ""); return err },
		"recovery token": func() error { _, err := f.Authorize(t.Context(), f.mint(t, good), proofKey, ""); return err },
		"signature only": func() error {
			_, err := f.Authorize(t.Context(), strings.Split(token, ".")[1], proofKey, "")
			return err
		},
		"another secret": func() error { _, err := stranger.Authorize(t.Context(), token, proofKey, ""); return err },
	} {
		t.Run(name, func(t *testing.T) { wantInvalid(t, Recovery{}, call()) })
	}
	for i := range token {
		mangled := []byte(token)
		mangled[i] ^= 1
		if _, err := f.Authorize(t.Context(), string(mangled), proofKey, ""); err == nil {
			t.Errorf("byte %d mangled: accepted", i)
		}
	}
}

func TestAuthorizeJudgesExpiryByInjectedClock(t *testing.T) {
	f := newFixture(t)
	response, err := f.Exchange(t.Context(), post(tokenForm(f.mint(t, good)).Encode()), held(proofKey))
	if err != nil {
		t.Fatal(err)
	}
	start := f.now
	f.now = start.Add(AccessTokenLifetime - time.Second)
	if _, err := f.Authorize(t.Context(), response.AccessToken, proofKey, ""); err != nil {
		t.Errorf("one second before: %v", err)
	}
	f.now = start.Add(AccessTokenLifetime)
	_, err = f.Authorize(t.Context(), response.AccessToken, proofKey, "")
	wantInvalid(t, Recovery{}, err)
}

func TestAuthorizeTellsFailureFromRefusal(t *testing.T) {
	f := newFixture(t)
	response, err := f.Exchange(t.Context(), post(tokenForm(f.mint(t, good)).Encode()), held(proofKey))
	if err != nil {
		t.Fatal(err)
	}
	f.store.failure = errors.New("disk gone")
	if _, err := f.Authorize(t.Context(), response.AccessToken, proofKey, ""); !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrInvalid) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	f.store.failure = nil
	delete(f.store.tokens, strings.Split(response.AccessToken, ".")[1])
	_, err = f.Authorize(t.Context(), response.AccessToken, proofKey, "")
	wantInvalid(t, Recovery{}, err)
}
