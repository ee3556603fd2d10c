package hydra

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/regrant/regrant/internal/setup"
	"github.com/regrant/regrant/upstream"
	adapter "github.com/regrant/regrant/upstream/hydra"
)

// ErrAnswer says that a server answered otherwise than Hydra does.
var ErrAnswer = errors.New("that is no answer of Hydra")

type api struct {
	url, admin string
	http       *http.Client
}

func newAPI(o Options) api { return api{o.URL, o.Admin, upstream.BoundedClient(o.HTTPClient)} }

// call sends one request and reads the JSON of an answer of the status that means success. One that is not there is false.
func (a api) call(ctx context.Context, method, address string, body any, want int, into any) (there bool, err error) {
	r, err := upstream.Request(ctx, method, address, body)
	if err != nil {
		return false, err
	}
	answer, err := upstream.Ask(a.http, r)
	switch {
	case err != nil:
		return false, err
	case answer.Status == http.StatusNotFound && answer.JSON && method != http.MethodPost:
		return false, nil
	case answer.Status != want:
		return false, fmt.Errorf("%w: status %d%s", ErrAnswer, answer.Status, complaint(answer))
	case into != nil && (!answer.JSON || json.Unmarshal(answer.Body, into) != nil):
		return false, ErrAnswer
	}
	return true, nil
}

// complaint is what Hydra says of a request that it refuses.
func complaint(answer upstream.Response) string {
	var said refusal
	if !answer.JSON || json.Unmarshal(answer.Body, &said) != nil || said.Description == "" {
		return ""
	}
	return fmt.Sprintf(": %.200q", said.Description)
}

// refusal is what Hydra answers to what it does not do.
type refusal struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// checkVersion refuses a Hydra that is too old.
func (a api) checkVersion(ctx context.Context) error {
	version, err := a.version(ctx, a.admin)
	if err != nil {
		return fmt.Errorf("asking the admin API at %s for the version: %w", a.admin, err)
	}
	return setup.CheckVersion("Hydra", version, adapter.MinVersion)
}

func (a api) version(ctx context.Context, admin string) (string, error) {
	var said struct {
		Version *string `json:"version"`
	}
	there, err := a.call(ctx, http.MethodGet, admin+"/version", nil, http.StatusOK, &said)
	if err == nil && (!there || said.Version == nil) {
		err = ErrAnswer
	}
	if err != nil {
		return "", err
	}
	return *said.Version, nil
}

// metadata is what is read of the document of OpenID Connect Discovery.
type metadata struct {
	Issuer   string   `json:"issuer"`
	Auth     string   `json:"authorization_endpoint"`
	Keys     string   `json:"jwks_uri"`
	Subjects []string `json:"subject_types_supported"`
}

func (a api) metadata(ctx context.Context) (m metadata, err error) {
	there, err := a.call(ctx, http.MethodGet, a.url+"/.well-known/openid-configuration", nil, http.StatusOK, &m)
	if err == nil && (!there || m.Issuer == "" || !strings.HasSuffix(m.Auth, "/oauth2/auth")) {
		err = ErrAnswer
	}
	if err != nil {
		return m, fmt.Errorf("asking the public API at %s what it calls itself: %w", a.url, err)
	}
	return m, nil
}
