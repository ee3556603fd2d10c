package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/regrant/regrant/internal/authority"
	"github.com/regrant/regrant/internal/strictjson"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

func init() {
	caddy.RegisterModule(adminAPI{})
}

const (
	adminBase = "/regrant/"
	maxBody   = 64 << 10 // bytes
)

// adminAPI serves local operators on Caddy's admin endpoint, which authenticates
// nobody and counts as full control of the host. So calls that change an account
// say who makes them, and the owner of the account is told.
type adminAPI struct {
	// active is the configuration that runs. It is asked for each request: an
	// admin endpoint starts before the apps of its own configuration do, and
	// outlives a configuration that failed to start.
	active func() caddy.Context
}

// CaddyModule returns the Caddy module information.
func (adminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.regrant",
		New: func() caddy.Module { return &adminAPI{active: caddy.ActiveContext} },
	}
}

// Routes returns the admin routes.
func (a *adminAPI) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: adminBase, Handler: caddy.AdminHandlerFunc(a.serve)}}
}

// adminCall is one call, about one upstream; name is the variable segment of its path.
type adminCall struct {
	*serving
	request *http.Request
	name    string
}

// adminRoute is one path below adminBase, in which * stands for a name.
type adminRoute struct {
	method string
	serve  func(context.Context, adminCall) (any, error)
}

var adminRoutes = map[string]adminRoute{
	"activation-codes":        {http.MethodPost, makeActivationCode},
	"accounts/authenticators": {http.MethodPost, listAuthenticators}, // Caddy logs the address of every call: it names no account
	"authenticators/*/revoke": {http.MethodPost, revokeAuthenticator},
	"recoveries":              {http.MethodGet, listRecoveries},
	"broker":                  {http.MethodGet, describeBroker},
	"deployment":              {http.MethodGet, describeDeployment},
	"rotate-keys":             {http.MethodPost, rotateKeys},
	"reconcile":               {http.MethodPost, reconcileNow},
	"doctor":                  {http.MethodPost, examine},
	"trials":                  {http.MethodPost, beginTrial},
	"trials/*/observe":        {http.MethodPost, observeTrial},
	"trials/*/keep":           {http.MethodPost, keepTrial},
	"trials/*/end":            {http.MethodPost, endTrial},
}

func (a *adminAPI) serve(w http.ResponseWriter, r *http.Request) error {
	route, name, err := findAdminRoute(r)
	if err != nil {
		return err
	}
	serving, err := a.serving(r.URL.Query().Get("upstream"))
	if err != nil {
		return err
	}
	answer, err := route.serve(r.Context(), adminCall{serving, r, name})
	if err != nil {
		return adminError(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	return json.NewEncoder(w).Encode(answer)
}

func findAdminRoute(r *http.Request) (route adminRoute, name string, err error) {
	// Escapes are read after splitting: a name may contain a slash.
	segments := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), adminBase), "/")
	if len(segments) == 3 {
		if name, err = url.PathUnescape(segments[1]); err != nil {
			return route, "", refuse(http.StatusBadRequest, "unreadable path")
		}
		segments[1] = "*"
	}
	route, ok := adminRoutes[strings.Join(segments, "/")]
	switch {
	case !ok:
		return route, "", refuse(http.StatusNotFound, "no such resource: %s", r.URL.Path)
	case route.method != r.Method:
		return route, "", refuse(http.StatusMethodNotAllowed, "method not allowed: use %s", route.method)
	case r.Method == http.MethodPost && !isJSON(r):
		return route, "", refuse(http.StatusUnsupportedMediaType, "send application/json")
	}
	return route, name, nil
}

// isJSON tells whether a request says that it brings JSON. A web page can send some other media types to this machine without
// being asked for permission.
func isJSON(r *http.Request) bool {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && mediaType == "application/json"
}

// serving finds what serves an upstream of the running configuration. Its name may be left out where there is one only.
func (a *adminAPI) serving(upstream string) (*serving, error) {
	module, err := a.active().AppIfConfigured("regrant")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil, refuse(http.StatusNotFound, "the running configuration has no regrant app")
	}
	if err != nil {
		return nil, err
	}
	app := module.(*App)
	realm, err := app.realm(upstream)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "upstream: %v", err)
	}
	rt, err := app.opener.get(app.ctx)
	if err != nil {
		return nil, refuse(http.StatusServiceUnavailable, "recovery is not available: %v", err)
	}
	return rt.of(realm), nil
}

// decode reads the body of the call.
func (c adminCall) decode(into any) error {
	err := strictjson.DecodeReader(c.request.Body, maxBody, into)
	var malformed *strictjson.Error
	switch {
	case errors.Is(err, strictjson.ErrTooLarge):
		return refuse(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", maxBody)
	case errors.As(err, &malformed):
		return refuse(http.StatusBadRequest, "%v", malformed)
	}
	return err
}

// decodeChange is decode for a change, with whoever makes it in as. It refuses one
// that nobody puts a name to.
func (c adminCall) decodeChange(into any, as *string) error {
	if err := c.decode(into); err != nil {
		return err
	}
	if *as == "" {
		return refuse(http.StatusBadRequest, "as is missing: say who does this, because it is journalled and the owner is told")
	}
	return nil
}

func refuse(status int, format string, args ...any) error {
	return caddy.APIError{HTTPStatus: status, Err: fmt.Errorf(format, args...)}
}

// adminError gives an error of the services its status. What is not a definite
// answer is one that nobody can tell now.
func adminError(err error) error {
	var known caddy.APIError
	if errors.As(err, &known) {
		return known
	}
	status := http.StatusServiceUnavailable
	switch {
	case errors.Is(err, authority.ErrRequest), errors.Is(err, upstream.ErrUnsupported):
		status = http.StatusBadRequest
	case errors.Is(err, upstream.ErrNoAccount), errors.Is(err, storage.ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, upstream.ErrAmbiguous), errors.Is(err, authority.ErrDisabled), errors.Is(err, upstream.ErrRefused):
		status = http.StatusConflict
	}
	return caddy.APIError{HTTPStatus: status, Err: err}
}

var (
	_ caddy.Module      = (*adminAPI)(nil)
	_ caddy.AdminRouter = (*adminAPI)(nil)
)
