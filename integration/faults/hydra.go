package faults

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/hydra"
	"github.com/regrant/regrant/internal/doctor"
)

const weakHydra = `{
	urls: {self: {issuer: "http://id.example.com", public: "https://elsewhere.example"}, login: "http://login.example.com/login"},
	oidc: {
		dynamic_client_registration: {enabled: true},
		subject_identifiers: {supported_types: [public, pairwise], pairwise: {salt: "only-for-tests-0123456789"}}}}`

// hydra plants faults in an environment's Hydra, and in what the gateway has there and is told of it.
func (p Planted) hydra(ctx context.Context, e *env.Env, h *env.HydraProvider, listening *exposed) error {
	if err := p.anyHydra(ctx, e, h.Server); err != nil {
		return err
	}
	admin := h.Server.Admin
	err := errors.Join(
		admin.MakeClient(ctx, map[string]any{
			"client_id": "regrant-gateway", "grant_types": []string{"authorization_code", "implicit", "client_credentials"}, "response_types": []string{"code", "token"},
			"redirect_uris": []string{e.Issuer + "/login/callback", e.Origin + "/anywhere"}, "scope": "openid profile email offline",
			"token_endpoint_auth_method": "none", "subject_type": "pairwise",
		}),
		admin.MakeClient(ctx, map[string]any{
			"client_id": "regrant-programs", "grant_types": []string{"urn:ietf:params:oauth:grant-type:jwt-bearer", "client_credentials"}, "scope": "orders:read",
		}),
		admin.TrustKey(ctx, e.Issuer+"/left", "alice-0001", time.Now().Add(-time.Hour)),
		e.Configure(ctx, func(text string) string { return assumption.ReplaceAllString(text, "") }),
	)
	if err != nil {
		return err
	}
	p.found(doctor.StatusFail, "hydra-recovers", "hydra-client", "hydra-subject", "hydra-grant-client", "hydra-secrets", "hydra-trusts", "hydra-recovery-ui")
	p.found(doctor.StatusWarn, "hydra-grant-life")
	if listening.add(h.Server.PublicURL) && listening.add(h.Server.AdminURL) {
		p.found(doctor.StatusWarn, "idp-listens")
		p.found(doctor.StatusFail, "idp-admin-listens")
	}
	return nil
}

var assumption = regexp.MustCompile(`\n\t*assume_unprivileged .*`)

// anyHydra plants what is a fault whoever the login app is: in the further configuration, and once Hydra has taken it in an application
// and a trust, and in a route to the admin API.
func (p Planted) anyHydra(ctx context.Context, e *env.Env, s *hydra.Server) error {
	if err := os.WriteFile(filepath.Join(e.Dir, "hydra", "hydra.yml"), []byte(weakHydra), 0o600); err != nil {
		return err
	}
	if err := taken(ctx, s.PublicURL+"/.well-known/openid-configuration", "elsewhere.example"); err != nil {
		return err
	}
	admin := s.Admin
	err := errors.Join(
		admin.MakeClient(ctx, map[string]any{
			"client_id": "old-app", "grant_types": []string{"authorization_code", "implicit"}, "response_types": []string{"code", "token"},
			"redirect_uris": []string{"http://old.example.com/callback"}, "scope": "openid",
		}),
		admin.TrustKey(ctx, "https://partner.example", "", time.Now().Add(time.Hour)),
		e.Configure(ctx, func(text string) string {
			return strings.Replace(text, "\thandle /ui/*", "\thandle /admin/* {\n\t\treverse_proxy "+s.AdminURL+"\n\t}\n\thandle /ui/*", 1)
		}),
	)
	p.found(doctor.StatusFail, "hydra-issuer", "hydra-login-app", "idp-admin-routed", "idp-admin-paths", "idp-forwarded-host")
	p.found(doctor.StatusWarn, "hydra-registration", "hydra-implicit", "hydra-redirects", "hydra-trusts-any")
	return err
}
