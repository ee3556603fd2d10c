package chromium_test

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/chromium"
)

const rpID = "example.test"

// page is a site that has its visitor make and use credentials.
const page = `<!doctype html><title>Site</title>
<script>
const b64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
const bytes = (text) => Uint8Array.from(atob(text), c => c.charCodeAt(0));
async function register(challenge, verification) {
  const c = await navigator.credentials.create({publicKey: {
    challenge: bytes(challenge), rp: {id: "example.test", name: "Site"}, user: {id: bytes("dXNlcg=="), name: "alice", displayName: "Alice"},
    pubKeyCredParams: [{type: "public-key", alg: -7}], attestation: "none",
    authenticatorSelection: {residentKey: "preferred", userVerification: verification},
  }});
  return {id: b64(c.rawId), publicKey: b64(c.response.getPublicKey()), authenticatorData: b64(c.response.getAuthenticatorData()), clientData: b64(c.response.clientDataJSON)};
}
async function use(challenge, verification, signal) {
  const c = await navigator.credentials.get({signal, publicKey: {challenge: bytes(challenge), rpId: "example.test", userVerification: verification}});
  return {id: b64(c.rawId), authenticatorData: b64(c.response.authenticatorData), clientData: b64(c.response.clientDataJSON), signature: b64(c.response.signature), userHandle: b64(c.response.userHandle)};
}
</script>
<form method="get" action="/hello"><input name="who" value="nobody"><button>Greet</button></form>`

// site serves the page over TLS.
type site struct {
	url         string
	certificate *x509.Certificate
}

func newSite(t *testing.T) *site {
	t.Helper()
	if err := chromium.Missing(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	if testing.Short() {
		t.Skip("starts a browser")
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, page)
	})
	mux.HandleFunc("GET /hello", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "Hello, %s.", r.FormValue("who")) })
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	_, port, _ := strings.Cut(server.Listener.Addr().String(), ":")
	return &site{url: "https://id.example.test:" + port, certificate: server.Certificate()}
}

// visit opens the site in a browser of its own.
func (s *site) visit(t *testing.T) *chromium.Browser {
	t.Helper()
	b, err := chromium.Start(t.Context(), chromium.Options{
		Hosts: map[string]string{"*.example.test": "127.0.0.1"}, Accepted: []*x509.Certificate{s.certificate},
	})
	fatal(t, err)
	t.Cleanup(b.Close)
	fatal(t, b.Open(s.url))
	return b
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
