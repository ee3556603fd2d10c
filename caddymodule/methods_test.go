package caddymodule

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/regrant/regrant/attest"
)

// withMethods is a good configuration whose methods are these.
func withMethods(t *testing.T, methods string) string {
	t.Helper()
	good := goodCaddyfile(t, testOrigin)
	before, rest, _ := strings.Cut(good, "\t\tmethod device_certificate")
	_, after, _ := strings.Cut(rest, "\n\t\t}\n")
	return before + methods + "\n" + after
}

func loadMethods(t *testing.T, methods string) (*App, error) {
	t.Helper()
	app, _, err := load(t, appJSON(t, withMethods(t, methods)))
	return app, err
}

const allMethods = `
		method passkey
		method tpm {
			trust_pool file testdata/device-ca.pem
		}
		method ssh_key
		method recovery_key
		method recovery_code
		method passphrase {
			risk_analysis RA-2026-016
		}`

func TestEveryMethodIsOffered(t *testing.T) {
	privateData(t)
	app, err := loadMethods(t, allMethods)
	if err != nil {
		t.Fatal(err)
	}
	rt := mustServe(t, app)
	want := []attest.Method{
		attest.MethodPasskey, attest.MethodTPM, attest.MethodSSHKey, attest.MethodRecoveryKey, attest.MethodRecoveryCode, attest.MethodPassphrase,
	}
	if got := rt.recovery.Verifier.Methods(); !slices.Equal(got, want) {
		t.Errorf("offered are %q", got)
	}
	for _, m := range want {
		if _, ok := rt.recovery.Verifier.Format(m).(attest.Enroller); !ok {
			t.Errorf("nobody can bind %s", m)
		}
	}
}

func TestPasskeysAreNamedOnlyWhereThatIsConfigured(t *testing.T) {
	for methods, want := range map[string]int{"\t\tmethod passkey": 0, "\t\tmethod passkey {\n\t\t\tallow_credentials\n\t\t}": 8} {
		privateData(t)
		app, err := loadMethods(t, methods)
		if err != nil {
			t.Fatal(err)
		}
		format := mustServe(t, app).recovery.Verifier.Format(attest.MethodPasskey)
		if got := format.(attest.Namer).Names(); got != want {
			t.Errorf("%s: %d are named, want %d", methods, got, want)
		}
	}
}

func TestEachMethodHasItsOwnProbation(t *testing.T) {
	privateData(t)
	app, err := loadMethods(t, "\t\tmethod passkey\n\t\tmethod recovery_code {\n\t\t\tprobation 1h\n\t\t\trisk_analysis RA-1\n\t\t}")
	if err != nil {
		t.Fatal(err)
	}
	for m, want := range map[attest.Method]time.Duration{attest.MethodPasskey: 72 * time.Hour, attest.MethodRecoveryCode: time.Hour, attest.MethodTPM: 72 * time.Hour} {
		if got := app.probation(m); got != want {
			t.Errorf("%s waits %s, want %s", m, got, want)
		}
	}
	if got := mustServe(t, app).recovery.Probation; got != time.Hour {
		t.Errorf("a replacement waits %s", got)
	}
}

// Two keys that are derived for methods never meet, though both keep hashes.
func TestMethodsKeepTheirHashesApart(t *testing.T) {
	privateData(t)
	app, err := loadMethods(t, allMethods)
	if err != nil {
		t.Fatal(err)
	}
	rt := mustServe(t, app)
	seen := map[string]attest.Method{}
	for _, m := range app.methods {
		spy := &guestModule{name: m.name}
		if _, err := rt.realm.format(method{name: m.name, guest: spy}, rt.services, nil); err != nil {
			t.Fatal(err)
		}
		sum := string(spy.host.Keyed([]byte("x")))
		if other, twice := seen[sum]; twice {
			t.Errorf("%s and %s have one key", m.name, other)
		}
		seen[sum] = m.name
	}
}

// guestModule is a module of somebody else's.
type guestModule struct {
	name, says attest.Method // of the format; says: in place of name
	terms      attest.Terms
	err        error
	host       attest.Host
}

func (g *guestModule) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: caddy.ModuleID("regrant.methods." + strings.ReplaceAll(string(g.name), "-", "_"))}
}
func (g *guestModule) Terms() attest.Terms { return g.terms }
func (g *guestModule) Format(h attest.Host) (attest.Format, error) {
	g.host = h
	if g.says == "" {
		g.says = g.name
	}
	return nameOnly(g.says), g.err
}

// nameOnly is a format that has nothing but its name.
type nameOnly attest.Method

func (n nameOnly) Method() attest.Method                        { return attest.Method(n) }
func (nameOnly) Locate([]byte, string) ([]byte, error)          { return nil, nil }
func (nameOnly) Verify(attest.Input) (c attest.Claims, _ error) { return c, nil }

