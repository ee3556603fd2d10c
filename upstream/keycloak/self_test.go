package keycloak

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/upstream"
)

// Of clients that are not looked at nobody could say that they are in order.
func TestARealmOfMoreClientsThanAreLookedAtIsNotJudged(t *testing.T) {
	for clients, told := range map[int]bool{maxApplications - 1: true, maxApplications: false, maxApplications + 1: false} {
		list := "[" + strings.TrimSuffix(strings.Repeat(`{"clientId":"app"},`, clients), ",") + "]"
		a, err := New(Config{
			URL: "http://127.0.0.1:8080", PublicURL: "https://id.example.com", Realm: "people", ClientID: "gateway", ClientSecret: "secret",
			HTTPClient: &http.Client{Transport: &answers{http.StatusOK, "application/json", tokenOfGateway(), nil, []byte(list)}},
			Clock:      func() time.Time { return time.Unix(1_800_000_000, 0) },
		})
		if err != nil {
			t.Fatal(err)
		}
		apps, err := a.Applications(t.Context())
		if told && (err != nil || len(apps) != clients) || !told && (!errors.Is(err, upstream.ErrUnavailable) || apps != nil) {
			t.Errorf("%d clients: %d, %v", clients, len(apps), err)
		}
	}
}
