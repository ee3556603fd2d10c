package keycloak

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"

	"github.com/regrant/regrant/upstream"
)

// ErrRolesUnseen says that the service account may not read its own roles, which
// whoever may see or manage every account can.
var ErrRolesUnseen = errors.New("the service account may not read its own roles")

// Reach is what a service account can do that may not read its own roles.
type Reach struct {
	Looks  bool     // it may look for accounts
	Finds  bool     // it finds some
	Beyond []string // what it reads and does not need to
}

// Reach tries what the service account can do. It changes nothing.
func (a *Adapter) Reach(ctx context.Context) (r Reach, err error) {
	found, err := tryList[user](ctx, a.api, "/users?max=1")
	if err != nil {
		return Reach{}, err
	}
	r.Looks, r.Finds = found != nil, len(found) > 0
	for _, path := range []string{"/components?type=org.keycloak.keys.KeyProvider", "/identity-provider/instances", "/events?max=1"} {
		seen, err := tryList[struct{}](ctx, a.api, path)
		if err != nil {
			return Reach{}, err
		}
		if seen != nil {
			r.Beyond = append(r.Beyond, "it reads "+route(path))
		}
	}
	return r, nil
}

// management is the client whose roles are rights over the realm.
const management = "realm-management"

// tryList reads a list, nil if that is not permitted.
func tryList[T any](ctx context.Context, a *api, path string) ([]T, error) {
	answer, err := a.ask(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	items := []T{}
	switch {
	case answer.Status == http.StatusForbidden:
		return nil, nil
	case answer.Status == http.StatusOK && answer.JSON && json.Unmarshal(answer.Body, &items) == nil && items != nil:
		return items, nil
	}
	return nil, fmt.Errorf("trying %s: %w: status %d is not the answer expected", route(path), upstream.ErrUnavailable, answer.Status)
}
