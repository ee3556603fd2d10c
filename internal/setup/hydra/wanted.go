package hydra

import (
	"slices"
	"strings"

	"github.com/regrant/regrant/internal/setup"
	adapter "github.com/regrant/regrant/upstream/hydra"
)

const (
	byBasic   = "client_secret_basic"
	byCode    = "authorization_code"
	byJWT     = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	grantLife = "jwt_bearer_grant_access_token_lifespan"
	shortLife = "5m0s"
)

// least are the members of a confidential client that can do nothing.
func least() setup.State {
	return setup.State{
		"grant_types": []string{}, "response_types": []string{}, "redirect_uris": []string{}, "post_logout_redirect_uris": []string{},
		"audience": []string{}, "allowed_cors_origins": []string{}, "token_endpoint_auth_method": byBasic,
	}
}

// wantClient is the gateway's own client: it signs people in, to see and change their recovery methods.
func (o Options) wantClient(now setup.State) (setup.State, error) {
	want := least()
	want["grant_types"], want["response_types"], want["redirect_uris"] = []string{byCode}, []string{"code"}, []string{o.issuer() + "/login/callback"}
	// Another subject for each client would be nobody's whose login the gateway could answer.
	want["subject_type"] = "public"
	want["scope"] = scopeOf(now, adapter.LoginScopes())
	if now == nil {
		want["client_name"] = "Recovery gateway"
	}
	return want, nil
}

// wantGrant is the client of programs: it takes assertions that Hydra trusts, and nothing else.
func (o Options) wantGrant(now setup.State) (setup.State, error) {
	want := least()
	want["grant_types"], want["scope"] = []string{byJWT}, scopeOf(now, o.GrantScope)
	if now[grantLife] == nil { // whoever has set another has meant it
		want[grantLife] = shortLife
	}
	if now == nil {
		want["client_name"] = "Programs that recovered an account"
	}
	return want, nil
}

// scopeOf writes scopes as they stand already, if they are the same in another order.
func scopeOf(now setup.State, scopes []string) string {
	written, _ := now["scope"].(string)
	have, want := strings.Fields(written), slices.Clone(scopes)
	slices.Sort(have)
	slices.Sort(want)
	if slices.Equal(have, slices.Compact(want)) {
		return written
	}
	return strings.Join(scopes, " ")
}
