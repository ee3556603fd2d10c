package hydra

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/regrant/regrant/upstream"
)

// Admin is the admin API of one Hydra. It has no password of its own.
type Admin struct {
	address string
	http    *http.Client
	floor   upstream.Floor
}

// NewAdmin checks the address of the API, such as http://127.0.0.1:4445. It
// calls nobody. A nil client is the default one.
func NewAdmin(address string, client *http.Client) (*Admin, error) {
	if !upstream.Base(address) {
		return nil, errors.New("the address of Hydra's admin API must be like http://host:port, with a path if there is one, and without a slash at the end")
	}
	return &Admin{address: address, http: upstream.BoundedClient(client)}, nil
}

// refusal is a definite answer of the API: its status, in its own JSON.
type refusal int

func (r refusal) Error() string { return fmt.Sprintf("status %d", int(r)) }

// call sends one request about path and demands the one status that means
// success. An error may be a [refusal], to be made sense of by the caller. No
// answer is taken of a version that is too old.
func (a *Admin) call(ctx context.Context, method, path string, query url.Values, body any, want int, into any) error {
	if err := a.CheckVersion(ctx); err != nil {
		return err
	}
	r, err := upstream.Request(ctx, method, a.address+"/admin"+path+"?"+query.Encode(), body)
	if err != nil {
		return fmt.Errorf("asking for %s: %w", path, err)
	}
	answer, err := upstream.Ask(a.http, r)
	if err != nil {
		return fmt.Errorf("asking Hydra: %w", err)
	}
	if err := verdict(answer, want); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if into != nil && json.Unmarshal(answer.Body, into) != nil {
		return fmt.Errorf("reading %s: %w: not the JSON expected", path, upstream.ErrUnavailable)
	}
	return nil
}

// verdict is nil for success. A refusal counts only if it is Hydra's own, in
// JSON: a page made by something in between says nothing.
func verdict(answer upstream.Response, want int) error {
	if answer.Status == want && (answer.JSON || want == http.StatusNoContent) {
		return nil
	}
	var said struct {
		Error      string `json:"error"`
		RedirectTo string `json:"redirect_to"`
	}
	definite := answer.Status >= 400 && answer.Status < 500 && answer.Status != http.StatusTooManyRequests
	if definite && answer.JSON && json.Unmarshal(answer.Body, &said) == nil && (said.Error != "" || said.RedirectTo != "") {
		return refusal(answer.Status)
	}
	return fmt.Errorf("%w: status %d is not the answer expected", upstream.ErrUnavailable, answer.Status)
}

// ask is [Admin.call] where no refusal makes sense.
func (a *Admin) ask(ctx context.Context, method, path string, query url.Values, body any, want int, into any) error {
	return upstream.CouldNotTell(a.call(ctx, method, path, query, body, want, into))
}

// list reads a JSON array, which is one page. Null is not an empty one: "none" must
// be said.
func list[T any](ctx context.Context, a *Admin, path string, query url.Values) (items []T, err error) {
	query.Set("page_size", "500")
	if err := a.ask(ctx, http.MethodGet, path, query, nil, http.StatusOK, &items); err != nil {
		return nil, err
	}
	if items == nil {
		return nil, fmt.Errorf("reading %s: %w: no list", path, upstream.ErrUnavailable)
	}
	return items, nil
}

// consent is a session in which tokens are issued to an application.
type consent struct {
	Request struct {
		Subject string `json:"subject"`
		Context struct {
			Txn string `json:"txn"`
		} `json:"context"`
		Client struct {
			ID string `json:"client_id"`
		} `json:"client"`
	} `json:"consent_request"`
}

const consents = "/oauth2/auth/sessions/consent"

// consents lists those of a subject, the newest login first.
func (a *Admin) consents(ctx context.Context, subject string) ([]consent, error) {
	all, err := list[consent](ctx, a, consents, url.Values{"subject": {subject}})
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		if c.Request.Subject != subject {
			return nil, fmt.Errorf("listing consents: %w: the answer is about somebody else", upstream.ErrUnavailable)
		}
	}
	return all, nil
}

// Revoke ends every login session and every consent of a subject, with the tokens
// issued under them, and reads back that no consent is left. Login sessions
// cannot be listed. Nobody has to have been signed in.
func (a *Admin) Revoke(ctx context.Context, subject string) error {
	if strings.TrimSpace(subject) == "" {
		return fmt.Errorf("ending sessions: %w", upstream.ErrNoAccount)
	}
	const logins = "/oauth2/auth/sessions/login"
	if err := a.ask(ctx, http.MethodDelete, logins, url.Values{"subject": {subject}}, nil, http.StatusNoContent, nil); err != nil {
		return err
	}
	return a.endConsents(ctx, subject, url.Values{"all": {"true"}}, func(consent) bool { return true })
}

// endConsents ends those of a subject that which says, and reads back that none is
// left of what leaves picks.
func (a *Admin) endConsents(ctx context.Context, subject string, which url.Values, picks func(consent) bool) error {
	which.Set("subject", subject)
	if err := a.ask(ctx, http.MethodDelete, consents, which, nil, http.StatusNoContent, nil); err != nil {
		return err
	}
	left, err := a.consents(ctx, subject)
	if err != nil {
		return err
	}
	for _, c := range left {
		if picks(c) {
			return fmt.Errorf("ending consents: %w: some are left", upstream.ErrUnavailable)
		}
	}
	return nil
}
