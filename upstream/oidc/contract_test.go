package oidc_test

import (
	"cmp"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/child"
	"github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/oidc"
	"github.com/regrant/regrant/upstream/upstreamtest"
)

const (
	gatewaySecret = "a-secret-of-the-gateway"
	callback      = "/recovery/login/callback"
)

// demo is the small identity provider of this repository, a process of its own behind an origin with a certificate.
type demo struct {
	site *httptest.Server
	url  string // its own address
}

// realProvider starts one. The quick tests and a machine without the program skip; continuous integration must have it.
func realProvider(t *testing.T) demo {
	t.Helper()
	if testing.Short() {
		t.Skip("starts an identity provider")
	}
	program, err := filepath.Abs(filepath.Join(cmp.Or(os.Getenv("REGRANT_BIN"), "../../bin"), "demoidp"))
	must(t, err)
	if _, err := os.Stat(program); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	port, err := keycloak.FreePort()
	must(t, err)
	p := demo{url: fmt.Sprintf("http://127.0.0.1:%d", port)}
	to, err := url.Parse(p.url)
	must(t, err)
	mux := http.NewServeMux()
	mux.HandleFunc(callback, func(http.ResponseWriter, *http.Request) {})
	mux.Handle("/", &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host }})
	p.site = httptest.NewTLSServer(mux)
	t.Cleanup(p.site.Close)

	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "secret"), []byte(gatewaySecret), 0o600))
	text, err := json.Marshal(map[string]any{
		"addr": fmt.Sprintf("127.0.0.1:%d", port), "origin": p.site.URL, "users": []string{},
		"broker": map[string]string{"issuer": "https://gateway.example.com/recovery/oidc", "client_id": "demo-idp", "client_secret_file": filepath.Join(dir, "secret")},
		"clients": []map[string]any{
			{"id": "regrant-gateway", "secret_file": filepath.Join(dir, "secret"), "redirect_uris": []string{p.site.URL + callback}},
		},
	})
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "demoidp.json"), text, 0o600))
	process, err := child.Start(exec.Command(program, "-config", filepath.Join(dir, "demoidp.json")), syscall.SIGKILL)
	must(t, err)
	t.Cleanup(process.Stop)
	must(t, process.Await(t.Context(), 30*time.Second, "the identity provider", func() bool {
		resp, err := http.Get(p.url + "/login")
		return err == nil && resp.Body.Close() == nil
	}))
	return p
}

// In front of a real Keycloak it is kept, too: upstream/keycloak has the server, and the test.
func TestAdapterKeepsTheContract(t *testing.T) {
	p := realProvider(t)
	upstreamtest.Run(t, upstreamtest.Fixture{
		URL: p.url,
		New: func(t testing.TB, address string) upstream.Adapter {
			a, err := oidc.New(oidc.Config{
				URL: address, PublicURL: p.site.URL, ClientID: "regrant-gateway", ClientSecret: gatewaySecret,
				BrokerRedirects: []string{p.site.URL + "/callback"}, HTTPClient: p.site.Client(),
			})
			must(t, err)
			return a
		},
		Alice:       upstreamtest.Person{ID: "alice-0001", Identifiers: []string{"alice"}},
		RedirectURI: p.site.URL + callback, LogIn: p.logIn,
	})
}

func (p demo) logIn(t testing.TB, to string, l upstream.Login) upstream.Answer {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(p.site.Certificate())
	b := browser.New(roots)
	page, err := b.Open(t.Context(), to)
	must(t, err)
	page, err = b.Submit(t.Context(), page, "/login", url.Values{"username": {"alice"}, "password": {"alice-password"}})
	must(t, err)
	back := page.URL.Query()
	if page.URL.Path != callback || back.Get("state") != l.State {
		t.Fatalf("the browser is at %s: %s", page.URL, page.Text())
	}
	return upstream.Answer{Code: back.Get("code"), Issuer: back.Get("iss")}
}
