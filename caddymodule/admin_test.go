package caddymodule

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"
)

// admin makes the admin API of a configuration.
func admin(app *App) *adminAPI {
	return &adminAPI{active: func() caddy.Context { return app.ctx }}
}

// ask makes one call and returns its status and answer, or its error.
func ask(t *testing.T, api *adminAPI, method, path, body string) (status int, answer string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	err := api.serve(w, r)
	var refused caddy.APIError
	if errors.As(err, &refused) {
		return refused.HTTPStatus, refused.Error()
	}
	if err != nil {
		return http.StatusInternalServerError, err.Error()
	}
	return w.Code, w.Body.String()
}

func openAdmin(t *testing.T) *adminAPI {
	t.Helper()
	privateData(t)
	app, _ := mustLoad(t)
	mustOpen(t, app)
	return admin(app)
}

func TestOperatorMakesAnActivationCode(t *testing.T) {
	api := openAdmin(t)
	status, answer := ask(t, api, http.MethodPost, "/regrant/activation-codes", `{"account":"alice@example.com","subject":"alice-1","as":"Olga"}`)
	var code activationCode
	if status != http.StatusOK || json.Unmarshal([]byte(answer), &code) != nil || code.Code == "" || code.ExpiresAt.IsZero() {
		t.Errorf("status %d: %s", status, answer)
	}
}

func TestBadCallsAreRefused(t *testing.T) {
	api := openAdmin(t)
	const good = `{"account":"alice@example.com","subject":"alice-1","as":"Olga"}`
	for name, c := range map[string]struct {
		method, path, body string
		status             int
	}{
		"nobody's name":          {http.MethodPost, "/regrant/activation-codes", `{"account":"alice@example.com","subject":"alice-1"}`, 400},
		"no account":             {http.MethodPost, "/regrant/activation-codes", `{"subject":"alice-1","as":"Olga"}`, 400},
		"no subject":             {http.MethodPost, "/regrant/activation-codes", `{"account":"alice@example.com","as":"Olga"}`, 400},
		"unknown member":         {http.MethodPost, "/regrant/activation-codes", `{"account":"alice@example.com","subject":"alice-1","as":"Olga","x":1}`, 400},
		"member twice":           {http.MethodPost, "/regrant/activation-codes", `{"as":"Olga","as":"Eve"}`, 400},
		"not JSON":               {http.MethodPost, "/regrant/activation-codes", `as=Olga`, 400},
		"too large":              {http.MethodPost, "/regrant/activation-codes", `{"as":"` + strings.Repeat("x", maxBody) + `"}`, 413},
		"wrong method":           {http.MethodGet, "/regrant/activation-codes", "", 405},
		"unknown path":           {http.MethodGet, "/regrant/secrets", "", 404},
		"too long a path":        {http.MethodGet, "/regrant/recoveries/all", "", 404},
		"revoke without name":    {http.MethodPost, "/regrant/authenticators/x/revoke", `{"reason":"lost"}`, 400},
		"revoke without reason":  {http.MethodPost, "/regrant/authenticators/x/revoke", `{"as":"Olga"}`, 400},
		"revoke what is not":     {http.MethodPost, "/regrant/authenticators/x/revoke", `{"as":"Olga","reason":"lost"}`, 404},
		"limit that is no limit": {http.MethodGet, "/regrant/recoveries?limit=0", "", 400},
	} {
		t.Run(name, func(t *testing.T) {
			if status, answer := ask(t, api, c.method, c.path, c.body); status != c.status {
				t.Errorf("status %d, want %d: %s", status, c.status, answer)
			}
		})
	}
	if status, answer := ask(t, api, http.MethodPost, "/regrant/activation-codes", good); status != http.StatusOK {
		t.Errorf("the good case: status %d: %s", status, answer)
	}
}

// A page in a browser on this machine can send a form to the admin endpoint.
func TestOtherMediaTypesAreRefused(t *testing.T) {
	api := openAdmin(t)
	for path, route := range adminRoutes {
		for _, mediaType := range []string{"", "text/plain", "application/x-www-form-urlencoded"} {
			r := httptest.NewRequest(route.method, adminBase+strings.Replace(path, "*", "x", 1), strings.NewReader(`{}`))
			r.Header.Set("Content-Type", mediaType)
			err := api.serve(httptest.NewRecorder(), r)
			var refused caddy.APIError
			if got := errors.As(err, &refused) && refused.HTTPStatus == http.StatusUnsupportedMediaType; got != (route.method == http.MethodPost) {
				t.Errorf("%s as %q: %v", path, mediaType, err)
			}
		}
	}
}

