package caddymodule

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest/attesttest"
)

// validateMethod validates the good configuration with more in its method.
func validateMethod(t *testing.T, options string) error {
	t.Helper()
	privateData(t)
	return validate(t, mustAdapt(t, strings.Replace(goodCaddyfile(t, testOrigin), "risk_analysis RA-2026-014", "risk_analysis RA-2026-014\n"+options, 1)))
}

func TestEverySourceThatNamesItsCertificatesServesForDevices(t *testing.T) {
	text, err := os.ReadFile("testdata/device-ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	for name, pool := range map[string]string{
		"file":   "trust_pool file testdata/device-ca.pem",
		"inline": fmt.Sprintf("trust_pool inline {\n\t\t\t\ttrust_der %s\n\t\t\t}", base64.StdEncoding.EncodeToString(block.Bytes)),
	} {
		if err := validateMethod(t, "\t\t\t"+pool+"\n\t\t\tcrl http://pki.example.com/devices.crl"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTrustPoolThatCannotServeForDevicesIsRefused(t *testing.T) {
	dir := t.TempDir()
	empty, leaf := filepath.Join(dir, "empty.pem"), filepath.Join(dir, "leaf.pem")
	if err := os.WriteFile(empty, []byte("nothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(leaf, deviceLeaf(t), 0o600); err != nil {
		t.Fatal(err)
	}
	for pool, says := range map[string]string{
		"system":                "the system's roots are never trusted here",
		"file " + empty:         "has no certificate in it",
		"file " + leaf:          "not that of a CA",
		"file " + dir + "/none": "no such file",
	} {
		err := validateMethod(t, "\t\t\ttrust_pool "+pool+"\n\t\t\trevocation off")
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", pool, err, says)
		}
	}
}

func TestPlaceholdersInTheOptionsOfTheOperatorsCAAreReplacedAndThenChecked(t *testing.T) {
	t.Setenv("REGRANT_TEST_CRL", "http://pki.example.com/devices.crl")
	t.Setenv("REGRANT_TEST_MODE", "off")
	const pool = "\t\t\ttrust_pool file testdata/device-ca.pem\n"
	if err := validateMethod(t, pool+"\t\t\tcrl {env.REGRANT_TEST_CRL}"); err != nil {
		t.Error(err)
	}
	if err := validateMethod(t, pool+"\t\t\tcrl {env.REGRANT_TEST_CRL}\n\t\t\trevocation {env.REGRANT_TEST_MODE}"); err == nil {
		t.Error("revocation off beside a CRL was let through")
	}
	if err := validateMethod(t, pool+"\t\t\tcrl {env.REGRANT_TEST_MODE}"); err == nil {
		t.Error("a CRL without a URL was let through")
	}
}

func TestServersOfTheOperatorsCAAreNotNeededToStart(t *testing.T) {
	privateData(t)
	app, unload := mustLoad(t, `"risk_analysis": "RA-2026-014"`, `"risk_analysis":"RA-2026-014","crl":["http://127.0.0.1:1/devices.crl"],"ocsp":"http://127.0.0.1:1/","trust_pool":{"provider":"file","pem_files":["testdata/device-ca.pem"]}`)
	if rt := mustOpen(t, app); rt.revocation == nil {
		t.Error("nothing is fetched")
	}
	unload() // hangs if a worker does not end
}

func deviceLeaf(t *testing.T) []byte {
	t.Helper()
	return []byte(attesttest.NewCA(t).Device(t, nil).Chain[0])
}
