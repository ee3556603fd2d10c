package hydra

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/regrant/regrant/upstream"
)

// A secret is taken, refused, or nobody can tell: no other answer counts as either.
func TestASecretThatIsRefusedIsToldFromAnAnswerThatSaysNothing(t *testing.T) {
	const asJSON = "application/json"
	for name, c := range map[string]struct {
		status  int
		kind    string
		body    string
		untaken []string
		unknown bool
	}{
		"taken":                {400, asJSON, `{"error":"invalid_grant"}`, nil, false},
		"may not use codes":    {400, asJSON, `{"error":"unauthorized_client"}`, nil, false},
		"refused":              {401, asJSON, `{"error":"invalid_client"}`, []string{"gateway", "programs"}, false},
		"refused by a proxy":   {401, "text/html", `<html>`, nil, true},
		"another refusal":      {401, asJSON, `{"error":"login_required"}`, nil, true},
		"a code that is taken": {200, asJSON, `{"access_token":"x"}`, nil, true},
		"an error page":        {500, asJSON, `{"error":"server_error"}`, nil, true},
		"a bad request":        {400, asJSON, `{}`, nil, true},
		"HTML":                 {400, "text/html", `{"error":"invalid_grant"}`, nil, true},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if id, secret, ok := r.BasicAuth(); !ok || id == "" || secret != id+"%3A+secret" {
				t.Errorf("%s: it comes as %q", name, id)
			}
			w.Header().Set("Content-Type", c.kind)
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.body)
		}))
		a, err := New(Config{
			URL: server.URL, AdminURL: server.URL, PublicURL: "https://id.example.com", ClientID: "gateway", ClientSecret: "gateway: secret",
			GrantClientID: "programs", GrantClientSecret: "programs: secret", GrantScope: []string{"x"},
		})
		if err != nil {
			t.Fatal(err)
		}
		untaken, err := a.Untaken(t.Context())
		if errors.Is(err, upstream.ErrUnavailable) != c.unknown || !c.unknown && err != nil || !slices.Equal(untaken, c.untaken) {
			t.Errorf("%s: %q, %v", name, untaken, err)
		}
		server.Close()
	}
}
