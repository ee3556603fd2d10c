package integration

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/internal/doctor"
)

// A reset by mail must not look closed because the doctor asked for it as a client that is refused, or as browsers that nobody helps.
func TestDoctorSeesAnOpenResetHoweverItIsHidden(t *testing.T) {
	e := own(t, env.Options{IdP: env.Keycloak})
	r := realmOf(t, e)
	ask := func(name string, planted map[string]doctor.Status) {
		t.Helper()
		t.Log(name)
		report, _ := runDoctor(t, e)
		foundAll(t, report, planted)
	}
	const reset, forgot = "keycloak-reset-closed", "keycloak-forgot-closed"

	r.givingWay("gives way")
	r.resets("gives way")
	ask("an alternative to the gateway", map[string]doctor.Status{reset: doctor.StatusFail, forgot: doctor.StatusFail})

	r.resets("reset credentials")
	account, err := r.ClientPath(t.Context(), "account")
	fatal(t, err)
	r.change(account, func(c map[string]any) { c["enabled"] = false })
	ask("the client account disabled", map[string]doctor.Status{reset: doctor.StatusFail, forgot: doctor.StatusUnknown})
}

// resets has the realm reset credentials by a flow, as far as its settings allow it.
func (r acme) resets(flow string) {
	r.t.Helper()
	r.change("", func(realm map[string]any) { realm["resetCredentialsFlow"], realm["resetPasswordAllowed"] = flow, true })
}

// givingWay makes a flow that leads to the gateway, or else mails a link.
func (r acme) givingWay(flow string) {
	r.t.Helper()
	mails := flow + ", mailed"
	executions := func(flow string) string { return "/authentication/flows/" + url.PathEscape(flow) + "/executions" }
	r.call(http.MethodPost, "/authentication/flows", map[string]any{"alias": flow, "providerId": "basic-flow", "topLevel": true}, nil)
	r.call(http.MethodPost, executions(flow)+"/execution", map[string]any{"provider": "identity-provider-redirector"}, nil)
	r.call(http.MethodPost, executions(flow)+"/flow", map[string]any{"alias": mails, "type": "basic-flow", "provider": "registration-page-form"}, nil)
	for _, provider := range []string{"reset-credentials-choose-user", "reset-credential-email"} {
		r.call(http.MethodPost, executions(mails)+"/execution", map[string]any{"provider": provider}, nil)
	}
	var all []map[string]any
	r.call(http.MethodGet, executions(flow), nil, &all)
	for _, x := range all {
		x["requirement"] = "ALTERNATIVE"
		if provider, _ := x["providerId"].(string); strings.HasPrefix(provider, "reset-") {
			x["requirement"] = "REQUIRED"
		}
		r.call(http.MethodPut, executions(flow), x, nil)
		if x["providerId"] == "identity-provider-redirector" {
			r.call(http.MethodPost, "/authentication/executions/"+x["id"].(string)+"/config", map[string]any{
				"alias": flow, "config": map[string]string{"defaultProvider": keycloak.Alias},
			}, nil)
		}
	}
}
