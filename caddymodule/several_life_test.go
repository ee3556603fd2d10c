package caddymodule

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/authority"
	"github.com/regrant/regrant/internal/keys"
)

// named is what serves the upstream of a name.
func named(t testing.TB, app *App, name string) *serving {
	t.Helper()
	r, err := app.realm(name)
	if err != nil {
		t.Fatal(err)
	}
	return mustOpen(t, app).of(r)
}

// without takes the realm other out of severalCaddyfile.
func without(t testing.TB) string {
	t.Helper()
	before, rest, _ := strings.Cut(severalCaddyfile(t), "\t\tupstream keycloak http://127.0.0.1:9 {\n\t\t\trealm other")
	_, after, _ := strings.Cut(rest, "\t\t}\n")
	return before + after
}

func TestUpstreamsShareTheStoreAndNoKey(t *testing.T) {
	app := severalApp(t)
	if references(t, app) != 1 {
		t.Errorf("%d references", references(t, app))
	}
	seen := map[string]string{}
	for _, s := range mustOpen(t, app).realms {
		sealed := s.ring.Box(keys.LoginRequest).Seal([]byte("x"), nil)
		for _, b := range mustOpen(t, app).realms {
			if _, err := b.ring.Box(keys.LoginRequest).Open(sealed, nil); (err == nil) != (b == s) {
				t.Errorf("sealed by %s, opened by %s: %v", s.realm.name, b.realm.name, err)
			}
		}
		for _, id := range []string{s.ring.Signing(keys.Grant)[0].ID, s.ring.Signing(keys.Broker)[0].ID, string(s.ring.MAC(keys.Handle, []byte("alice"))), string(s.authority.Anchors()[0].Raw)} {
			if before, twice := seen[id]; twice {
				t.Errorf("%s and %s share a key", before, s.realm.name)
			}
			seen[id] = s.realm.name
		}
	}
}

// Keys and accounts belong to the name: they outlive other upstreams that come and go, and the time in which their own is away.
func TestAReloadAddsAndRemovesAnUpstream(t *testing.T) {
	privateData(t)
	both, endBoth := loadText(t, severalCaddyfile(t))
	first, second := named(t, both, acme).ring.Signing(keys.Grant)[0].ID, named(t, both, other).ring.Signing(keys.Grant)[0].ID

	one, endOne := loadText(t, without(t))
	if got := named(t, one, acme).ring.Signing(keys.Grant)[0].ID; got != first {
		t.Error("the one that stays has other keys")
	}
	late := directive(t, both)
	endBoth()
	for url, want := range map[string]string{
		testOrigin + "/recovery" + discovery:                            `"issuer":"` + testOrigin + "/recovery/oidc",
		testOrigin + "/other" + discovery:                               "Service Unavailable",
		testOrigin + "/realms/acme/login-actions/action-token?key=x":    "Forbidden",
		testOrigin + "/realms/other/account":                            "passes",
		partnersOrigin + "/recovery" + discovery:                        `"issuer":"` + partnersOrigin + "/recovery/oidc",
		"https://elsewhere.example.com/recovery" + discovery:            "misdirected",
		"https://elsewhere.example.com/realms/acme/broker/regrant/link": "Not Found",
	} {
		if got := outcome(t, late, url); !strings.Contains(got, want) {
			t.Errorf("a late request for %s: %s, want %s", url, got, want)
		}
	}
	if got := outcome(t, directive(t, one), testOrigin+"/other"+discovery); got != "passes" {
		t.Errorf("what is configured no more: %s", got)
	}

	again, _ := loadText(t, severalCaddyfile(t))
	if got := named(t, again, other).ring.Signing(keys.Grant)[0].ID; got != second {
		t.Error("the one that came back has other keys")
	}
	if references(t, again) != 2 {
		t.Errorf("%d references", references(t, again))
	}
	endOne()
	works(t, mustOpen(t, again))
}

