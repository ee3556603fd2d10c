package env

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// App is the application that people want to get into: an OpenID Connect client with state and PKCE. It shows who
// signed in and how.
type App struct {
	URL      string
	at       endpoints
	clientID string
	client   *http.Client
	server   *http.Server

	mu      sync.Mutex
	pending map[string]string // state → code verifier
}

// startApp listens first, so that its address can be registered at the identity provider.
func startApp(clientID string) (*App, net.Listener, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	return &App{URL: "http://" + listener.Addr().String(), clientID: clientID, pending: map[string]string{}}, listener, nil
}

// CallbackURL is the application's redirect URI.
func (a *App) CallbackURL() string { return a.URL + "/callback" }

// endpoints are those of the identity provider that the application uses, through the gateway.
type endpoints struct {
	authorize, token string
	push             string // "" if the identity provider has none
}

func (a *App) serve(listener net.Listener, at endpoints, client *http.Client) {
	a.at, a.client = at, client
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.start)
	if at.push != "" {
		mux.HandleFunc("GET /pushed", a.startPushed)
	}
	mux.HandleFunc("GET /callback", a.callback)
	a.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = a.server.Serve(listener) }()
}

func (a *App) stop() {
	if a.server != nil {
		_ = a.server.Close()
	}
}

func random() string {
	var b [32]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (a *App) start(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, a.at.authorize+"?"+a.request().Encode(), http.StatusSeeOther)
}

// startPushed is start with a request that the browser does not see (RFC 9126).
func (a *App) startPushed(w http.ResponseWriter, r *http.Request) {
	var pushed struct {
		RequestURI string `json:"request_uri"`
	}
	if status, err := a.post(r.Context(), a.at.push, a.request(), &pushed); err != nil || status != http.StatusCreated {
		page(w, http.StatusBadGateway, fmt.Sprintf("The request was not taken: %d %v", status, err))
		return
	}
	http.Redirect(w, r, a.at.authorize+"?"+url.Values{"client_id": {a.clientID}, "request_uri": {pushed.RequestURI}}.Encode(), http.StatusSeeOther)
}

// request is a new authorization request.
func (a *App) request() url.Values {
	state, verifier := random(), random()
	a.mu.Lock()
	a.pending[state] = verifier
	a.mu.Unlock()
	sum := sha256.Sum256([]byte(verifier))
	return url.Values{
		"client_id": {a.clientID}, "redirect_uri": {a.CallbackURL()}, "response_type": {"code"}, "scope": {"openid"},
		"state": {state}, "nonce": {random()}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
}

func (a *App) callback(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	a.mu.Lock()
	verifier, ok := a.pending[q.Get("state")]
	delete(a.pending, q.Get("state"))
	a.mu.Unlock()
	if !ok {
		page(w, http.StatusBadRequest, "This answer belongs to no sign-in of this application.")
		return
	}
	claims, err := a.redeem(r.Context(), q.Get("code"), verifier)
	if err != nil {
		page(w, http.StatusBadGateway, "The sign-in was not accepted: "+err.Error())
		return
	}
	page(w, http.StatusOK, signedIn(claims))
}

// signedIn says who came, and whether the identity provider marks the session as one from a recovery.
func signedIn(claims map[string]any) string {
	text := fmt.Sprintf("Signed in as %v.", claims["preferred_username"])
	class, _ := claims["acr"].(string)
	if claims["identity_provider"] == "regrant" || strings.HasPrefix(class, "urn:regrant:acr:") {
		text += " The session says that it came from a recovery."
	}
	return text
}

// redeem exchanges the code and reads the ID token, which came straight from the token endpoint (OIDC Core §3.1.3.7).
func (a *App) redeem(ctx context.Context, code, verifier string) (map[string]any, error) {
	form := url.Values{
		"grant_type": {"authorization_code"}, "client_id": {a.clientID}, "redirect_uri": {a.CallbackURL()},
		"code": {code}, "code_verifier": {verifier},
	}
	var answer struct {
		IDToken string `json:"id_token"`
		Error   string `json:"error"`
	}
	status, err := a.post(ctx, a.at.token, form, &answer)
	if err != nil {
		return nil, err
	}
	parts := strings.Split(answer.IDToken, ".")
	if status != http.StatusOK || len(parts) != 3 {
		return nil, errors.New("token endpoint: " + answer.Error)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	var claims map[string]any
	return claims, json.Unmarshal(raw, &claims)
}

// post sends a form and decodes the answer.
func (a *App) post(ctx context.Context, to string, form url.Values, into any) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := a.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	return resp.StatusCode, json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(into)
}

func page(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<!doctype html><html lang=en><title>Demo application</title><h1>Demo application</h1><p>%s</p><p><a href=\"/\">Sign in</a></p>", html.EscapeString(text))
}
