package kratos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/regrant/regrant/upstream"
)

// errNotFound is a definite answer of the admin API, to be made sense of by the
// caller.
var errNotFound = errors.New("not found")

// refusal is an error in Kratos' own shape.
type refusal struct {
	status int
	id     string
}

func (r *refusal) Error() string { return fmt.Sprintf("status %d %s", r.status, r.id) }

// api speaks to one Kratos.
type api struct {
	public, admin string
	http          *http.Client
	floor         upstream.Floor
}

func newAPI(cfg Config) *api {
	return &api{public: cfg.URL, admin: cfg.AdminURL, http: upstream.BoundedClient(cfg.HTTPClient)}
}

// get reads JSON of the admin API about path.
func (a *api) get(ctx context.Context, path string, into any) error {
	return a.call(ctx, http.MethodGet, path, nil, http.StatusOK, into)
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

// call sends one request to the admin API and demands the one status that means
// success. No answer is taken of a version with known holes.
func (a *api) call(ctx context.Context, method, path string, body any, want int, into any) error {
	if err := a.checkVersion(ctx); err != nil {
		return err
	}
	r, err := upstream.Request(ctx, method, a.admin+"/admin"+path, body)
	if err != nil {
		return fmt.Errorf("asking for %s: %w", route(path), err)
	}
	answer, err := upstream.Ask(a.http, r)
	if err != nil {
		return fmt.Errorf("asking Kratos: %w", err)
	}
	if err := verdict(answer, want); err != nil {
		return fmt.Errorf("%s %s: %w", method, route(path), err)
	}
	if into != nil && json.Unmarshal(answer.Body, into) != nil {
		return fmt.Errorf("reading %s: %w: not the JSON expected", route(path), upstream.ErrUnavailable)
	}
	return nil
}

// verdict is nil for success. A refusal counts only if it is Kratos' own, in
// JSON: a page made by something in between says nothing about the account.
func verdict(answer upstream.Response, want int) error {
	if answer.Status == want && (answer.JSON || want == http.StatusNoContent) {
		return nil
	}
	refused := refusedBy(answer)
	if refused != nil && refused.status == http.StatusNotFound {
		return errNotFound
	}
	if refused != nil {
		return fmt.Errorf("%w: %w", upstream.ErrUnavailable, refused)
	}
	return fmt.Errorf("%w: status %d is not the answer expected", upstream.ErrUnavailable, answer.Status)
}

// refusedBy reads an error of Kratos'; nil: it is none.
func refusedBy(answer upstream.Response) *refusal {
	var said struct {
		Error struct {
			ID   string `json:"id"`
			Code int    `json:"code"`
		} `json:"error"`
	}
	if !answer.JSON || json.Unmarshal(answer.Body, &said) != nil || said.Error.Code != answer.Status {
		return nil
	}
	return &refusal{status: answer.Status, id: said.Error.ID}
}

// needsAAL2 is what Kratos says where a session lacks the second factor that the
// account has.
const needsAAL2 = "session_aal2_required"

// whoami reads the session that the headers stand for, and what Kratos' clock
// shows; zero if it does not tell. That the session is nobody's is a [refusal], of
// status 401.
func (a *api) whoami(ctx context.Context, credentials http.Header) (s session, clock time.Time, err error) {
	r, err := upstream.Request(ctx, http.MethodGet, a.public+"/sessions/whoami", nil)
	if err != nil {
		return session{}, clock, fmt.Errorf("asking who it is: %w", err)
	}
	maps.Copy(r.Header, credentials)
	answer, err := upstream.Ask(a.http, r)
	if err != nil {
		return session{}, clock, fmt.Errorf("asking who it is: %w", err)
	}
	if err := verdict(answer, http.StatusOK); err != nil {
		return session{}, clock, fmt.Errorf("asking who it is: %w", err)
	}
	if json.Unmarshal(answer.Body, &s) != nil || s.ID == "" || s.Identity == nil || s.Identity.ID == "" {
		return session{}, clock, fmt.Errorf("asking who it is: %w: it is not in the answer", upstream.ErrUnavailable)
	}
	clock, _ = http.ParseTime(answer.Header.Get("Date"))
	return s, clock, nil
}

// named is where a path names an identity or a session.
var named = regexp.MustCompile(`/(identities|sessions)/[^/]+`)

// route is a path as it may be logged: the query may name a person, and so does
// the id of an identity.
func route(path string) string {
	path, _, _ = strings.Cut(path, "?")
	return named.ReplaceAllString(path, "/$1/…")
}
