package keycloak_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/keycloak"
)

// Several wait for the one token. Whoever has less time gives up, whatever happens to who asks for it.
func TestNobodyWaitsLongerForATokenThanHeWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, err := keycloak.New(keycloak.Config{
			URL: "http://127.0.0.1:8080", PublicURL: "https://id.example.com", Realm: "acme", ClientID: "gateway", ClientSecret: "secret", Alias: "regrant",
			HTTPClient: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			})},
		})
		must(t, err)
		ask := func(life time.Duration) (time.Duration, error) {
			ctx, cancel := context.WithTimeout(t.Context(), life)
			defer cancel()
			began := time.Now()
			_, err := a.State(ctx, "id")
			return time.Since(began), err
		}
		go func() { _, _ = ask(4 * time.Second) }()
		synctest.Wait() // it has no answer yet
		if took, err := ask(time.Second); !errors.Is(err, upstream.ErrUnavailable) || took != time.Second {
			t.Errorf("%v after %s", err, took)
		}
	})
}
