package hydra

import (
	"reflect"
	"strings"
	"testing"

	"github.com/regrant/regrant/internal/setup"
	adapter "github.com/regrant/regrant/upstream/hydra"
)

func good() Options {
	return Options{
		URL: "http://127.0.0.1:4444", Admin: "http://127.0.0.1:4445", Origin: "https://id.example.com", Path: "/recovery",
		ClientSecretFile: "/etc/regrant/hydra.secret", GrantSecretFile: "/etc/regrant/programs.secret", GrantScope: []string{"orders:read", "orders:write"},
	}
}

func TestScopesInAnotherOrderAreTheSame(t *testing.T) {
	for have, want := range map[string]string{
		"email openid profile":         "email openid profile",
		"openid profile email offline": "openid profile email",
		"openid":                       "openid profile email",
		"":                             "openid profile email",
	} {
		if got := scopeOf(setup.State{"scope": have}, adapter.LoginScopes()); got != want {
			t.Errorf("%q becomes %q", have, got)
		}
	}
}

func TestALifeThatSomebodyHasSetStays(t *testing.T) {
	for _, c := range []struct{ have, want any }{{nil, shortLife}, {"1h0m0s", nil}} {
		want, err := good().wantGrant(setup.State{grantLife: c.have})
		if err != nil || want[grantLife] != c.want {
			t.Errorf("%v becomes %v, %v", c.have, want[grantLife], err)
		}
	}
}

// Nothing but these is ever given to a client of the gateway's.
func TestTheClientsHaveTheLeastRights(t *testing.T) {
	gateway, _ := good().wantClient(nil)
	programs, _ := good().wantGrant(nil)
	for name, c := range map[string]struct {
		state         setup.State
		grants, codes []string
		redirects     []string
	}{
		"gateway":  {gateway, []string{"authorization_code"}, []string{"code"}, []string{"https://id.example.com/recovery/login/callback"}},
		"programs": {programs, []string{"urn:ietf:params:oauth:grant-type:jwt-bearer"}, []string{}, []string{}},
	} {
		for field, want := range map[string]any{
			"grant_types": c.grants, "response_types": c.codes, "redirect_uris": c.redirects, "post_logout_redirect_uris": []string{},
			"audience": []string{}, "allowed_cors_origins": []string{}, "token_endpoint_auth_method": "client_secret_basic",
		} {
			if !reflect.DeepEqual(c.state[field], want) {
				t.Errorf("%s: %s is %v", name, field, c.state[field])
			}
		}
	}
}

func TestTheFragmentSaysWhereAnAPIListensIfItIsHere(t *testing.T) {
	o := good()
	if text := o.Fragment(); !strings.Contains(text, "  admin:\n    # it has no password") || !strings.Contains(text, "    port: 4445\n") {
		t.Error(text)
	}
	o.Admin, o.GrantScope = "https://hydra.example.com", nil
	if text := o.Fragment(); !strings.Contains(text, "  # admin: where the gateway alone can connect") || strings.Contains(text, "jwt") {
		t.Error(text)
	}
}
