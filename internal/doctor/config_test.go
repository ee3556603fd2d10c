package doctor

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// good is a deployment and what Caddy runs for it. Each test changes one thing.
const good = `{
	"admin": {"listen": "localhost:2019"},
	"logging": {"logs": {"default": {"level": "INFO"}}},
	"apps": {"http": {"servers": {"srv0": {
		"listen": [":443"],
		"routes": [{"match": [{"host": ["id.example.com"]}], "terminal": true, "handle": [{"handler": "subroute", "routes": [
			{"handle": [{"handler": "headers", "request": {"delete": ["Client-Cert*"]}}]},
			{"handle": [{"handler": "regrant"}]},
			{"match": [{"path": ["/ui/*"]}], "handle": [{"handler": "reverse_proxy", "upstreams": [{"dial": "127.0.0.1:3000"}]}]},
			{"handle": [{"handler": "reverse_proxy", "upstreams": [{"dial": "localhost:8080"}]}]}
		]}]}],
		"trusted_proxies": {"source": "static", "ranges": ["10.0.0.0/8"]}, "trusted_proxies_strict": 1,
		"logs": {"default_logger_name": "default"}
	}}}}
}`

func goodDeployment() Deployment {
	return Deployment{
		Name: "keycloak-acme", AdminDefault: "localhost:2019",
		Origin: "https://id.example.com", Path: "/recovery", Strict: true, Calls: []string{"http://127.0.0.1:8080", "https://hooks.example.com/x"},
		Provider: Provider{Kind: "keycloak", URL: "http://127.0.0.1:8080", AdminURL: "http://127.0.0.1:8081", HydraURL: "http://127.0.0.1:8082"},
	}
}

// findings are those of a configuration, by the id of the check.
func findings(t *testing.T, text string, d Deployment) map[string]Finding {
	t.Helper()
	config, err := ParseConfig([]byte(text), d)
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]Finding{}
	for _, f := range Examine(t.Context(), config, ConfigChecks) {
		by[f.Check] = f
	}
	return by
}

func TestAGoodConfigurationPasses(t *testing.T) {
	for id, f := range findings(t, good, goodDeployment()) {
		if f.Status != StatusPass || f.Seen == "" || f.Remedy != "" {
			t.Errorf("%s: %+v", id, f)
		}
	}
}

const proxied = `{"handler": "reverse_proxy", "upstreams": [{"dial": "127.0.0.1:8080"}]}`

