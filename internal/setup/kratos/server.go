package kratos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/regrant/regrant/internal/setup"
	"github.com/regrant/regrant/upstream"
	adapter "github.com/regrant/regrant/upstream/kratos"
)

// reloads is how long Kratos may take to read its file again, and look how often it is asked meanwhile.
const (
	reloads = 10 * time.Second
	look    = 100 * time.Millisecond
)

// ErrAnswer says that a server answered otherwise than Kratos does.
var ErrAnswer = errors.New("that is no answer of Kratos")

type api struct {
	url, admin string
	http       *http.Client
}

func newAPI(o Options) api {
	return api{o.URL, o.Admin, upstream.BoundedClient(o.HTTPClient)}
}

// get reads an answer in JSON, whatever its status.
func (a api) get(ctx context.Context, address string, into any) (status int, err error) {
	r, err := upstream.Request(ctx, http.MethodGet, address, nil) // which asks for JSON: else Kratos redirects to its page for errors
	if err != nil {
		return 0, err
	}
	answer, err := upstream.Ask(a.http, r)
	if err != nil {
		return 0, err
	}
	if !answer.JSON || json.Unmarshal(answer.Body, into) != nil {
		return answer.Status, ErrAnswer
	}
	return answer.Status, nil
}

// checkVersion refuses a Kratos that is too old.
func (a api) checkVersion(ctx context.Context) error {
	version, err := a.version(ctx, a.admin)
	if err != nil {
		return fmt.Errorf("asking the admin API at %s for the version: %w", a.admin, err)
	}
	return setup.CheckVersion("Kratos", version, adapter.MinVersion)
}

func (a api) version(ctx context.Context, admin string) (string, error) {
	var said struct {
		Version *string `json:"version"`
	}
	status, err := a.get(ctx, admin+"/admin/version", &said)
	if err == nil && (status != http.StatusOK || said.Version == nil) {
		err = ErrAnswer
	}
	if err != nil {
		return "", err
	}
	return *said.Version, nil
}

// recovers tells whether Kratos begins a recovery of its own at its own address. One that it begins here is never gone on with.
func (a api) recovers(ctx context.Context) (bool, error) {
	var said struct {
		ID    string `json:"id"`
		Error struct {
			Reason string `json:"reason"`
		} `json:"error"`
	}
	status, err := a.get(ctx, a.url+"/self-service/recovery/api", &said)
	switch {
	case err != nil:
	case status == http.StatusOK && said.ID != "":
		return true, nil
	case status == http.StatusBadRequest && strings.HasPrefix(said.Error.Reason, "Recovery is not allowed"):
		return false, nil
	default:
		err = ErrAnswer
	}
	return false, fmt.Errorf("asking the public API at %s whether it recovers accounts: %w", a.url, err)
}

// served are what the running server does otherwise than its file says, and who else reaches its admin API.
func (s *Server) served(ctx context.Context, c config) (notes []string, err error) {
	open, err := s.api.recovers(ctx)
	if err != nil {
		return nil, err
	}
	if said := c.at(recoveryEnabled) == true; open != said {
		state := map[bool]string{true: "on", false: "off"}
		notes = append(notes, fmt.Sprintf("the file says that Kratos' own recovery is %s, and at %s it is %s: is this the server's file, does it wait for a restart, or does SELFSERVICE_FLOWS_RECOVERY_ENABLED in its environment win?",
			state[said], s.o.URL, state[open]))
	}
	for _, address := range setup.Beyond(ctx, s.o.Admin, s.api.isAdmin) {
		notes = append(notes, fmt.Sprintf("the admin API answers at %s: whoever reaches that has every account", address))
	}
	return notes, nil
}

func (a api) isAdmin(ctx context.Context, address string) bool {
	_, err := a.version(ctx, address)
	return err == nil
}

// Settled waits until the running server does what mode strict is for. It is an error if it does not come to it.
func (s *Server) Settled(ctx context.Context) error {
	if !s.o.Strict {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, reloads)
	defer cancel()
	for {
		open, err := s.api.recovers(ctx)
		if err == nil && !open {
			return nil
		}
		select {
		case <-time.After(look):
		case <-ctx.Done():
			return fmt.Errorf("the file is written, but Kratos at %s does not refuse its own recovery: restart it. If it still does not, it reads another file, or SELFSERVICE_FLOWS_RECOVERY_ENABLED in its environment wins", s.o.URL)
		}
	}
}