func TestAModuleOfSomebodyElseIsHeldToTheRules(t *testing.T) {
	good := func() *guestModule {
		return &guestModule{name: "help-desk", terms: attest.Terms{RiskAnalysis: "RA-1", Probation: 72 * time.Hour}}
	}
	for name, tt := range map[string]struct {
		change func(*guestModule)
		err    string
	}{
		"good":                      {func(*guestModule) {}, ""},
		"passes for a stronger one": {func(g *guestModule) { g.says = attest.MethodPasskey }, "another name"},
		"has no format":             {func(g *guestModule) { g.err = caddy.ErrNotConfigured }, caddy.ErrNotConfigured.Error()},
		"counts at once":            {func(g *guestModule) { g.terms = attest.Terms{} }, "less than 72h"},
		"counts before it is bound": {func(g *guestModule) { g.terms.Probation = -1 }, "below zero"},
	} {
		t.Run(name, func(t *testing.T) {
			app, g := &App{realms: []*realm{{seat: seat{origin: testOrigin, path: defaultPath}}}}, good()
			tt.change(g)
			err := app.loadGuestMethod(g)
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%v, want %q", err, tt.err)
			}
			if err == nil && (!app.has("help-desk") || g.host.Issuer != testOrigin+defaultPath) {
				t.Errorf("%+v, %+v", app.methods, g.host)
			}
		})
	}
	if err := new(App).loadGuestMethod(new(Webhook)); err == nil {
		t.Error("what is no method is taken for one")
	}
}

// A risk analysis cannot be left out in JSON either.
func TestAMethodThatTheStandardDoesNotKnowNeedsARiskAnalysis(t *testing.T) {
	for module, needed := range map[string]bool{"passphrase": true, "help_desk": true, "recovery_code": false, "passkey": false, "ssh_key": false} {
		app := &App{MethodsRaw: []json.RawMessage{json.RawMessage(`{"method":"` + module + `"}`)}}
		if err := app.checkEachMethod(); (err != nil) != needed {
			t.Errorf("%s: %v", module, err)
		}
	}
}

func TestScarceWorkRunsOneAtATimeAndFewWait(t *testing.T) {
	var mu sync.Mutex
	hold, started := make(chan struct{}), make(chan struct{}, 2*scarcePlaces)
	running, most, refused := 0, 0, 0
	var all sync.WaitGroup
	for range 2 * scarcePlaces {
		all.Go(func() {
			err := scarcely(func() {
				mu.Lock()
				running++
				most = max(most, running)
				mu.Unlock()
				started <- struct{}{}
				<-hold
				mu.Lock()
				running--
				mu.Unlock()
			})
			if err != nil {
				mu.Lock()
				refused++
				if refused == scarcePlaces { // all the others are in
					close(hold)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if most != 1 || refused != scarcePlaces || len(started) != scarcePlaces {
		t.Errorf("%d at once, %d refused, %d ran", most, refused, len(started))
	}
}

func TestRelatedOriginsAreServedWhereThereAreAny(t *testing.T) {
	for name, tt := range map[string]struct{ methods, want string }{
		"no passkeys":             {"method recovery_code\n\t\tmethod ssh_key", ""},
		"the issuer's alone":      {"method passkey", ""},
		"below the RP ID":         {"method passkey {\n\t\t\trp_id example.com\n\t\t\torigins https://login.example.com\n\t\t}", ""},
		"elsewhere":               {"method passkey {\n\t\t\torigins https://login.example.com https://shop.example.net\n\t\t}", `{"origins":["https://login.example.com","https://shop.example.net"]}`},
		"the RP ID is another's":  {"method passkey {\n\t\t\trp_id example.net\n\t\t}", `{"origins":["https://id.example.com"]}`},
		"the end of another name": {"method passkey {\n\t\t\torigins https://evil-id.example.com\n\t\t}", `{"origins":["https://evil-id.example.com"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			privateData(t)
			app, err := loadMethods(t, "\t\t"+tt.methods)
			if err != nil {
				t.Fatal(err)
			}
			mustOpen(t, app)
			w, passed, err := serve(t, app, http.MethodGet, "/.well-known/webauthn")
			if err != nil || (passed != nil) != (tt.want == "") || w.Body.String() != tt.want {
				t.Errorf("passed %v, %d %s, %v", passed != nil, w.Code, w.Body, err)
			}
			if tt.want != "" && w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("it is %s", w.Header().Get("Content-Type"))
			}
		})
	}
}

func TestPasskeysNeedANameToBeMadeFor(t *testing.T) {
	for issuer, good := range map[string]bool{"https://id.example.com:8443": true, "https://localhost:8443": true, "https://192.0.2.1": false, "https://co.uk": false} {
		_, err := adapt(t, "Caddyfile", strings.Replace(withMethods(t, "\t\tmethod passkey"), testOrigin, issuer, 1))
		if (err == nil) != good || err != nil && (!strings.Contains(err.Error(), "rp_id") || !strings.Contains(err.Error(), "Caddyfile:")) {
			t.Errorf("%s: %v", issuer, err)
		}
	}
}

func TestEveryAlgorithmThatCanBeNamedIsVerified(t *testing.T) {
	for name, a := range algorithms {
		if !a.Known() {
			t.Errorf("%s is not", name)
		}
	}
}