func TestEachFaultOfAConfigurationIsFound(t *testing.T) {
	guard := `{"handle": [{"handler": "regrant"}]},`
	for name, c := range map[string]struct {
		id       string
		want     Status
		old, new string
	}{
		"admin everywhere":        {"caddy-admin-listen", StatusFail, `localhost:2019`, `:2019`},
		"admin at an address":     {"caddy-admin-listen", StatusFail, `localhost:2019`, `192.0.2.1:2019`},
		"admin unreadable":        {"caddy-admin-listen", StatusUnknown, `localhost:2019`, `nowhere`},
		"remote administration":   {"caddy-admin-remote", StatusWarn, `"listen": "localhost:2019"`, `"remote": {"listen": ":2021"}`},
		"no directive":            {"route-unguarded", StatusFail, guard, ``},
		"directive at other site": {"route-unguarded", StatusFail, `"routes": [{"match"`, `"routes": [{"match": [{"host": ["other"]}], "handle": [` + proxied + `]}, {"match"`},
		"errors lead there":       {"route-unguarded", StatusFail, `"listen": [":443"],`, `"listen": [":443"], "errors": {"routes": [{"handle": [` + proxied + `]}]},`},
		"a response leads there":  {"route-unguarded", StatusFail, guard, `{"handle": [{"handler": "reverse_proxy", "upstreams": [{"dial": "x:1"}], "handle_response": [{"routes": [{"handle": [` + proxied + `]}]}]}]},`},
		"a named route":           {"route-unguarded", StatusFail, `"listen": [":443"],`, `"listen": [":443"], "named_routes": {"idp": {"handle": [` + proxied + `]}}, "errors": {"routes": [{"handle": [{"handler": "invoke", "name": "idp"}]}]},`},
		"for another one only":    {"route-unguarded", StatusFail, `{"handler": "regrant"}`, `{"handler": "regrant", "upstreams": ["other"]}`},
		"a site after the good": {"route-unguarded", StatusFail, `]}],
		"trusted`, `]}, {"match": [{"host": ["other"]}], "handle": [` + proxied + `]}],
		"trusted`},
		"an inner error":         {"route-order", StatusFail, `{"handler": "subroute", "routes"`, `{"handler": "subroute", "errors": {"routes": [{"handle": [` + proxied + `]}]}, "routes"`},
		"another name":           {"route-unguarded", StatusUnknown, `localhost:8080`, `keycloak:8080`},
		"a matcher":              {"route-matcher", StatusFail, guard, `{"match": [{"path": ["/realms/*"]}], "handle": [{"handler": "regrant"}]},`},
		"the proxy first":        {"route-order", StatusFail, guard, `{"match": [{"path": ["/x"]}], "handle": [` + proxied + `]},` + guard},
		"a rewrite behind":       {"route-rewrite", StatusFail, guard, `{"handle": [{"handler": "regrant"}, {"handler": "rewrite", "uri": "/y"}]},`},
		"a rewrite sometimes":    {"route-rewrite", StatusFail, guard, guard + `{"match": [{"path": ["/x"]}], "handle": [{"handler": "rewrite", "uri": "/y"}]},`},
		"the proxy rewrites":     {"route-rewrite", StatusFail, `{"dial": "localhost:8080"}]`, `{"dial": "localhost:8080"}], "rewrite": {"uri": "/y"}`},
		"dynamic upstreams":      {"route-dynamic", StatusWarn, `"upstreams": [{"dial": "127.0.0.1:3000"}]`, `"dynamic_upstreams": {"source": "srv"}`},
		"a placeholder":          {"route-dynamic", StatusWarn, `127.0.0.1:3000`, `{http.request.host}`},
		"Hydra's admin API":      {"idp-admin-routed", StatusFail, `127.0.0.1:3000`, `127.0.0.1:8082`},
		"the admin API":          {"idp-admin-routed", StatusFail, `127.0.0.1:3000`, `127.0.0.1:8081`},
		"port 80":                {"site-plain-http", StatusFail, `":443"`, `":80"`},
		"port 80 as well":        {"site-plain-http", StatusFail, `"listen": [":443"],`, `"listen": [":443", ":80"], "tls_connection_policies": [{}],`},
		"no TLS":                 {"site-plain-http", StatusFail, `"listen": [":443"],`, `"listen": [":443"], "automatic_https": {"disable": true},`},
		"no TLS for the name":    {"site-plain-http", StatusFail, `"listen": [":443"],`, `"listen": [":443"], "automatic_https": {"skip": ["id.example.com"]},`},
		"everybody is a proxy":   {"trusted-proxies", StatusFail, `10.0.0.0/8`, `::/0`},
		"not strict":             {"trusted-proxies-strict", StatusWarn, `"trusted_proxies_strict": 1`, `"trusted_proxies_strict": 0`},
		"certificates by header": {"client-cert-headers", StatusWarn, `Client-Cert*`, `Cookie`},
		"credentials in logs":    {"log-credentials", StatusFail, `"default_logger_name"`, `"should_log_credentials": true, "default_logger_name"`},
		"debug":                  {"log-debug", StatusWarn, `INFO`, `DEBUG`},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(good, c.old) {
				t.Fatalf("nothing to change: %s", c.old)
			}
			f := findings(t, strings.Replace(good, c.old, c.new, 1), goodDeployment())[c.id]
			if f.Status != c.want || f.Remedy == "" {
				t.Errorf("%+v", f)
			}
		})
	}
}

func TestEachFaultOfADeploymentIsFound(t *testing.T) {
	for id, change := range map[string]func(*Deployment){
		"mode-strict":     func(d *Deployment) { d.Strict = false },
		"call-plain-http": func(d *Deployment) { d.Calls[0] = "http://idp.example.com:8080" },
	} {
		d := goodDeployment()
		change(&d)
		if f := findings(t, good, d)[id]; f.Status != StatusWarn && f.Status != StatusFail {
			t.Errorf("%s: %+v", id, f)
		}
	}
}

