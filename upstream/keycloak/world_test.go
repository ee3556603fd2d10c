package keycloak_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	server "github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/upstream/keycloak"
)

// world is a real Keycloak behind a small gateway: a TLS origin that answers
// as the realm's broker and forwards the rest.
type world struct {
	*server.Server
	origin  *httptest.Server
	broker  *broker
	adapter *keycloak.Adapter
	log     bytes.Buffer
}

var (
	theWorld *world
	errStart error
	start    sync.Once
)

func TestMain(m *testing.M) {
	code := m.Run()
	if theWorld != nil {
		theWorld.Stop()
		theWorld.origin.Close()
	}
	os.Exit(code)
}

// realKeycloak starts the server at the first use. The quick tests and a
// machine without a JDK skip; continuous integration must have one.
func realKeycloak(t *testing.T) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a real Keycloak")
	}
	if err := server.Missing(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	start.Do(func() { errStart = startWorld(t) })
	if errStart != nil {
		t.Fatal(errStart)
	}
	return theWorld
}

func startWorld(t *testing.T) error {
	w := &world{}
	mux := http.NewServeMux()
	w.origin = httptest.NewTLSServer(mux)
	w.broker = newBroker(w.origin.URL + "/recovery/oidc")
	w.broker.register(mux)

	truststore := filepath.Join(t.TempDir(), "gateway.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.origin.Certificate().Raw})
	if err := os.WriteFile(truststore, certificate, 0o600); err != nil {
		return err
	}
	var err error
	// Not bound to this test: the server serves all tests and is stopped after the last.
	w.Server, err = server.Start(context.WithoutCancel(t.Context()), server.Options{Origin: w.origin.URL, TruststoreFile: truststore, Log: &w.log})
	if err != nil {
		w.origin.Close()
		return fmt.Errorf("%v\n%s", err, w.log.Bytes())
	}
	theWorld = w
	w.broker.clientID, w.broker.clientSecret, w.broker.audience = w.BrokerID, w.BrokerSecret, w.origin.URL+"/realms/"+w.Realm
	w.adapter = w.newAdapter(t, w.URL)

	target, err := url.Parse(w.URL)
	if err != nil {
		return err
	}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.SetXForwarded()
	}}
	mux.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) {
		drop(r, w.adapter.Guard(r).DropCookies)
		forward.ServeHTTP(rw, r)
	})
	return nil
}

func (w *world) newAdapter(t testing.TB, address string) *keycloak.Adapter {
	t.Helper()
	a, err := keycloak.New(w.config(address))
	must(t, err)
	return a
}

func (w *world) config(address string) keycloak.Config {
	return keycloak.Config{
		URL: address, PublicURL: w.origin.URL, Realm: w.Realm,
		ClientID: server.ClientID, ClientSecret: w.ClientSecret, Strict: true,
		GrantClientID: server.ProgramsID, GrantClientSecret: w.ProgramsSecret,
	}
}

// user returns the id of a user, restored to the state of the realm file.
func (w *world) user(t testing.TB, name string) string {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // also used while cleaning up
	id, err := w.UserID(ctx, name)
	must(t, err)
	must(t, w.Admin(ctx, "PUT", "/users/"+id, map[string]any{"requiredActions": []string{}}, nil))
	must(t, w.Admin(ctx, "DELETE", "/attack-detection/brute-force/users/"+id, nil, nil))
	must(t, w.Admin(ctx, "POST", "/users/"+id+"/logout", nil, nil))
	must(t, w.ResetPassword(ctx, id, name+"-password"))
	_ = w.Admin(ctx, "DELETE", "/users/"+id+"/federated-identity/"+server.Alias, nil, nil) // mostly there is none
	return id
}

// drop removes cookies from a request, as the gateway does.
func drop(r *http.Request, names []string) {
	cookies := r.Cookies()
	r.Header.Del("Cookie")
	for _, c := range cookies {
		if !strings.Contains(" "+strings.Join(names, " ")+" ", " "+c.Name+" ") {
			r.AddCookie(c)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
