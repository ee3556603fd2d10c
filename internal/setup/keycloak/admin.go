package keycloak

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/regrant/regrant/upstream"
)

// What the server may answer.
var (
	// ErrCredentials says that the administrator was not let in.
	ErrCredentials = errors.New("the server does not let this administrator in: check name, password and --admin-realm")
	// ErrForbidden says that the administrator may not do what is needed.
	ErrForbidden = errors.New("the administrator may not do this: it takes the role realm-admin of the realm")
	// ErrAnswer says that what came is not what a Keycloak answers.
	ErrAnswer   = errors.New("this is not the answer of a Keycloak that works")
	errNotFound = errors.New("not found")
)

// admin calls the admin REST API.
type admin struct {
	base  string
	root  string // path of the realm's API
	who   Credentials
	http  *http.Client
	token string
}

// dial signs in.
func dial(ctx context.Context, o Options, who Credentials) (*admin, error) {
	if err := o.checkURL(); err != nil {
		return nil, err
	}
	a := &admin{base: o.URL, root: "/admin/realms/" + o.Realm, who: who, http: upstream.BoundedClient(who.HTTPClient)}
	return a, a.login(ctx)
}

// login gets a token, which lives for a minute.
func (a *admin) login(ctx context.Context) error {
	form := url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {a.who.User}, "password": {a.who.Password}}
	if a.who.User == "" {
		form = url.Values{"grant_type": {"client_credentials"}, "client_id": {a.who.ClientID}, "client_secret": {a.who.ClientSecret}}
	}
	address := a.base + "/realms/" + url.PathEscape(a.who.Realm) + "/protocol/openid-connect/token"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("signing in: %w", ErrAnswer)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	reply, err := a.do(r)
	if err != nil {
		return fmt.Errorf("signing in: %w", err)
	}
	if reply.Status == http.StatusBadRequest || reply.Status == http.StatusUnauthorized || reply.Status == http.StatusNotFound {
		return ErrCredentials
	}
	var granted struct {
		AccessToken string `json:"access_token"`
	}
	if reply.Status != http.StatusOK || json.Unmarshal(reply.Body, &granted) != nil || granted.AccessToken == "" {
		return fmt.Errorf("signing in: %w: status %d", ErrAnswer, reply.Status)
	}
	a.token = granted.AccessToken
	return nil
}

// get reads the JSON at a path below the realm. What is not there is errNotFound.
func (a *admin) get(ctx context.Context, path string, into any) error {
	reply, err := a.call(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(reply.Body, into); err != nil {
		return fmt.Errorf("%w: no JSON as expected", ErrAnswer)
	}
	return nil
}

// send makes a change and returns the id of what it made, if it made something.
func (a *admin) send(ctx context.Context, method, at string, body any) (id string, err error) {
	reply, err := a.call(ctx, method, at, body)
	return path.Base(reply.Header.Get("Location")), err
}

// call sends one request below the realm, once more with a new token if the one at hand has ended.
func (a *admin) call(ctx context.Context, method, path string, body any) (answer, error) {
	for attempt := 1; ; attempt++ {
		r, err := upstream.Request(ctx, method, a.base+a.root+path, body)
		if err != nil {
			return answer{}, err
		}
		r.Header.Set("Authorization", "Bearer "+a.token)
		reply, err := a.do(r)
		if err != nil {
			return answer{}, err
		}
		if reply.Status == http.StatusUnauthorized && attempt == 1 {
			if err := a.login(ctx); err != nil {
				return answer{}, err
			}
			continue
		}
		return reply, reply.verdict(method)
	}
}

// answer is what the server said.
type answer struct{ upstream.Response }

func (a *admin) do(r *http.Request) (answer, error) {
	said, err := upstream.Ask(a.http, r)
	if err != nil {
		return answer{}, fmt.Errorf("the server cannot be reached: %w", err)
	}
	return answer{said}, nil
}

// verdict is nil for the one success that a method has.
func (r answer) verdict(method string) error {
	switch {
	case r.Status == http.StatusOK && method == http.MethodGet:
		if !r.JSON {
			return fmt.Errorf("%w: no JSON", ErrAnswer)
		}
		return nil
	case method != http.MethodGet && (r.Status == http.StatusOK || r.Status == http.StatusCreated || r.Status == http.StatusAccepted || r.Status == http.StatusNoContent):
		return nil
	case r.Status == http.StatusNotFound && r.JSON:
		return errNotFound
	case r.Status == http.StatusUnauthorized:
		return ErrCredentials
	case r.Status == http.StatusForbidden:
		return ErrForbidden
	case r.Status >= 300 && r.Status < 400:
		return fmt.Errorf("%w: it redirects (status %d), which is not followed", ErrAnswer, r.Status)
	}
	return fmt.Errorf("%w: status %d%s", ErrAnswer, r.Status, r.complaint())
}

// complaint is what Keycloak says of a request that it refuses.
func (r answer) complaint() string {
	var said struct {
		Message string `json:"errorMessage"`
		Error   string `json:"error"`
	}
	if !r.JSON || json.Unmarshal(r.Body, &said) != nil || said.Message+said.Error == "" {
		return ""
	}
	return fmt.Sprintf(": %.200q", cmp.Or(said.Message, said.Error))
}
