package keycloak

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/regrant/regrant/upstream"
)

// MinVersion is the oldest Keycloak that is used. Older ones have known holes
// in the routes that a recovery takes, among them CVE-2026-16089: a code that
// another client session can redeem.
const MinVersion = "26.7.3"

// versionLasts is how long a good version is believed in.
const versionLasts = time.Hour

// versionCheck remembers when the server last showed a version of at least
// MinVersion. It is guarded by api.mu.
type versionCheck struct{ until time.Time }

// checkVersion asks the server to show that it is not older than MinVersion.
//
// Keycloak tells its version only to those who may manage the realm, a right
// that the gateway should not have. But since 26.7.3 it refuses redirect URIs
// with a response parameter in the fragment, and 26.7.2 does not. So two
// authorization requests are sent that differ in this only, for the realm's
// built-in account client and with prompt=none, which ends them at once: the
// innocent one must be sent back, which shows that the question was
// understood; the other one must be refused.
func (a *api) checkVersion(ctx context.Context) error {
	if a.now().Before(a.version.until) {
		return nil
	}
	innocent, err := a.redirects(ctx, "#probe=1")
	if err != nil {
		return err
	}
	if !innocent {
		return fmt.Errorf("checking the version: %w: the realm's account client does not answer", upstream.ErrUnavailable)
	}
	old, err := a.redirects(ctx, "#code=1")
	if err != nil {
		return err
	}
	if old {
		return fmt.Errorf("%w: Keycloak must be %s or newer", upstream.ErrTooOld, MinVersion)
	}
	a.version.until = a.now().Add(versionLasts)
	return nil
}

// redirects tells whether the server takes the account client's address with
// this fragment for a redirect URI.
func (a *api) redirects(ctx context.Context, fragment string) (bool, error) {
	page := a.issuer + "/account/"
	query := url.Values{
		"client_id": {"account"}, "response_type": {"code"}, "scope": {"openid"}, "prompt": {"none"},
		"redirect_uri": {page + fragment},
	}
	address := a.base + "/realms/" + a.realm + "/protocol/openid-connect/auth?" + query.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false, fmt.Errorf("checking the version: %w: %v", upstream.ErrUnavailable, err)
	}
	reply, err := upstream.Ask(a.http, r)
	switch {
	case err != nil:
		return false, err
	case reply.Status == http.StatusFound && strings.HasPrefix(reply.Header.Get("Location"), page):
		return true, nil
	case reply.Status == http.StatusBadRequest:
		return false, nil
	}
	return false, fmt.Errorf("checking the version: %w: status %d is not the answer expected", upstream.ErrUnavailable, reply.Status)
}
