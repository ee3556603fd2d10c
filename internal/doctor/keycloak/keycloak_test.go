package keycloak

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/internal/doctor"
	"github.com/regrant/regrant/internal/doctor/doctortest"
	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/keycloak"
)

// account is a service account in which all is well.
type account struct {
	ahead time.Duration
	roles []string
	apps  []keycloak.Application
	err   error

	untaken bool            // the secret of the client of programs
	nobody  bool            // programs are given no tokens
	unseen  *keycloak.Reach // of one that does not see its own roles
}

func (a *account) Ahead(context.Context) (time.Duration, error) { return a.ahead, a.err }
func (a *account) Roles(context.Context) ([]string, error) {
	if a.unseen != nil {
		return nil, fmt.Errorf("x: %w", keycloak.ErrRolesUnseen)
	}
	return a.roles, a.err
}
func (a *account) Reach(context.Context) (keycloak.Reach, error) { return *a.unseen, a.err }
func (a *account) Applications(context.Context) ([]keycloak.Application, error) {
	return a.apps, a.err
}

func (a *account) Programs() (string, string) {
	if a.nobody {
		return "", "regrant"
	}
	return "programs", "regrant"
}
func (a *account) TakesGrantSecret(context.Context) (bool, error) { return !a.untaken, a.err }

func goodAccount() *account {
	return &account{
		roles: []string{"realm-management/manage-users", "realm-management/query-clients", "realm-management/view-clients"},
		apps: []keycloak.Application{
			{ClientID: "admin-cli", Enabled: true, Direct: true},
			{ClientID: "app", Enabled: true, Redirects: []string{"https://app.example.com/*"}},
			{ClientID: "programs", Enabled: true, Granted: true, Proves: "client-secret", Settings: map[string]string{
				"oauth2.jwt.authorization.grant.enabled": "true", "oauth2.jwt.authorization.grant.idp": "regrant", "access.token.lifespan": "120",
			}},
			{ClientID: "old", Direct: true, Implicit: true, Redirects: []string{"*"}}, // disabled
		},
	}
}

func status(t *testing.T, findings []doctor.Finding, id string) doctor.Status {
	t.Helper()
	return doctortest.Of(t, findings, id).Status
}

func TestAGoodServiceAccountPasses(t *testing.T) {
	for _, f := range doctor.Examine[Inside](t.Context(), goodAccount(), InsideChecks) {
		if f.Status != doctor.StatusPass {
			t.Errorf("%+v", f)
		}
	}
}

func TestEachFaultOfAServiceAccountIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		id     string
		want   doctor.Status
		change func(*account)
	}{
		"too old":          {"keycloak-version", doctor.StatusFail, func(a *account) { a.err = fmt.Errorf("x: %w", upstream.ErrTooOld) }},
		"does not answer":  {"keycloak-version", doctor.StatusUnknown, func(a *account) { a.err = errors.New("x") }},
		"rights not seen":  {"keycloak-rights", doctor.StatusUnknown, func(a *account) { a.err = errors.New("x") }},
		"a clock behind":   {"clock-skew", doctor.StatusFail, func(a *account) { a.ahead = -time.Minute }},
		"a clock ahead":    {"clock-skew", doctor.StatusWarn, func(a *account) { a.ahead = 10 * time.Second }},
		"one right more":   {"keycloak-rights", doctor.StatusFail, func(a *account) { a.roles = append(a.roles, "realm-management/impersonation") }},
		"another client's": {"keycloak-rights", doctor.StatusFail, func(a *account) { a.roles = append(a.roles, "broker/read-token") }},
		"a realm role":     {"keycloak-rights", doctor.StatusFail, func(a *account) { a.roles = append(a.roles, "admin") }},
		"one right less":   {"keycloak-rights", doctor.StatusFail, func(a *account) { a.roles = a.roles[1:] }},
		"passwords":        {"keycloak-direct-grants", doctor.StatusFail, func(a *account) { a.apps[1].Direct = true }},
		"redirects":        {"keycloak-redirects", doctor.StatusFail, func(a *account) { a.apps[1].Redirects = []string{"https://*"} }},
		"implicit":         {"keycloak-implicit", doctor.StatusWarn, func(a *account) { a.apps[1].Implicit = true }},
		"assertions": {"keycloak-jwt-grant", doctor.StatusWarn, func(a *account) {
			a.apps[1].Settings = map[string]string{"oauth2.jwt.authorization.grant.enabled": "true"}
		}},
		"no client of programs":   {"keycloak-grant-client", doctor.StatusFail, func(a *account) { a.apps = a.apps[:2] }},
		"programs not seen":       {"keycloak-grant-client", doctor.StatusUnknown, func(a *account) { a.err = errors.New("x") }},
		"programs disabled":       {"keycloak-grant-client", doctor.StatusFail, func(a *account) { a.apps[2].Enabled = false }},
		"programs without secret": {"keycloak-grant-client", doctor.StatusFail, func(a *account) { a.apps[2].Public = true }},
		"programs with a JWT":     {"keycloak-grant-client", doctor.StatusFail, func(a *account) { a.apps[2].Proves = "client-jwt" }},
		"programs sign in":        {"keycloak-grant-client", doctor.StatusFail, func(a *account) { a.apps[2].Standard = true }},
		"programs implicitly":     {"keycloak-grant-client", doctor.StatusFail, func(a *account) { a.apps[2].Implicit = true }},
		"programs take passwords": {"keycloak-grant-client", doctor.StatusFail, func(a *account) { a.apps[2].Direct = true }},
		"programs for themselves": {"keycloak-grant-client", doctor.StatusFail, func(a *account) { a.apps[2].Service = true }},
		"programs with consent":   {"keycloak-grant-client", doctor.StatusFail, func(a *account) { a.apps[2].Consent = true }},
		"programs with all roles": {"keycloak-grant-client", doctor.StatusWarn, func(a *account) { a.apps[2].AllRoles = true }},
		"programs on devices":     {"keycloak-grant-client", doctor.StatusFail, setting("oauth2.device.authorization.grant.enabled", "true")},
		"programs by mail":        {"keycloak-grant-client", doctor.StatusFail, setting("oidc.ciba.grant.enabled", "true")},
		"programs exchange":       {"keycloak-grant-client", doctor.StatusFail, setting("standard.token.exchange.enabled", "true")},
		"no grant":                {"keycloak-grant-client", doctor.StatusFail, setting("oauth2.jwt.authorization.grant.enabled", "false")},
		"another's assertions":    {"keycloak-grant-client", doctor.StatusFail, setting("oauth2.jwt.authorization.grant.idp", "regrant##partner")},
		"another audience":        {"keycloak-grant-client", doctor.StatusFail, setting("oauth2.jwt.authorization.grant.audience", `[{"key":"regrant","value":"x"}]`)},
		"tokens for long":         {"keycloak-grant-life", doctor.StatusWarn, setting("access.token.lifespan", "3600")},
		"tokens for who knows":    {"keycloak-grant-life", doctor.StatusWarn, setting("access.token.lifespan", "")},
		"another secret":          {"keycloak-grant-secret", doctor.StatusFail, func(a *account) { a.untaken = true }},
		"secret not told":         {"keycloak-grant-secret", doctor.StatusUnknown, func(a *account) { a.err = errors.New("x") }},
	} {
		t.Run(name, func(t *testing.T) {
			a := goodAccount()
			c.change(a)
			if got := status(t, doctor.Examine[Inside](t.Context(), a, InsideChecks), c.id); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// setting changes one attribute of the client of programs.
func setting(name, value string) func(*account) {
	return func(a *account) { a.apps[2].Settings[name] = value }
}

func TestTheGatewaysOwnClientMayServePrograms(t *testing.T) {
	a := goodAccount()
	a.apps[2].Own, a.apps[2].Standard, a.apps[2].Service = true, true, true
	if got := status(t, doctor.Examine[Inside](t.Context(), a, InsideChecks), "keycloak-grant-client"); got != doctor.StatusWarn {
		t.Errorf("%s, want %s", got, doctor.StatusWarn)
	}
}

func TestAServiceAccountThatIsNarrowedToAGroupIsJudgedByWhatItReaches(t *testing.T) {
	for name, c := range map[string]struct {
		want  doctor.Status
		reach keycloak.Reach
		err   error
	}{
		"as init leaves it": {doctor.StatusPass, keycloak.Reach{Looks: true, Finds: true}, nil},
		"nobody in it":      {doctor.StatusWarn, keycloak.Reach{Looks: true}, nil},
		"no right to look":  {doctor.StatusFail, keycloak.Reach{}, nil},
		"one right more":    {doctor.StatusFail, keycloak.Reach{Looks: true, Finds: true, Beyond: []string{"it reads /events"}}, nil},
		"does not answer":   {doctor.StatusUnknown, keycloak.Reach{Looks: true, Finds: true}, errors.New("x")},
	} {
		a := goodAccount()
		a.unseen, a.err = &c.reach, c.err
		findings := doctor.Examine[Inside](t.Context(), a, InsideChecks)
		if got := status(t, findings, "keycloak-rights"); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if got := status(t, findings, "keycloak-version"); got != doctor.StatusPass {
			t.Errorf("%s: the version is %s", name, got)
		}
	}
}

func TestWithoutTokensForProgramsNothingIsAskedOfThem(t *testing.T) {
	a := goodAccount()
	a.apps, a.untaken, a.nobody = a.apps[:2], true, true
	for _, f := range doctor.Examine[Inside](t.Context(), a, InsideChecks) {
		if f.Status != doctor.StatusPass {
			t.Errorf("%+v", f)
		}
	}
}

func goodRealm() *Realm {
	on := true
	issuer := "https://id.example.com/recovery/oidc"
	return &Realm{
		Deployment: doctor.Deployment{Origin: "https://id.example.com", Path: "/recovery", Strict: true, Provider: doctor.Provider{Kind: "keycloak", BrokerID: "keycloak-acme"}},
		settings:   settings{BruteForce: &on, SSL: "external", Events: true, AdminEvents: true, ResetFlow: "recover"},
		provider: provider{Enabled: true, Hidden: true, FirstLogin: "closed", Config: map[string]string{
			"issuer": issuer, "authorizationUrl": issuer + "/authorize", "tokenUrl": "http://127.0.0.1:2016/recovery/oidc/token", "jwksUrl": issuer + "/jwks",
			"clientId": "keycloak-acme", "validateSignature": "true", "useJwksUrl": "true", "pkceEnabled": "true", "pkceMethod": "S256",
		}},
		first:    []execution{{Provider: denied, Requirement: "REQUIRED"}},
		reset:    []execution{{Provider: "identity-provider-redirector", Requirement: "REQUIRED"}},
		required: []requiredAction{{Alias: "idp_link"}},
	}
}

func TestAGoodRealmPasses(t *testing.T) {
	for _, f := range doctor.Examine(t.Context(), goodRealm(), RealmChecks) {
		if f.Status != doctor.StatusPass {
			t.Errorf("%+v", f)
		}
	}
}

func TestEachFaultOfARealmIsFound(t *testing.T) {
	config := func(name, value string) func(*Realm) {
		return func(r *Realm) { r.provider.Config[name] = value }
	}
	for name, c := range map[string]struct {
		id     string
		want   doctor.Status
		change func(*Realm)
	}{
		"a mailed reset": {"keycloak-reset-flow", doctor.StatusFail, func(r *Realm) { r.reset = []execution{{Provider: "reset-credential-email", Requirement: "REQUIRED"}} }},
		"an alternative": {"keycloak-reset-flow", doctor.StatusFail, func(r *Realm) { r.reset[0].Requirement = "ALTERNATIVE" }},
		"one step more": {"keycloak-reset-flow", doctor.StatusFail, func(r *Realm) {
			r.reset = append(r.reset, execution{Provider: "reset-password", Requirement: "REQUIRED"})
		}},
		"no step":               {"keycloak-first-login", doctor.StatusFail, func(r *Realm) { r.first = nil }},
		"a first login":         {"keycloak-first-login", doctor.StatusFail, func(r *Realm) { r.first[0].Provider = "idp-create-user-if-unique" }},
		"a switched off denial": {"keycloak-first-login", doctor.StatusFail, func(r *Realm) { r.first[0].Requirement = "DISABLED" }},
		"linking":               {"keycloak-idp-link", doctor.StatusFail, func(r *Realm) { r.required[0].Enabled = true }},
		"no brute force":        {"keycloak-brute-force", doctor.StatusFail, func(r *Realm) { *r.settings.BruteForce = false }},
		"no TLS":                {"keycloak-tls", doctor.StatusFail, func(r *Realm) { r.settings.SSL = "NONE" }},
		"names change":          {"keycloak-identifiers", doctor.StatusWarn, func(r *Realm) { r.settings.EditNames = true }},
		"addresses shared":      {"keycloak-identifiers", doctor.StatusWarn, func(r *Realm) { r.settings.Duplicates = true }},
		"no events":             {"keycloak-events", doctor.StatusWarn, func(r *Realm) { r.settings.AdminEvents = false }},
		"disabled":              {"keycloak-idp-entry", doctor.StatusFail, func(r *Realm) { r.provider.Enabled = false }},
		"e-mail trusted":        {"keycloak-idp-entry", doctor.StatusFail, func(r *Realm) { r.provider.TrustEmail = true }},
		"another issuer":        {"keycloak-idp-entry", doctor.StatusFail, config("issuer", "https://other.example")},
		"another client":        {"keycloak-idp-entry", doctor.StatusFail, config("clientId", "x")},
		"unsigned":              {"keycloak-idp-entry", doctor.StatusFail, config("validateSignature", "false")},
		"keys entered":          {"keycloak-idp-entry", doctor.StatusFail, config("useJwksUrl", "false")},
		"no PKCE":               {"keycloak-idp-entry", doctor.StatusFail, config("pkceMethod", "plain")},
		"loose audience":        {"keycloak-idp-entry", doctor.StatusFail, config("allowClientIdAsAudience", "true")},
		"no nonce":              {"keycloak-idp-entry", doctor.StatusFail, config("disableNonce", "true")},
		"on the page":           {"keycloak-idp-hidden", doctor.StatusWarn, func(r *Realm) { r.provider.Hidden = false }},
		"assertions taken":      {"keycloak-idp-hidden", doctor.StatusWarn, config("jwtAuthorizationGrantEnabled", "true")},
	} {
		t.Run(name, func(t *testing.T) {
			r := goodRealm()
			c.change(r)
			if got := status(t, doctor.Examine(t.Context(), r, RealmChecks), c.id); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestAResetFlowThatModeAssistLeavesIsWorthALook(t *testing.T) {
	r := goodRealm()
	r.Strict = false
	r.reset[0].Provider = "reset-credential-email"
	leftOpen(t, doctor.Examine(t.Context(), r, RealmChecks), "keycloak-reset-flow")
}

func TestTheGrantOfTheGatewayIsJudgedWhereItIsUsed(t *testing.T) {
	const prefix = "jwtAuthorizationGrant"
	for name, c := range map[string]struct {
		want   doctor.Status
		change map[string]string
	}{
		"as it should be":      {doctor.StatusPass, nil},
		"Keycloak's maximum":   {doctor.StatusPass, map[string]string{"MaxAllowedAssertionExpiration": ""}},
		"off":                  {doctor.StatusFail, map[string]string{"Enabled": "false"}},
		"twice":                {doctor.StatusFail, map[string]string{"AssertionReuseAllowed": "true"}},
		"forgotten early":      {doctor.StatusFail, map[string]string{"MaxAllowedAssertionExpiration": "29", "AllowedClockSkew": ""}},
		"just long enough":     {doctor.StatusPass, map[string]string{"MaxAllowedAssertionExpiration": "30", "AllowedClockSkew": "0"}},
		"early for a clock":    {doctor.StatusFail, map[string]string{"MaxAllowedAssertionExpiration": "39"}},
		"no number":            {doctor.StatusFail, map[string]string{"MaxAllowedAssertionExpiration": "soon"}},
		"any algorithm":        {doctor.StatusFail, map[string]string{"AssertionSignatureAlg": ""}},
		"another's algorithm":  {doctor.StatusFail, map[string]string{"AssertionSignatureAlg": "RS256"}},
		"without a program":    {doctor.StatusPass, map[string]string{"Enabled": "false", "AssertionReuseAllowed": "true"}},
		"on without a program": {doctor.StatusPass, map[string]string{"AssertionReuseAllowed": "true"}}, // which keycloak-idp-hidden names
	} {
		r := goodRealm()
		r.Provider.Grant = !strings.Contains(name, "without a program")
		for key, value := range map[string]string{"Enabled": "true", "AssertionSignatureAlg": "ES256", "AssertionReuseAllowed": "false", "MaxAllowedAssertionExpiration": "60", "AllowedClockSkew": "10"} {
			r.provider.Config[prefix+key] = value
		}
		for key, value := range c.change {
			r.provider.Config[prefix+key] = value
		}
		findings := doctor.Examine(t.Context(), r, RealmChecks)
		if got := status(t, findings, "keycloak-grant-entry"); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		hidden := doctor.StatusPass // its own grant is no fault
		if !r.Provider.Grant && r.provider.Config[prefix+"Enabled"] == "true" {
			hidden = doctor.StatusWarn
		}
		if got := status(t, findings, "keycloak-idp-hidden"); got != hidden {
			t.Errorf("%s: %s, want %s", name, got, hidden)
		}
	}
}

// The gateway goes by federated_passwords alone, so the two must say the same.
func TestAStorageOfAccountsIsHeldAgainstWhatTheGatewayIsToldOfIt(t *testing.T) {
	for _, c := range []struct {
		modes    []string
		accepted bool
		want     doctor.Status
	}{
		{nil, false, doctor.StatusPass},
		{nil, true, doctor.StatusPass},
		{[]string{"WRITABLE"}, true, doctor.StatusPass},
		{[]string{"WRITABLE"}, false, doctor.StatusWarn},
		{[]string{"UNSYNCED"}, true, doctor.StatusWarn},
		{[]string{"UNSYNCED"}, false, doctor.StatusWarn},
		{[]string{"READ_ONLY"}, true, doctor.StatusFail},
		{[]string{"READ_ONLY"}, false, doctor.StatusWarn},
		{[]string{""}, true, doctor.StatusWarn}, // a storage that Keycloak does not bring along
		{[]string{""}, false, doctor.StatusWarn},
		{[]string{"WRITABLE", "UNSYNCED"}, true, doctor.StatusWarn},
		{[]string{"WRITABLE", "READ_ONLY", "UNSYNCED"}, true, doctor.StatusFail},
	} {
		r := goodRealm()
		r.Provider.FederatedPasswords = c.accepted
		for _, mode := range c.modes {
			r.storages = append(r.storages, component{Name: "people", Provider: "ldap", Config: map[string][]string{"editMode": {mode}}})
		}
		r.storages = append(r.storages, component{Name: "old", Provider: "ldap", Config: map[string][]string{"enabled": {"false"}, "editMode": {"READ_ONLY"}}})
		if got := status(t, doctor.Examine(t.Context(), r, RealmChecks), "keycloak-federated"); got != c.want {
			t.Errorf("%q, accepted %v: %s, want %s", c.modes, c.accepted, got, c.want)
		}
	}
}
