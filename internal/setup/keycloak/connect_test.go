package keycloak

import (
	"context"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// server is a Keycloak as far as the first questions.
func server(t *testing.T, change map[string]string) *httptest.Server {
	t.Helper()
	answers := map[string]string{
		"/realms/master/protocol/openid-connect/token": `{"access_token":"x"}`,
		"/admin/serverinfo":                            `{"systemInfo":{"version":"26.7.3"}}`,
		"/admin/realms/acme":                           `{"realm":"acme"}`,
	}
	for path, answer := range change {
		answers[path] = answer
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if answers[r.URL.Path] == "" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write([]byte(answers[r.URL.Path]))
	}))
	t.Cleanup(s.Close)
	return s
}

func connect(ctx context.Context, url string) error {
	o := good()
	o.URL = url
	_, err := Connect(ctx, o, Credentials{Realm: "master", User: "admin", Password: "secret of the administrator"})
	return err
}

func TestAServerThatIsTooOldIsRefused(t *testing.T) {
	for version, words := range map[string]string{
		"26.7.3": "", "26.7.10": "", "26.8.0": "", "27.0.0": "", "26.7.4-SNAPSHOT": "", "26.7.3.redhat-1": "",
		"26.7.2": "must be 26.7.3 or newer", "26.6.9": "must be", "25.9.9": "must be", "9.9.9": "must be",
		"": "does not tell", "26.7": "does not tell", "new.est.one": "does not tell",
	} {
		s := server(t, map[string]string{"/admin/serverinfo": `{"systemInfo":{"version":"` + version + `"}}`})
		err := connect(t.Context(), s.URL)
		if (err == nil) != (words == "") || err != nil && !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %v", version, err)
		}
	}
}

func TestAnAnswerThatIsNotKeycloaksIsRefused(t *testing.T) {
	if err := connect(t.Context(), server(t, nil).URL); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]map[string]string{
		"no token":       {"/realms/master/protocol/openid-connect/token": `{}`},
		"another realm":  {"/admin/realms/acme": `{"realm":"other"}`},
		"no realm":       {"/admin/realms/acme": ``},
		"a list":         {"/admin/realms/acme": `[]`},
		"no server info": {"/admin/serverinfo": `null x`},
	} {
		err := connect(t.Context(), server(t, change).URL)
		if err == nil || strings.Contains(err.Error(), "secret of the administrator") {
			t.Errorf("%s: %v", name, err)
		}
	}
	err := connect(t.Context(), "http://127.0.0.1:1")
	if err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("nobody there: %v", err)
	}
}

// Only a certificate that is trusted gets the password.
func TestHTTPSNeedsATrustedCertificate(t *testing.T) {
	asked := false
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer s.Close()
	if err := connect(t.Context(), s.URL); err == nil || asked {
		t.Errorf("%v, asked %t: %s", err, asked, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	}
}

func TestThePasswordIsNotSentInTheClear(t *testing.T) {
	for url, ok := range map[string]bool{
		"http://127.0.0.1:8080": true, "http://[::1]:8080": true, "http://localhost:8080": true, "https://keycloak.example": true,
		"http://keycloak.example": false, "http://192.0.2.1": false, "http://localhost.example": false, "http://127.0.0.1.example": false,
		"ftp://127.0.0.1": false, "http://127.0.0.1:8080/": false, "http://user@127.0.0.1": false, "": false,
	} {
		o := good()
		o.URL = url
		if err := o.checkURL(); (err == nil) != ok {
			t.Errorf("%q: %v", url, err)
		}
	}
}
