package caddymodule

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/regrant/regrant/internal/doctor"
	"github.com/regrant/regrant/storage"
)

// askDoctor makes the call of the doctor.
func askDoctor(t *testing.T, api *adminAPI) (found examined, text string) {
	t.Helper()
	status, answer := ask(t, api, http.MethodPost, "/regrant/doctor", `{}`)
	if status != http.StatusOK || json.Unmarshal([]byte(answer), &found) != nil {
		t.Fatalf("status %d: %s", status, answer)
	}
	return found, answer
}

func statusOf(t *testing.T, found examined, id string) doctor.Status {
	t.Helper()
	i := slices.IndexFunc(found.Findings, func(f doctor.Finding) bool { return f.Check == id })
	if i < 0 {
		t.Fatalf("nobody looked for %s", id)
	}
	return found.Findings[i].Status
}

func TestTheDoctorExchangesAndReplaysAndLeavesNothing(t *testing.T) {
	privateData(t)
	app, _ := mustLoad(t)
	rt := mustOpen(t, app)
	found, text := askDoctor(t, admin(app))
	for _, id := range []string{"exchange", "replay", "store-space", "secret-files"} {
		if got := statusOf(t, found, id); got != doctor.StatusPass {
			t.Errorf("%s: %s", id, got)
		}
	}
	if got := statusOf(t, found, "notifier-reachable"); got != doctor.StatusFail { // nobody listens at port 9
		t.Errorf("notifier: %s", got)
	}
	if strings.Contains(text, testSecret) {
		t.Error("the answer tells a secret")
	}
	if d := found.Deployment; d.Issuer() != testOrigin+"/recovery" || d.Provider.Kind != "oidc" || len(d.Keys) == 0 {
		t.Errorf("%+v", d)
	}
	err := rt.store.View(t.Context(), func(r storage.Reader) error {
		for e, err := range r.Scan([]byte(app.realms[0].name+"/doctor/"), nil, 10) {
			t.Errorf("%q is left: %v", e.Key, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestTheDoctorSeesAFileThatOthersCanRead(t *testing.T) {
	privateData(t)
	file := filepath.Join(t.TempDir(), "client.secret")
	if err := os.WriteFile(file, []byte(testSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	app, _ := mustLoad(t, testSecret, `{file.`+file+`}`)
	mustOpen(t, app)
	if found, _ := askDoctor(t, admin(app)); statusOf(t, found, "secret-files") != doctor.StatusPass {
		t.Error("a good file is a fault")
	}
	if err := os.Chmod(file, 0o604); err != nil {
		t.Fatal(err)
	}
	if found, _ := askDoctor(t, admin(app)); statusOf(t, found, "secret-files") != doctor.StatusFail {
		t.Error("not found")
	}
}

// The environment of Caddy is not that of whoever runs the command.
func TestTheDoctorIsToldWhereCaddyIsAdministeredUnlessItsConfigurationSaysSo(t *testing.T) {
	was := caddy.DefaultAdminListen
	t.Cleanup(func() { caddy.DefaultAdminListen = was })
	api := openAdmin(t)
	caddy.DefaultAdminListen = "0.0.0.0:2019"
	if found, _ := askDoctor(t, api); found.Deployment.AdminDefault != "0.0.0.0:2019" {
		t.Errorf("%+v", found.Deployment)
	}
}

func TestTheDoctorIsAskedByPost(t *testing.T) {
	api := openAdmin(t)
	if status, answer := ask(t, api, http.MethodGet, "/regrant/doctor", ""); status != http.StatusMethodNotAllowed {
		t.Errorf("status %d: %s", status, answer)
	}
	if status, answer := ask(t, api, http.MethodPost, "/regrant/doctor", `{"x":1}`); status != http.StatusBadRequest {
		t.Errorf("status %d: %s", status, answer)
	}
}

// The doctor sees every address that is called and every file that a secret comes from, whatever the upstream is.
func TestTheDoctorKnowsEveryKindOfUpstream(t *testing.T) {
	const receiver = "http://127.0.0.1:9/"
	dir := t.TempDir()
	for kind, c := range map[string]struct {
		options string // DIR is where the files are
		calls   []string
		files   []string
	}{
		"keycloak http://127.0.0.1:9": {
			"realm acme\nclient a {file.DIR/client}\nbroker_client b {file.DIR/broker}\nupstream_grant c {file.DIR/grant}",
			[]string{"http://127.0.0.1:9"},
			[]string{"client", "broker", "grant"},
		},
		"oidc https://idp.example": {
			"client a {file.DIR/client}\nbroker_client b {file.DIR/broker}\nbroker_redirect https://idp.example/callback\nassume_unprivileged risk_analysis RA-1",
			[]string{"https://idp.example"},
			[]string{"client", "broker"},
		},
		"kratos http://127.0.0.1:9": {
			"admin http://127.0.0.1:10\nhydra http://127.0.0.1:11", []string{"http://127.0.0.1:9", "http://127.0.0.1:10", "http://127.0.0.1:11"}, nil,
		},
		"hydra http://127.0.0.1:9": {
			"admin http://127.0.0.1:10\nclient a {file.DIR/client}\nupstream_grant c {file.DIR/grant} orders:read",
			[]string{"http://127.0.0.1:9", "http://127.0.0.1:10"},
			[]string{"client", "grant"},
		},
	} {
		t.Run(kind, func(t *testing.T) {
			privateData(t)
			before, rest, _ := strings.Cut(goodCaddyfile(t, testOrigin), "\t\tupstream ")
			_, after, _ := strings.Cut(rest, "\t\tmethod ")
			options := strings.NewReplacer("DIR", dir, "\n", "\n\t\t\t").Replace(c.options)
			for _, name := range c.files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(testSecret), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			text := before + "\t\tupstream " + kind + " {\n\t\t\t" + options + "\n\t\t}\n\t\tmethod " + after
			if !strings.Contains(text, receiver) {
				t.Fatal("nobody is told anything")
			}
			app, _ := loadText(t, strings.Replace(text, receiver, receiver+"path-"+testSecret, 1))
			mustOpen(t, app)
			found, answer := askDoctor(t, admin(app))
			if strings.Contains(answer, testSecret) {
				t.Error("the answer tells a secret")
			}
			d := found.Deployment
			if word, _, _ := strings.Cut(kind, " "); d.Provider.Kind != word || d.Provider.URL != c.calls[0] {
				t.Errorf("%+v", d.Provider)
			}
			for _, address := range c.calls {
				if !slices.Contains(d.Calls, address) {
					t.Errorf("%s is not among %q", address, d.Calls)
				}
			}
			files := app.realms[0].secretFiles()
			for _, name := range c.files {
				if !slices.Contains(files, filepath.Join(dir, name)) {
					t.Errorf("%s is not among %q", name, files)
				}
			}
		})
	}
}

func TestOnlyAKnownCheckIsAcceptedAndOnlyWithAReason(t *testing.T) {
	good, err := parseAccepted([]string{"hydra-disabled-accounts=the consent app asks, see a=b", "tls-version= old, still "})
	if err != nil || good["hydra-disabled-accounts"] != "the consent app asks, see a=b" || good["tls-version"] != "old, still" {
		t.Errorf("%q, %v", good, err)
	}
	for _, bad := range [][]string{{"hsts"}, {"hsts="}, {"hsts= "}, {"no-such-check=because"}, {""}, {"hsts=a", "hsts=b"}} {
		if got, err := parseAccepted(bad); err == nil {
			t.Errorf("%q is taken for %q", bad, got)
		}
	}
}

func TestAnAddressOfHydraIsRefusedThatPeopleCannotUseOrNobodyNamed(t *testing.T) {
	for name, c := range map[string]struct {
		at, hydra string
	}{
		"without TLS":        {"http://auth.example.com", "http://127.0.0.1:4445"},
		"no address":         {"https://", "http://127.0.0.1:4445"},
		"with a query":       {"https://auth.example.com/?x=y", "http://127.0.0.1:4445"},
		"of no known Hydra":  {"https://auth.example.com", ""},
		"of none, and badly": {"auth.example.com", ""},
	} {
		cmd := doctorCommand()
		if err := cmd.Flags().Set("hydra", c.at); err != nil {
			t.Fatal(err)
		}
		if found, err := hydraAddress(cmd, doctor.Provider{HydraURL: c.hydra}); err == nil || !strings.HasPrefix(err.Error(), "--hydra") {
			t.Errorf("%s: %v, %v", name, found, err)
		}
	}
}

func TestTheDoctorTrustsAFileBesideTheSystem(t *testing.T) {
	site := httptest.NewTLSServer(http.NotFoundHandler())
	defer site.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: site.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	want := systemRoots()
	want.AddCert(site.Certificate())
	if got, err := readMoreRoots(file); err != nil || !got.Equal(want) {
		t.Errorf("other roots are trusted: %v", err)
	}
	if got, err := readMoreRoots(""); err != nil || got != nil {
		t.Errorf("without a file, others than the system's are trusted: %v", err)
	}
}
