package caddymodule

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/internal/revocation"
)

// statusServer has a list of revoked keys.
func statusServer(t *testing.T, list string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(list)) }))
	t.Cleanup(server.Close)
	return server
}

// awaitList waits until a list that is on its way is there.
func awaitList(t *testing.T, list *revocation.AndroidStatus) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); list.Current() == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no list came")
		}
	}
}

func TestPasskeysAndDevicesShareTheListThatTheyName(t *testing.T) {
	const mirror, other = "https://mirror.example.com/status", "https://other.example.com/status"
	passkeys := func(options string) string { return "\t\tmethod passkey {\n" + options + "\t\t}" }
	withDevice := func(options string) string {
		return "\t\tmethod device_certificate {\n\t\t\trisk_analysis RA-1\n\t\t\tandroid_key {\n\t\t\t\tstatus " + mirror + "\n\t\t\t}\n\t\t}\n" + passkeys(options)
	}
	const verified, required = "\t\t\tattestation verified\n", "\t\t\tattestation required\n\t\t\ttrust_pool file testdata/device-ca.pem\n"
	own := func(url string) string { return "\t\t\tandroid_status " + url + "\n" }
	for name, tt := range map[string]struct {
		methods string
		asked   bool // of passkeys
		shared  bool
		lists   int
	}{
		"nobody is asked":       {passkeys("\t\t\tname Example\n"), false, false, 0},
		"nor beside devices":    {withDevice("\t\t\tname Example\n"), false, false, 1},
		"passkeys alone":        {passkeys(verified), true, false, 1},
		"passkeys, required":    {passkeys(required), true, false, 1},
		"passkeys with a list":  {passkeys(verified + own(mirror)), true, false, 1},
		"that of the devices":   {withDevice(verified), true, true, 1},
		"the same, named twice": {withDevice(verified + own(mirror)), true, true, 1},
		"another":               {withDevice(verified + own(other)), true, false, 2},
	} {
		t.Run(name, func(t *testing.T) {
			privateData(t)
			app, err := loadMethods(t, tt.methods)
			if err != nil {
				t.Fatal(err)
			}
			device := app.device.AndroidKey
			if got := app.passkey.status; (got != nil) != tt.asked || len(app.lists) != tt.lists || device != nil && (got == device.status) != tt.shared {
				t.Errorf("passkeys have %p, in all %d", got, len(app.lists))
			}
		})
	}
}

// From the configuration to the enrolment: what the list says arrives where passkeys are judged.
func TestConfiguredStatusListIsKeptForPasskeys(t *testing.T) {
	root := attesttest.NewCA(t)
	phone := root.Intermediate(t, func(c *x509.Certificate) { c.SerialNumber = big.NewInt(0xa11ce) })
	for list, reason := range map[string]attest.Reason{
		`{"entries":{"abcdef":{"status":"REVOKED"}}}`: "",
		`{"entries":{"a11ce":{"status":"REVOKED"}}}`:  attest.ReasonRevoked,
		`nothing that can be read`:                    attest.ReasonRevocationUnknown,
	} {
		t.Run("reason "+string(reason), func(t *testing.T) {
			privateData(t)
			pool := base64.StdEncoding.EncodeToString(root.Certificate.Raw)
			app, err := loadMethods(t, "\t\tmethod passkey {\n\t\t\tattestation required\n\t\t\ttrust_pool inline {\n\t\t\t\ttrust_der "+pool+
				"\n\t\t\t}\n\t\t\tandroid_status "+statusServer(t, list).URL+"\n\t\t}")
			if err != nil {
				t.Fatal(err)
			}
			format := mustServe(t, app).recovery.Verifier.Format(attest.MethodPasskey).(attest.Enroller)
			if reason != attest.ReasonRevocationUnknown {
				awaitList(t, app.passkey.status)
			}
			e := attest.Enrolling{Now: time.Now()}
			finish := func(attester attesttest.Attester) error {
				made := attesttest.NewPasskey(t, "id.example.com").Create(t, e.Challenge[:], testOrigin, attester, nil)
				body, err := json.Marshal(map[string]any{"credential": json.RawMessage(made)})
				if err != nil {
					t.Fatal(err)
				}
				_, err = format.Finish(e, nil, body)
				return err
			}
			if err := finish(attesttest.Attester{Format: "packed", CA: phone}); err != nil {
				t.Errorf("another authenticator: %v", err)
			}
			err = finish(attesttest.Attester{Format: "android-key", CA: phone})
			refused, ok := errors.AsType[*attest.Error](err)
			if reason == "" && err != nil || reason != "" && (!ok || refused.Reason != reason) {
				t.Errorf("%v, want %q", err, reason)
			}
		})
	}
}