// A mistake in the configuration fails the load, of whichever upstream it is.
func TestASecretThatOneUpstreamLacksFailsTheStart(t *testing.T) {
	privateData(t)
	for text, want := range map[string]string{
		strings.Replace(severalCaddyfile(t), "broker_client other "+testSecret, "broker_client other {file./nowhere}", 1):                                            other,
		strings.Replace(severalCaddyfile(t), "client regrant "+testSecret+"\n\t\t\tbroker_client idp", "client regrant {file./nowhere}\n\t\t\tbroker_client idp", 1): partners,
	} {
		app, unload := loadText(t, text)
		if err := app.Start(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), testSecret) {
			t.Errorf("started without a secret of %s: %v", want, err)
		}
		unload()
	}
	app, _ := loadText(t, severalCaddyfile(t))
	if err := app.Start(); err != nil {
		t.Errorf("the good case: %v", err)
	}
}

// What a placeholder stands for is known only when it is provisioned.
func TestUpstreamsAreApartOncePlaceholdersAreReplaced(t *testing.T) {
	for name, c := range map[string]struct{ realm, path, want string }{
		"good":           {"other", "/other", ""},
		"the same name":  {"acme", "/other", "two upstreams are called"},
		"the same place": {"other", "/recovery", "are both at"},
		"one below":      {"other", "/recovery/other", "lies below"},
		"not a path":     {"other", "other", "is not usable"},
	} {
		t.Run(name, func(t *testing.T) {
			privateData(t)
			t.Setenv("REGRANT_TEST_REALM", c.realm)
			t.Setenv("REGRANT_TEST_PATH", c.path)
			text := strings.NewReplacer("realm other", "realm {env.REGRANT_TEST_REALM}", "path /other", "path {env.REGRANT_TEST_PATH}").Replace(severalCaddyfile(t))
			_, _, err := load(t, appJSON(t, text))
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestOperatorsNameTheUpstreamWhereThereAreSeveral(t *testing.T) {
	api := admin(severalApp(t))
	for query, want := range map[string]string{
		"":                   "name one of " + acme + ", " + other + ", " + partners,
		"?upstream=":         "name one of",
		"?upstream=third":    "use one of " + acme,
		"?upstream=" + other: "",
	} {
		status, answer := ask(t, api, http.MethodGet, "/regrant/broker"+query, "")
		if want == "" {
			var got brokerSettings
			if status != http.StatusOK || json.Unmarshal([]byte(answer), &got) != nil || got.Issuer != testOrigin+"/other/oidc" {
				t.Errorf("%q: %d %s", query, status, answer)
			}
		} else if status != http.StatusBadRequest || !strings.Contains(answer, want) {
			t.Errorf("%q: %d %s, want %q", query, status, answer, want)
		}
	}
	for upstream, want := range map[string]string{acme: "/recovery/oidc", other: "/other/oidc", "": "name one of"} {
		out, err := command(t, api, "broker", "--upstream", upstream)
		if (err == nil) != (upstream != "") || err == nil && !strings.Contains(out, want) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v\n%s", upstream, err, out)
		}
	}
	if out, err := command(t, api, "recoveries", "--limit", "3", "--upstream", partners); err != nil || !strings.Contains(out, "REFERENCE") {
		t.Errorf("beside another parameter: %v\n%s", err, out)
	}
}

func TestTheOnlyUpstreamMayBeNamed(t *testing.T) {
	api := openAdmin(t)
	if status, answer := ask(t, api, http.MethodGet, "/regrant/recoveries?upstream=oidc-idp.example", ""); status != http.StatusOK {
		t.Errorf("%d %s", status, answer)
	}
	if status, answer := ask(t, api, http.MethodGet, "/regrant/recoveries?upstream=oidc-another", ""); status != http.StatusBadRequest {
		t.Errorf("another: %d %s", status, answer)
	}
}

// A device of one upstream is nobody's at another, also where the same person has the same name there.
func TestAnActivationCodeEnrolsAtItsOwnUpstreamOnly(t *testing.T) {
	app := severalApp(t, "upstream keycloak http://127.0.0.1:9 {\n\t\t\trealm other", "upstream oidc https://second.example {\n\t\t\tname other\n\t\t\tbroker_redirect https://second.example/callback")
	code, err := named(t, app, partners).authority.NewCode(t.Context(), authority.CodeRequest{Identifier: "alice@example.com", Subject: "alice", As: "admin"})
	if err != nil {
		t.Fatal(err)
	}
	csr := requestFor(t)
	if _, err := named(t, app, "other").authority.Enroll(t.Context(), code.Text, csr, ""); !errors.Is(err, authority.ErrCode) {
		t.Errorf("another upstream took the code: %v", err)
	}
	if _, err := named(t, app, partners).authority.Enroll(t.Context(), code.Text, csr, ""); err != nil {
		t.Errorf("its own did not: %v", err)
	}
	for name, want := range map[string]int{partners: 1, "other": 0} {
		status, answer := ask(t, admin(app), http.MethodPost, "/regrant/accounts/authenticators?upstream="+name, `{"account":"alice"}`)
		var list []authenticator
		if status != http.StatusOK || json.Unmarshal([]byte(answer), &list) != nil || len(list) != want {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
}

func TestMetricsNameTheUpstream(t *testing.T) {
	app := severalApp(t)
	series := gather(t, app.ctx.GetMetricsRegistry())
	for name, n := range map[string]int{"regrant_open": 1, "regrant_notices_pending": 3, "regrant_device_certificates_expiring": 9, "regrant_key_age_seconds": 18} {
		if series[name] != n {
			t.Errorf("%s has %d series, want %d", name, series[name], n)
		}
	}
	families, err := app.ctx.GetMetricsRegistry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if f.GetName() == "regrant_notices_pending" && l.GetName() == "upstream" {
					seen[l.GetValue()] = true
				}
			}
		}
	}
	for _, name := range []string{acme, other, partners} {
		if !seen[name] {
			t.Errorf("no series of %s among %v", name, seen)
		}
	}
}

// Passkeys are made for the host of each upstream, and its document of related origins is at its own origin.
func TestPasskeysBelongToTheOriginOfTheirUpstream(t *testing.T) {
	app := severalApp(t, "method device_certificate {\n\t\t\trisk_analysis RA-2026-014", "method passkey {\n\t\t\torigins https://shop.example.net https://www.partners.example.com")
	for name, host := range map[string]string{acme: "id.example.com", other: "id.example.com", partners: "partners.example.com"} {
		format := named(t, app, name).recovery.Verifier.Format(attest.MethodPasskey).(attest.Enroller)
		prompt, err := format.Begin(attest.Enrolling{Name: "alice", UserHandle: make([]byte, 32)}, nil)
		if err != nil || !strings.Contains(string(prompt.Options), `"id":"`+host+`"`) {
			t.Errorf("%s: %s, %v", name, prompt.Options, err)
		}
	}
	const document = "/.well-known/webauthn"
	for origin, want := range map[string]string{
		testOrigin:                      `{"origins":["https://shop.example.net","https://www.partners.example.com"]}`,
		partnersOrigin:                  `{"origins":["https://shop.example.net"]}`, // the other is within its RP ID
		"https://elsewhere.example.com": "misdirected",
	} {
		if got := outcome(t, directive(t, app), origin+document); got != want {
			t.Errorf("%s: %s", origin, got)
		}
	}
}

func TestDevicePoolTrustsTheDevicesOfWhomItNames(t *testing.T) {
	app := severalApp(t)
	for _, c := range []struct {
		names   []string
		trusted bool
	}{{nil, true}, {[]string{partners}, true}, {[]string{acme, partners}, true}, {[]string{acme, other}, false}} {
		pool, err := app.devicePool(c.names)
		if err != nil {
			t.Fatal(err)
		}
		leaf, issuing := enrolledAt(t, named(t, app, partners))
		if err := handshake(&DevicePool{pool: pool}, leaf, issuing); (err == nil) != c.trusted {
			t.Errorf("%q: %v", c.names, err)
		}
	}
}
