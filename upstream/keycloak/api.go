package keycloak

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/regrant/regrant/upstream"
)

// Definite answers of the admin REST API, to be made sense of by the caller.
var (
	errNotFound  = errors.New("not found")
	errForbidden = errors.New("not permitted")
	errConflict  = errors.New("already there")
)

// api speaks to the admin REST API of one realm.
type api struct {
	base, issuer, realm    string
	clientID, clientSecret string
	http                   *http.Client
	now                    func() time.Time
	version                versionCheck

	asking chan struct{} // has room for whoever asks for a token; the others wait for as long as they want

	mu      sync.Mutex
	token   string
	expires time.Time
	ahead   time.Duration // by how much the server's clock is ahead of now
}

func newAPI(cfg Config) *api {
	return &api{
		base: cfg.URL, issuer: cfg.PublicURL + "/realms/" + cfg.Realm, realm: cfg.Realm,
		clientID: cfg.ClientID, clientSecret: cfg.ClientSecret,
		http: upstream.BoundedClient(cfg.HTTPClient), now: cfg.Clock, asking: make(chan struct{}, 1),
	}
}

// get reads one JSON object about path, which is relative to the realm.
func (a *api) get(ctx context.Context, path string, into any) error {
	body, err := a.call(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("reading %s: %w: not the JSON expected", route(path), upstream.ErrUnavailable)
	}
	return nil
}

// list reads a JSON array. Null is not an empty one: "none" must be said.
func list[T any](ctx context.Context, a *api, path string) ([]T, error) {
	var items []T
	if err := a.get(ctx, path, &items); err != nil {
		return nil, err
	}
	if items == nil {
		return nil, fmt.Errorf("reading %s: %w: no list", route(path), upstream.ErrUnavailable)
	}
	return items, nil
}

// send makes a change, with an optional JSON body.
func (a *api) send(ctx context.Context, method, path string, body any) error {
	_, err := a.call(ctx, method, path, body)
	return err
}

// call sends one request and returns the body of the one status that means
// success: 200 with JSON for GET, 204 for everything else.
func (a *api) call(ctx context.Context, method, path string, body any) ([]byte, error) {
	answer, err := a.ask(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	return answer.Body, verdict(answer, method, path)
}

// ask sends one request, once more with a new token if the server does not
// take the one at hand, and returns the answer, whatever it says.
func (a *api) ask(ctx context.Context, method, path string, body any) (answer upstream.Response, err error) {
	for attempt := 1; ; attempt++ {
		token, err := a.authorize(ctx)
		if err != nil {
			return answer, err
		}
		r, err := upstream.Request(ctx, method, a.base+"/admin/realms/"+a.realm+path, body)
		if err != nil {
			return answer, fmt.Errorf("asking for %s: %w", route(path), err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		answer, err := upstream.Ask(a.http, r)
		if err == nil && answer.Status == http.StatusUnauthorized && attempt == 1 {
			a.forget(token)
			continue
		}
		return answer, err
	}
}

// verdict is nil for success. A refusal counts only if it is Keycloak's own,
// in JSON: a page made by something in between says nothing about the account.
func verdict(r upstream.Response, method, path string) error {
	want := http.StatusNoContent
	if method == http.MethodGet {
		want = http.StatusOK
	}
	if r.Status == want && (r.JSON || want == http.StatusNoContent) {
		return nil
	}
	var refusal struct {
		Error        string `json:"error"`
		ErrorMessage string `json:"errorMessage"`
	}
	if r.JSON && json.Unmarshal(r.Body, &refusal) == nil && refusal.Error+refusal.ErrorMessage != "" {
		switch r.Status {
		case http.StatusNotFound:
			return errNotFound
		case http.StatusForbidden:
			return fmt.Errorf("%s %s: %w: %w", method, route(path), upstream.ErrUnavailable, errForbidden)
		case http.StatusConflict:
			return errConflict
		}
	}
	return fmt.Errorf("%s %s: %w: status %d is not the answer expected", method, route(path), upstream.ErrUnavailable, r.Status)
}

// named is where a path names an account.
var named = regexp.MustCompile(`/users/[^/]+`)

// route is a path as it may be logged: the query may name a person, and so does the id of an account.
func route(path string) string {
	path, _, _ = strings.Cut(path, "?")
	return named.ReplaceAllString(path, "/users/…")
}

// authorize returns an access token of the service account: the one at hand
// until 10 seconds before its end, else a new one. No token is asked for
// before the server has shown that its version may be used.
func (a *api) authorize(ctx context.Context) (string, error) {
	if token := a.atHand(); token != "" {
		return token, nil
	}
	select {
	case a.asking <- struct{}{}:
		defer func() { <-a.asking }()
	case <-ctx.Done():
		return "", upstream.CouldNotTell(fmt.Errorf("waiting for a token: %w", ctx.Err()))
	}
	if token := a.atHand(); token != "" { // somebody else has just got one
		return token, nil
	}
	if err := a.checkVersion(ctx); err != nil {
		return "", err
	}
	token, issued, lifetime, err := a.login(ctx)
	if err != nil {
		return "", err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	a.token, a.expires, a.ahead = token, now.Add(lifetime-10*time.Second), issued.Sub(now)
	return token, nil
}

// atHand is the token that is still good, or "".
func (a *api) atHand() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.now().Before(a.expires) {
		return a.token
	}
	return ""
}

// serverTime is what the server's clock shows at t of ours, up to the second
// by which it lags when cut. Keycloak sends no Date, and a proxy before it
// would send its own: the last token issued tells. Call it after an answer.
func (a *api) serverTime(t time.Time) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return t.Add(a.ahead)
}

// forget drops a token that the server did not take.
func (a *api) forget(token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.token == token {
		a.token = ""
	}
}

// login gets an access token with the client's own credentials (RFC 6749,
// section 4.4), and tells when the server issued it by its clock.
func (a *api) login(ctx context.Context) (token string, issued time.Time, lifetime time.Duration, err error) {
	got, c, err := a.requestToken(ctx, a.clientID, a.clientSecret, url.Values{"grant_type": {"client_credentials"}})
	return got.AccessToken, time.Unix(c.IssuedAt, 0), got.lasts(), err
}
