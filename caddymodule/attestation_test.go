package caddymodule

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/regrant/regrant/attest/attesttest"
)

// The fingerprints are those that Google and Apple publish.
func TestMakersRootsAreThoseThatTheyPublish(t *testing.T) {
	for _, tt := range []struct {
		published []byte
		want      []string
	}{
		{androidRoots, []string{
			"cedb1cb6dc896ae5ec797348bce9286753c2b38ee71ce0fbe34a9a1248800dfc",
			"6d9db4ce6c5c0b293166d08986e05774a8776ceb525d9e4329520de12ba4bcc0",
		}},
		{appleRoots, []string{"ccf59ef8fcb3017d97f8b5fa6fa90e7a3f9283f76b55ac6cf6eda8b8b949f05b"}},
	} {
		roots, err := makersRoots(caddy.Context{}, nil, nil, tt.published)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range roots {
			sum := sha256.Sum256(c.X509.Raw)
			got = append(got, hex.EncodeToString(sum[:]))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%v, want %v", got, tt.want)
		}
	}
}

func TestEvidenceIsConfigured(t *testing.T) {
	leaf := filepath.Join(t.TempDir(), "leaf.pem")
	if err := os.WriteFile(leaf, deviceLeaf(t), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("REGRANT_TEST_STATUS", "gopher://mirror.example.com/")
	for options, says := range map[string]string{
		"android_key":                                          "",
		"apple_device":                                         "",
		"android_key|trust_pool file " + leaf:                  "not that of a CA",
		"apple_device|trust_pool system":                       "the system's roots are never trusted here",
		"android_key|status {env.REGRANT_TEST_STATUS}":         "is not usable",
		"android_key|packages org.example.wallet {env.NO_ONE}": "replacing",
	} {
		name, option, block := strings.Cut(options, "|")
		text := "\t\t\t" + name
		if block {
			text += " {\n\t\t\t\t" + option + "\n\t\t\t}"
		}
		if err := validateMethod(t, text); says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: %v, want %q", options, err, says)
		}
	}
}

// From the configuration to the device CA: roots, status list and demands arrive where evidence is judged.
func TestConfiguredEvidenceIsJudged(t *testing.T) {
	privateData(t)
	list := statusServer(t, `{"entries":{}}`)
	phone, mac := attesttest.NewFactory(t, nil), attesttest.NewCA(t)
	pool := func(ca *attesttest.CA) string {
		return `"trust_pool":{"provider":"inline","trusted_ca_certs":["` + base64.StdEncoding.EncodeToString(ca.Certificate.Raw) + `"]}`
	}
	app, _ := mustLoad(t, `"risk_analysis": "RA-2026-014"`, `"android_key":{"status":"`+list.URL+`","os_patch_level":202609,`+pool(phone.Root)+`},`+
		`"apple_device":{`+pool(mac)+`},"risk_analysis":"RA-2026-014"`)
	judges := mustServe(t, app).authority.Attestors
	challenge := []byte("challenge")
	judge := func(format string, d *attesttest.Device) error {
		var certificates [][]byte
		for _, text := range d.Chain {
			block, _ := pem.Decode([]byte(text))
			certificates = append(certificates, block.Bytes)
		}
		_, err := judges[format](certificates, challenge, time.Now())
		return err
	}
	if err := judge("apple-device", mac.AppleDevice(t, attesttest.NewApple(challenge), nil)); err != nil {
		t.Error(err)
	}
	says := attesttest.NewKeyDescription(300, challenge)
	good := phone.AndroidKey(t, says, nil)
	awaitList(t, app.device.AndroidKey.status)
	if err := judge("android-key", good); err != nil {
		t.Fatal(err)
	}
	says.Hardware = says.Hardware.With(706, attesttest.Integer(202608))
	if err := judge("android-key", phone.AndroidKey(t, says, nil)); err == nil {
		t.Error("old patches were accepted")
	}
}