func TestListsAreEmptyAtFirst(t *testing.T) {
	api := openAdmin(t)
	for _, c := range [][3]string{
		{http.MethodGet, "/regrant/recoveries"},
		{http.MethodGet, "/regrant/recoveries?limit=5"},
		{http.MethodPost, "/regrant/accounts/authenticators", `{"account":"alice/1"}`},
	} {
		if status, answer := ask(t, api, c[0], c[1], c[2]); status != http.StatusOK || strings.TrimSpace(answer) != "[]" {
			t.Errorf("%s: status %d: %s", c[1], status, answer)
		}
	}
}

func TestBrokerTellsWhatToEnterAtTheIdentityProvider(t *testing.T) {
	status, answer := ask(t, openAdmin(t), http.MethodGet, "/regrant/broker", "")
	var got brokerSettings
	if status != http.StatusOK || json.Unmarshal([]byte(answer), &got) != nil {
		t.Fatalf("status %d: %s", status, answer)
	}
	if got.ClientID != "idp" || got.ClientSecret != testSecret || got.TokenURL != testOrigin+"/recovery/oidc/token" ||
		!slices.Equal(got.RedirectURIs, []string{"https://idp.example/callback"}) {
		t.Errorf("%+v", got)
	}
}

func TestAdminAnswersThatRecoveryIsNotThere(t *testing.T) {
	none := &adminAPI{active: func() caddy.Context { return caddy.Context{} }}
	if status, answer := ask(t, none, http.MethodGet, "/regrant/broker", ""); status != http.StatusNotFound {
		t.Errorf("no app: status %d: %s", status, answer)
	}
	api := openAdmin(t)
	app, _ := api.active().AppIfConfigured("regrant")
	if err := app.(*App).Cleanup(); err != nil {
		t.Fatal(err)
	}
	if status, answer := ask(t, api, http.MethodGet, "/regrant/broker", ""); status != http.StatusServiceUnavailable {
		t.Errorf("ended configuration: status %d: %s", status, answer)
	}
}

// command runs `caddy regrant` against an admin API.
func command(t *testing.T, api *adminAPI, args ...string) (string, error) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var refused caddy.APIError
		if err := api.serve(w, r); errors.As(err, &refused) {
			http.Error(w, refused.Error(), refused.HTTPStatus)
		}
	}))
	defer server.Close()
	cmd := new(cobra.Command)
	buildCommand(cmd)
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(append(args, "--address", strings.TrimPrefix(server.URL, "http://")))
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestCommandsSpeakToTheAdminAPI(t *testing.T) {
	api := openAdmin(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"activation-code", "alice@example.com", "--subject", "alice-1", "--as", "Olga"}, "Good for one device until"},
		{[]string{"activation-code", "alice@example.com", "--subject", "alice-1", "--as", "Olga", "--json"}, `"code": "`},
		{[]string{"authenticators", "alice-1"}, "METHOD"},
		{[]string{"authenticators", "alice-1", "--json"}, "[]"},
		{[]string{"recoveries", "--limit", "3"}, "REFERENCE"},
		{[]string{"broker"}, testOrigin + "/recovery/oidc/jwks"},
	} {
		out, err := command(t, api, c.args...)
		if err != nil || !strings.Contains(out, c.want) {
			t.Errorf("%q: %v\n%s", c.args, err, out)
		}
	}
	for _, args := range [][]string{
		{"activation-code", "alice@example.com", "--subject", "alice-1"},
		{"activation-code", "--as", "Olga"},
		{"revoke", "x", "--as", "Olga"},
		{"revoke", "x", "--as", "Olga", "--reason", "lost"},
	} {
		if out, err := command(t, api, args...); err == nil {
			t.Errorf("%q succeeded:\n%s", args, out)
		}
	}
}

// Labels and identifiers were chosen by others.
func TestTablesCannotSteerATerminal(t *testing.T) {
	var out bytes.Buffer
	printAuthenticators(&out, []authenticator{{ID: "1", Label: "laptop\x1b[2J\nID\tforged"}})
	if strings.ContainsAny(out.String(), "\x1b") || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("%q", out.String())
	}
}
