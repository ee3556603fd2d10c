package keycloak

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
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
	ErrCredentials = errors.New("Keycloak does not let this administrator in: check name, password and --admin-realm") //nolint:staticcheck // a name
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
	reply, err := a.do(r)
	if err != nil {
		return fmt.Errorf("signing in: %w", err)
	}
	if reply.status == http.StatusBadRequest || reply.status == http.StatusUnauthorized || reply.status == http.StatusNotFound {
		return ErrCredentials
	}
	var granted struct {
		AccessToken string `json:"access_token"`
	}
	if reply.status != http.StatusOK || json.Unmarshal(reply.body, &granted) != nil || granted.AccessToken == "" {
		return fmt.Errorf("signing in: %w: status %d", ErrAnswer, reply.status)
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
	if err := json.Unmarshal(reply.body, into); err != nil {
		return fmt.Errorf("%w: no JSON as expected", ErrAnswer)
	}
	return nil
}

// send makes a change and returns the id of what it made, if it made something.
func (a *admin) send(ctx context.Context, method, at string, body any) (id string, err error) {
	var payload []byte
	if body != nil {
		if payload, err = json.Marshal(body); err != nil {
			return "", fmt.Errorf("encoding a change: %v", err)
		}
	}
	reply, err := a.call(ctx, method, at, payload)
	return path.Base(reply.location), err
}

// call sends one request below the realm, once more with a new token if the one at hand has ended.
func (a *admin) call(ctx context.Context, method, path string, payload []byte) (answer, error) {
	for attempt := 1; ; attempt++ {
		r, err := http.NewRequestWithContext(ctx, method, a.base+a.root+path, bytes.NewReader(payload))
		if err != nil {
			return answer{}, ErrAnswer
		}
		r.Header.Set("Authorization", "Bearer "+a.token)
		if payload != nil {
			r.Header.Set("Content-Type", "application/json")
		}
		reply, err := a.do(r)
		if err != nil {
			return answer{}, err
		}
		if reply.status == http.StatusUnauthorized && attempt == 1 {
			if err := a.login(ctx); err != nil {
				return answer{}, err
			}
			continue
		}
		return reply, reply.verdict(method)
	}
}

// answer is a response read to its end.
type answer struct {
	status   int
	json     bool
	body     []byte
	location string
}

func (a *admin) do(r *http.Request) (answer, error) {
	r.Header.Set("Accept", "application/json")
	resp, err := a.http.Do(r)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // without the address, which is long
		}
		return answer{}, fmt.Errorf("Keycloak cannot be reached: %v", err) //nolint:staticcheck // a name
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, fmt.Errorf("%w: it broke off", ErrAnswer)
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return answer{resp.StatusCode, kind == "application/json", body, resp.Header.Get("Location")}, nil
}

// verdict is nil for the one success that a method has.
func (r answer) verdict(method string) error {
	switch {
	case r.status == http.StatusOK && method == http.MethodGet:
		if !r.json {
			return fmt.Errorf("%w: no JSON", ErrAnswer)
		}
		return nil
	case method != http.MethodGet && (r.status == http.StatusOK || r.status == http.StatusCreated || r.status == http.StatusAccepted || r.status == http.StatusNoContent):
		return nil
	case r.status == http.StatusNotFound && r.json:
		return errNotFound
	case r.status == http.StatusUnauthorized:
		return ErrCredentials
	case r.status == http.StatusForbidden:
		return ErrForbidden
	case r.status >= 300 && r.status < 400:
		return fmt.Errorf("%w: it redirects (status %d), which is not followed", ErrAnswer, r.status)
	}
	return fmt.Errorf("%w: status %d%s", ErrAnswer, r.status, r.complaint())
}

// complaint is what Keycloak says of a request that it refuses.
func (r answer) complaint() string {
	var said struct {
		Message string `json:"errorMessage"`
		Error   string `json:"error"`
	}
	if !r.json || json.Unmarshal(r.body, &said) != nil || said.Message+said.Error == "" {
		return ""
	}
	return fmt.Sprintf(": %.200q", cmp.Or(said.Message, said.Error))
}
