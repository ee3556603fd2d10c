package caddymodule

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

var update = flag.Bool("update", false, "write what adapting gives into the golden files")

const separator = "\n----------\n"

// adapt turns a Caddyfile into indented JSON. A warning fails the test: it means
// that `caddy fmt` would change the file.
func adapt(t testing.TB, name, caddyfile string) (string, error) {
	t.Helper()
	result, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), map[string]any{"filename": name})
	if err != nil {
		return "", err
	}
	for _, w := range warnings {
		t.Errorf("warning: %v", w)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, result, "", "\t"); err != nil {
		t.Fatal(err)
	}
	return indented.String(), nil
}

func mustAdapt(t testing.TB, caddyfile string) string {
	t.Helper()
	result, err := adapt(t, "Caddyfile", caddyfile)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// Each golden file is a Caddyfile, a line of dashes, and the JSON or the error that
// it gives. An error names file and line.
func TestCaddyfileAdaptsAsWritten(t *testing.T) {
	files, err := filepath.Glob("testdata/adapt/*.caddyfiletest")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".caddyfiletest"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			caddyfile, want, _ := strings.Cut(string(data), separator)
			caddyfile += "\n"
			got, err := adapt(t, "Caddyfile", caddyfile)
			if err != nil {
				got = err.Error()
				if !strings.Contains(got, "Caddyfile:") {
					t.Errorf("the error names no line: %s", got)
				}
			}
			if *update {
				if err := os.WriteFile(file, []byte(strings.TrimSuffix(caddyfile, "\n")+separator+got+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want = strings.TrimSpace(want); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// What a Caddyfile can say, JSON can say, and the other way round: the JSON of a
// golden file is a valid configuration that means the same when it is written again.
func TestAdaptedJSONIsAValidConfiguration(t *testing.T) {
	files, _ := filepath.Glob("testdata/adapt/*.caddyfiletest")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, text, _ := strings.Cut(string(data), separator)
		if !strings.HasPrefix(text, "{") {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			privateData(t)
			t.Setenv("REGRANT_TEST_HOST", "id.example.com")
			t.Setenv("REGRANT_TEST_URL", "http://127.0.0.1:8080")
			t.Setenv("REGRANT_TEST_REALM", "acme")
			if err := validate(t, text); err != nil {
				t.Fatal(err)
			}
			var config caddy.Config
			if err := json.Unmarshal([]byte(text), &config); err != nil {
				t.Fatal(err)
			}
			var app App
			if err := caddy.StrictUnmarshalJSON(config.AppsRaw["regrant"], &app); err != nil {
				t.Fatal(err)
			}
			again, err := json.Marshal(&app)
			if err != nil {
				t.Fatal(err)
			}
			if !equalJSON(t, again, config.AppsRaw["regrant"]) {
				t.Errorf("written again:\n%s", again)
			}
		})
	}
}

func equalJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y bytes.Buffer
	if err := json.Compact(&x, a); err != nil {
		t.Fatal(err)
	}
	if err := json.Compact(&y, b); err != nil {
		t.Fatal(err)
	}
	return x.String() == y.String()
}

func TestTheExampleIsValid(t *testing.T) {
	privateData(t)
	data, err := os.ReadFile("../Caddyfile.example")
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`/etc/pki/[a-z0-9-]+\.pem`).ReplaceAllString(string(data), "testdata/device-ca.pem") // read when it is validated
	if err := validate(t, mustAdapt(t, text)); err != nil {
		t.Fatal(err)
	}
}

// The directive runs before everything that could answer in its place.
func TestDirectiveNeedsNoOrder(t *testing.T) {
	result := mustAdapt(t, goodCaddyfile(t, "https://id.example.com")+`
id.example.com {
	reverse_proxy 127.0.0.1:8080
	basic_auth {
		user $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG
	}
	regrant
}
`)
	gateway, auth := strings.Index(result, `"handler": "regrant"`), strings.Index(result, `"handler": "authentication"`)
	if gateway < 0 || auth < gateway {
		t.Errorf("regrant at %d, basic_auth at %d", gateway, auth)
	}
}

// Every documented field of JSON can be written in a Caddyfile.
func TestEveryFieldIsReachableFromACaddyfile(t *testing.T) {
	var golden strings.Builder
	files, _ := filepath.Glob("testdata/adapt/*.caddyfiletest")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		golden.Write(data)
	}
	for _, module := range []any{
		App{},
		Handler{},
		DevicePool{},
		UpstreamTerms{},
		Throttle{},
		Rate{},
		BadgerStorage{},
		Keycloak{},
		OIDC{},
		Kratos{},
		KratosMark{},
		Hydra{},
		Client{},
		Exception{},
		DeviceCertificate{},
		DeviceIdentity{},
		AndroidKey{},
		AppleDevice{},
		Webhook{},
		RecoveryClient{},
		CertificateName{},
		Passkey{},
		PasskeyModels{},
		TPM{},
		SSHKey{},
		RecoveryKey{},
		RecoveryCode{},
		Passphrase{},
	} {
		for _, field := range reflect.VisibleFields(reflect.TypeOf(module)) {
			if !field.IsExported() || field.Anonymous {
				continue
			}
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name == "" || !strings.Contains(golden.String(), `"`+name+`":`) {
				t.Errorf("%T.%s: no golden file has %q", module, field.Name, name)
			}
		}
	}
}
