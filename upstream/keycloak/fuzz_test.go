package keycloak

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/upstream"
)

// answers is a server that says the same to every question of a kind.
type answers struct {
	status              int
	kind                string
	token, object, list []byte
}

var lists = map[string]bool{"users": true, "clients": true, "composite": true, "credentials": true}

// RoundTrip implements [http.RoundTripper].
func (s *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	resp := &http.Response{StatusCode: s.status, Header: http.Header{"Content-Type": {s.kind}}, Request: r}
	body := s.object
	switch end := path.Base(r.URL.Path); {
	case end == "auth": // a version that is new enough
		resp.StatusCode = http.StatusBadRequest
		if back := r.URL.Query().Get("redirect_uri"); strings.HasSuffix(back, "#probe=1") {
			resp.StatusCode, resp.Header = http.StatusFound, http.Header{"Location": {back}}
		}
	case end == "token":
		resp.StatusCode, body = http.StatusOK, s.token
	case lists[end]:
		body = s.list
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// tokenOf is how a service account is given an access token, which nobody verifies who gets it over his own connection.
func tokenOfGateway() []byte {
	claims := `{"iss":"https://id.example.com/realms/people","azp":"gateway","iat":1800000000}`
	return []byte(`{"access_token":"e30.` + base64.RawURLEncoding.EncodeToString([]byte(claims)) + `.AA","token_type":"Bearer","expires_in":60}`)
}

// FuzzAnswers: whatever the server answers, it is about whom was asked about, or an error that its callers know.
func FuzzAnswers(f *testing.F) {
	const id, kind = "4b1d", "application/json"
	token := tokenOfGateway()
	object := []byte(`{"id":"4b1d","username":"alice","email":"alice@example.com","enabled":true,"disabled":false,"requiredActions":[]}`)
	list := []byte(`[{"id":"4b1d","username":"alice","clientId":"realm-management","name":"admin","type":"otp","createdDate":1}]`)
	f.Add(http.StatusOK, kind, token, object, list)
	f.Add(http.StatusOK, kind, token, object, []byte("[]"))
	f.Add(http.StatusOK, kind, token, []byte("null"), []byte("null"))
	f.Add(http.StatusOK, kind, []byte(`{"access_token":"e30.e30.AA","token_type":"Bearer","expires_in":-1}`), object, list)
	f.Add(http.StatusOK, kind, []byte(`{"error":"invalid_grant","error_description":"Token reuse detected"}`), object, list)
	f.Add(http.StatusNotFound, kind, token, []byte(`{"error":"User not found"}`), []byte(`{"errorMessage":"x"}`))
	f.Add(http.StatusForbidden, "text/html", []byte("{}"), object, list)
	f.Fuzz(func(t *testing.T, status int, kind string, token, object, list []byte) {
		a, err := New(Config{
			URL: "http://127.0.0.1:8080", PublicURL: "https://id.example.com", Realm: "people", ClientID: "gateway", ClientSecret: "secret",
			HTTPClient: &http.Client{Transport: &answers{status, kind, token, object, list}}, Clock: func() time.Time { return time.Unix(1_800_000_000, 0) },
		})
		if err != nil {
			t.Fatal(err)
		}
		state, err := a.State(t.Context(), id)
		mustBeKnown(t, err)
		if err == nil && (state.ID != id || state.Identifiers[0] == "") {
			t.Errorf("%+v", state)
		}
		found, err := a.Resolve(t.Context(), "Alice")
		mustBeKnown(t, err)
		if err == nil && (found.ID == "" || !strings.EqualFold(found.Identifiers[0], "alice") && !strings.EqualFold(found.Identifiers[len(found.Identifiers)-1], "alice")) {
			t.Errorf("%+v", found)
		}
		got, _, err := a.api.requestToken(t.Context(), "gateway", "secret", nil)
		mustBeKnown(t, err)
		if err == nil && (got.AccessToken == "" || got.lasts() <= 0) {
			t.Errorf("%+v", got)
		}
		_, err = a.best(t.Context(), id)
		mustBeKnown(t, err)
		_, err = a.locked(t.Context(), id)
		mustBeKnown(t, err)
	})
}

func mustBeKnown(t *testing.T, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, upstream.ErrUnavailable) && !errors.Is(err, upstream.ErrNoAccount) && !errors.Is(err, upstream.ErrAmbiguous) {
		t.Errorf("%v", err)
	}
}