// Caddy listens where CADDY_ADMIN says, unless its configuration says something else.
func TestAConfigurationThatDoesNotSayWhereItIsAdministeredIsJudgedByTheEnvironment(t *testing.T) {
	silent := strings.Replace(good, `"admin": {"listen": "localhost:2019"},`, ``, 1)
	for listen, want := range map[string]Status{"localhost:2019": StatusPass, "unix//run/caddy.sock": StatusPass, "0.0.0.0:2019": StatusFail, ":2019": StatusFail, "": StatusUnknown} {
		d := goodDeployment()
		d.AdminDefault = listen
		if f := findings(t, silent, d)["caddy-admin-listen"]; f.Status != want {
			t.Errorf("%q: %+v", listen, f)
		}
		if f := findings(t, good, d)["caddy-admin-listen"]; f.Status != StatusPass {
			t.Errorf("%q beside a configuration that says it: %+v", listen, f)
		}
	}
}

func TestNobodyIsToldThatAProviderIsClosedOfWhichNothingIsKnown(t *testing.T) {
	d := goodDeployment()
	d.Provider = Provider{Kind: "oidc", URL: "https://idp.example.com"}
	if f := findings(t, good, d)["mode-strict"]; f.Status != StatusWarn || !strings.Contains(f.Seen, "nothing is known") {
		t.Errorf("%+v", f)
	}
}

func TestTheKnownPathOfAnIdentityProviderMayBeStripped(t *testing.T) {
	text := strings.Replace(good, `[{"handler": "regrant"}]`, `[{"handler": "regrant"}, {"handler": "rewrite", "strip_path_prefix": "/.ory"}]`, 1)
	d := goodDeployment()
	if f := findings(t, text, d)["route-rewrite"]; f.Status != StatusFail {
		t.Errorf("a prefix that nobody knows: %+v", f)
	}
	d.Provider.BasePath = "/.ory"
	if f := findings(t, text, d)["route-rewrite"]; f.Status != StatusPass {
		t.Errorf("the prefix that is known: %+v", f)
	}
}

// An identity provider that is called by its public name is whatever the gateway leads to.
func TestTheIdentityProviderIsFoundBehindTheGateway(t *testing.T) {
	d := goodDeployment()
	d.Provider = Provider{Kind: "oidc", URL: d.Origin}
	text := strings.Replace(good, `"routes": [{"match"`, `"routes": [{"match": [{"host": ["other"]}], "handle": [`+proxied+`]}, {"match"`, 1)
	if f := findings(t, good, d)["route-unguarded"]; f.Status != StatusPass {
		t.Errorf("%+v", f)
	}
	if f := findings(t, text, d)["route-unguarded"]; f.Status != StatusFail {
		t.Errorf("%+v", f)
	}
}

func TestADirectiveThatNamesTheUpstreamGuardsIt(t *testing.T) {
	text := strings.Replace(good, `{"handler": "regrant"}`, `{"handler": "regrant", "upstreams": ["other", "keycloak-acme"]}`, 1)
	if f := findings(t, text, goodDeployment())["route-unguarded"]; f.Status != StatusPass {
		t.Errorf("%+v", f)
	}
}

