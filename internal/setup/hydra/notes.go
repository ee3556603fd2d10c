package hydra

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/regrant/regrant/internal/setup"
	"github.com/regrant/regrant/upstream"
	adapter "github.com/regrant/regrant/upstream/hydra"
)

// notes are what a person should know of the server. None of it is changed here.
func (s *Server) notes(ctx context.Context, plan setup.Plan) (notes []string, err error) {
	open, err := s.api.registers(ctx)
	if err != nil {
		return nil, err
	}
	login, err := s.api.loginApp(ctx, s.o.issuer()+"/login/callback")
	if err != nil {
		return nil, err
	}
	_, below := s.basePath()
	for _, n := range []struct {
		so   bool
		text string
	}{
		{!below, fmt.Sprintf("Hydra leads people to %s, past the gateway: set urls.self.public to %s", s.said.Auth, s.o.Origin)},
		{below && !strings.HasPrefix(s.said.Keys, s.o.Origin+"/"), fmt.Sprintf("Hydra names its keys at %s, where the gateway does not look: set webfinger.oidc_discovery.jwks_url to an address at %s", s.said.Keys, s.o.Origin)},
		{!strings.HasPrefix(s.said.Issuer, "https://"), fmt.Sprintf("Hydra calls itself %s: set urls.self.issuer to an https address, and run it without --dev", s.said.Issuer)},
		{!slices.Contains(s.said.Subjects, "public"), "Hydra gives every client another subject (oidc.subject_identifiers.supported_types): the gateway needs public"},
		{login != "" && !strings.HasPrefix(login, "https://"), fmt.Sprintf("the login app is at %s, without TLS: set urls.login to its https address", login)},
		{strings.Contains(login, "/oauth2/fallbacks/"), "Hydra has no login app: set urls.login, urls.consent and urls.logout"},
		{open, "whoever asks may register a client (oidc.dynamic_client_registration.enabled)"},
		{s.o.RiskAnalysis == "", "Hydra knows no accounts, so nobody can be asked who has power over others: until --risk-analysis names the document in which you accept that, every account counts as privileged, and none is recovered"},
		{len(s.o.GrantScope) > 0, "Hydra tells nobody what it demands of assertions (oauth2.grant.jwt): --format hydra-yaml prints what it should"},
	} {
		if n.so {
			notes = append(notes, n.text)
		}
	}
	for _, address := range setup.Beyond(ctx, s.o.Admin, s.api.isAdmin) {
		notes = append(notes, fmt.Sprintf("the admin API answers at %s: whoever reaches that signs in as anybody", address))
	}
	return append(forgotten(plan), notes...), nil
}

// forgotten is what an undoing cannot bring back.
func forgotten(plan setup.Plan) (notes []string) {
	was := map[string]bool{}
	for _, c := range plan.Changes {
		was[c.Name] = was[c.Name] || c.Kind == clientKind && c.Before == nil
	}
	for _, c := range plan.Changes {
		if c.Kind == secretKind && !was[c.Name] {
			notes = append(notes, fmt.Sprintf("the client %s gets another secret; --undo cannot put the earlier one back, which Hydra tells nobody", c.Name))
		}
	}
	return notes
}

// basePath is the path of the public API at the gateway's site, and whether it is there.
func (s *Server) basePath() (string, bool) {
	path, below := strings.CutPrefix(strings.TrimSuffix(s.said.Auth, "/oauth2/auth"), s.o.Origin)
	if !below || path != "" && path[0] != '/' {
		return "", false
	}
	return path, true
}

func (a api) isAdmin(ctx context.Context, address string) bool {
	_, err := a.version(ctx, address)
	return err == nil
}

// registers tells whether Hydra registers clients of whoever asks. It asks for one that is not there, which makes nothing.
func (a api) registers(ctx context.Context) (bool, error) {
	r, err := upstream.Request(ctx, http.MethodGet, a.url+"/oauth2/register/none", nil)
	if err != nil {
		return false, err
	}
	answer, err := upstream.Ask(a.http, r)
	switch {
	case err != nil:
	case answer.Status == http.StatusNotFound:
		return false, nil
	case answer.Status == http.StatusUnauthorized:
		return true, nil
	default:
		err = fmt.Errorf("%w: status %d", ErrAnswer, answer.Status)
	}
	return false, fmt.Errorf("asking the public API at %s whether it registers clients: %w", a.url, err)
}

// loginApp is where a sign-in of the gateway's leads, without its query. "": there is no client yet with which one could begin.
func (a api) loginApp(ctx context.Context, redirect string) (string, error) {
	r, err := upstream.Request(ctx, http.MethodGet, a.url+adapter.IdleSignIn(ClientID, redirect), nil)
	if err != nil {
		return "", err
	}
	answer, err := upstream.Ask(a.http, r)
	if err != nil {
		return "", err
	}
	to, err := url.Parse(answer.Header.Get("Location"))
	if err != nil || !to.Query().Has("login_challenge") {
		return "", nil
	}
	to.RawQuery = ""
	return to.String(), nil
}