// Whoever listens at loopback mostly listens at the machine's other addresses, too, and a name leads where its address is.
func TestAnotherSpellingOfTheSameServerIsTheSameServer(t *testing.T) {
	known := places{own: addresses("192.168.1.10"), names: map[string][]netip.Addr{
		"keycloak": addresses("::ffff:192.168.1.10"), "idp.internal": addresses("10.0.0.7", "10.0.0.8"), "app.internal": addresses("10.0.0.8"), "other.internal": addresses("10.0.0.9"),
	}}
	for _, c := range []struct {
		called, dialled string
		want            Status
	}{
		{"http://127.0.0.1:8080", "192.168.1.10:8080", StatusFail},
		{"http://127.0.0.1:8080", "tcp6/[::1]:8080", StatusFail},
		{"http://127.0.0.1:8080", "0.0.0.0:8080", StatusFail},
		{"http://127.0.0.1:8080", "keycloak:8080", StatusFail},
		{"http://127.0.0.1:8080", "192.168.1.10:8081", StatusPass},
		{"http://127.0.0.1:8080", "192.168.1.11:8080", StatusPass},
		{"http://127.0.0.1:8080", "nowhere:8080", StatusPass},
		{"http://IDP.internal:8080", "10.0.0.8:8080", StatusFail},
		{"http://idp.internal:8080", "idp.internal:8080", StatusFail},
		{"http://idp.internal:8080", "app.internal:8080", StatusWarn}, // or another one behind the same load balancer
		{"http://idp.internal:8080", "other.internal:8080", StatusPass},
		{"http://idp.internal:8080", "app.internal:8443", StatusPass},
	} {
		d := goodDeployment()
		d.Provider = Provider{Kind: "keycloak", URL: c.called}
		text := strings.Replace(good, `"localhost:8080"`, `"`+strings.TrimPrefix(c.called, "http://")+`"`, 1)
		text = strings.Replace(text, `"routes": [{"match"`, `"routes": [{"handle": [{"handler": "reverse_proxy", "upstreams": [{"dial": "`+c.dialled+`"}]}]}, {"match"`, 1)
		config, err := ParseConfig([]byte(text), d)
		if err != nil {
			t.Fatal(err)
		}
		config.places = known
		for _, f := range Examine(t.Context(), config, ConfigChecks) {
			if f.Check == "route-unguarded" && f.Status != c.want {
				t.Errorf("%s beside %s: %+v", c.dialled, c.called, f)
			}
		}
	}
}

func addresses(texts ...string) (list []netip.Addr) {
	for _, text := range texts {
		list = append(list, netip.MustParseAddr(text))
	}
	return list
}

// An admin API and what people use may have two names of one address.
func TestTheIdentityProviderIsNotTakenForItsAdminAPI(t *testing.T) {
	d := goodDeployment()
	d.Provider.URL, d.Provider.AdminURL = "http://idp.internal:8080", "http://admin.internal:8080"
	config, err := ParseConfig([]byte(strings.Replace(good, "localhost:8080", "idp.internal:8080", 1)), d)
	if err != nil {
		t.Fatal(err)
	}
	config.names = map[string][]netip.Addr{"idp.internal": addresses("10.0.0.7"), "admin.internal": addresses("10.0.0.7")}
	for _, f := range Examine(t.Context(), config, ConfigChecks) {
		if (f.Check == "route-unguarded" || f.Check == "idp-admin-routed") && f.Status != StatusPass {
			t.Errorf("%+v", f)
		}
	}
}

func TestNamesAreLookedUpOnceAndWithinBounds(t *testing.T) {
	config, err := ParseConfig([]byte(strings.Replace(good, "127.0.0.1:3000", "nowhere.invalid:3000", 1)), goodDeployment())
	if err != nil {
		t.Fatal(err)
	}
	if names := config.dialledNames(); !slices.Equal(names, []string{"nowhere.invalid"}) {
		t.Errorf("%q", names)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	config.LookUp(ctx)
	if len(config.names) != 0 {
		t.Errorf("%v", config.names)
	}
}

func TestRoutesThatInvokeOneAnotherEnd(t *testing.T) {
	text := strings.Replace(good, `"listen": [":443"],`, `"listen": [":443"], "named_routes": {"a": {"handle": [{"handler": "invoke", "name": "a"}]}}, "errors": {"routes": [{"handle": [{"handler": "invoke", "name": "a"}]}]},`, 1)
	if f := findings(t, text, goodDeployment())["route-unguarded"]; f.Status != StatusPass {
		t.Errorf("%+v", f)
	}
}

func TestWhatIsNoConfigurationIsRefused(t *testing.T) {
	if _, err := ParseConfig([]byte(`[]`), goodDeployment()); err == nil {
		t.Error("taken")
	}
}

// What a gateway guards nothing of may be anywhere. It is Caddy that must know the way to any other.
func TestABrokersProviderMayBeElsewhere(t *testing.T) {
	for kind, want := range map[string]Status{"oidc": StatusPass, "keycloak": StatusUnknown} {
		d := goodDeployment()
		d.Provider = Provider{Kind: kind, URL: "https://idp.example.org"}
		for _, id := range []string{"route-unguarded", "route-matcher", "route-order", "route-rewrite"} {
			if f := findings(t, good, d)[id]; f.Status != want {
				t.Errorf("%s: %+v", kind, f)
			}
		}
	}
}
