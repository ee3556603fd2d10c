package caddymodule

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/internal/authority"
)

// withPool provisions a configuration whose apps are the good one, with edits, and Caddy's pki app if there is something to say of it;
// then the pool as a site's client_auth would.
func withPool(t *testing.T, config *caddy.Config, edits ...string) (*App, *DevicePool) {
	t.Helper()
	config.AppsRaw["regrant"] = goodJSON(t, edits...)
	parent, err := caddy.ProvisionContext(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := caddy.NewContext(parent)
	t.Cleanup(cancel)
	module, err := ctx.LoadModuleByID("tls.ca_pool.source.regrant_devices", nil)
	if err != nil {
		t.Fatal(err)
	}
	app, err := ctx.AppIfConfigured("regrant")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.(*App).Cleanup(); err != nil {
			t.Error(err)
		}
	})
	return app.(*App), module.(*DevicePool)
}

func withPKI(t *testing.T) *caddy.Config {
	t.Helper()
	config := bare(t)
	config.AppsRaw["pki"] = json.RawMessage(`{"certificate_authorities":{"local":{"install_trust":false}}}`)
	return config
}

// enrolledAt is the certificate of a new device, and that of its issuer.
func enrolledAt(t *testing.T, rt *serving) (leaf, issuing *x509.Certificate) {
	t.Helper()
	code, err := rt.authority.NewCode(t.Context(), authority.CodeRequest{Identifier: "alice@example.com", Subject: "alice", As: "admin"})
	if err != nil {
		t.Fatal(err)
	}
	out, err := rt.authority.Enroll(t.Context(), code.Text, requestFor(t), "")
	if err != nil {
		t.Fatal(err)
	}
	return parsed(t, out.CertificateChain[0]), parsed(t, out.CertificateChain[1])
}

// requestFor is what a new device asks for a certificate with.
func requestFor(t *testing.T) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, attesttest.NewKey(t))
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

func parsed(t *testing.T, text string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// handshake judges certificates as Go's TLS server does in a mode that verifies.
func handshake(pool *DevicePool, leaf *x509.Certificate, above ...*x509.Certificate) error {
	sent := x509.NewCertPool()
	for _, c := range above {
		sent.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: pool.CertPool(), Intermediates: sent, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return err
}

// The issuing authority is made when the runtime opens, so after the pool: it counts without a new configuration.
func TestDevicePoolTrustsAnIssuingAuthorityThatCameLater(t *testing.T) {
	privateData(t)
	app, pool := withPool(t, withPKI(t))
	leaf, issuing := enrolledAt(t, mustServe(t, app))
	if err := handshake(pool, leaf, issuing); err != nil {
		t.Error(err)
	}
}

func TestDevicePoolDoesNotTrustWhatElseTheRootSigns(t *testing.T) {
	privateData(t)
	app, pool := withPool(t, withPKI(t))
	rt := mustServe(t, app)
	leaf, issuing := enrolledAt(t, rt)
	root, err := app.root()
	if err != nil {
		t.Fatal(err)
	}
	key := attesttest.NewKey(t)
	beside := signed(t, &x509.Certificate{Subject: pkix.Name{CommonName: "beside"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, root.Certificate, root.Key, key)
	device := &x509.Certificate{Subject: leaf.Subject, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	twin := signed(t, &x509.Certificate{
		Subject: issuing.Subject, SubjectKeyId: issuing.SubjectKeyId, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, root.Certificate, root.Key, key)
	for name, err := range map[string]error{
		"by another authority under it":         handshake(pool, signed(t, device, beside, key, attesttest.NewKey(t)), beside),
		"with the real one only shown":          handshake(pool, signed(t, device, beside, key, attesttest.NewKey(t)), beside, issuing),
		"by itself":                             handshake(pool, signed(t, device, root.Certificate, root.Key, attesttest.NewKey(t))),
		"by one with the issuing one's name":    handshake(pool, signed(t, device, twin, key, attesttest.NewKey(t)), twin, issuing),
		"a device's certificate without issuer": handshake(pool, leaf),
	} {
		if err == nil {
			t.Errorf("trusted: signed %s", name)
		}
	}
	if err := app.Cleanup(); err != nil {
		t.Fatal(err)
	}
	if handshake(pool, leaf, issuing) == nil {
		t.Error("trusted while the gateway cannot tell")
	}
}

func signed(t *testing.T, template, parent *x509.Certificate, by any, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Without Caddy's pki app the authority is made at the first start, and known from the second configuration on.
func TestDevicePoolMakesNoAuthority(t *testing.T) {
	data, config := privateData(t), bare(t)
	storage := config.StorageRaw // provisioning takes it away
	app, pool := withPool(t, config)
	if made := files(t, data); len(made) > 0 {
		t.Errorf("made %q", made)
	}
	leaf, issuing := enrolledAt(t, mustServe(t, app))
	if handshake(pool, leaf, issuing) == nil {
		t.Error("an authority is trusted that nobody could know")
	}
	config = bare(t)
	config.StorageRaw = storage
	again, pool := withPool(t, config)
	mustOpen(t, again)
	if err := handshake(pool, leaf, issuing); err != nil {
		t.Error(err)
	}
}

func TestDevicePoolTrustsTheOperatorsCA(t *testing.T) {
	privateData(t)
	ca := attesttest.NewCA(t)
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/ca.pem", []byte(attesttest.PEM(ca.Certificate)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, pool := withPool(t, bare(t), `"risk_analysis": "RA-2026-014"`,
		`"risk_analysis":"RA-2026-014","revocation":"off","trust_pool":{"provider":"file","pem_files":["`+dir+`/ca.pem"]}`)
	if err := handshake(pool, ca.Device(t, nil).Certificate); err != nil {
		t.Error(err)
	}
	if handshake(pool, attesttest.NewCA(t).Device(t, nil).Certificate) == nil {
		t.Error("another CA is trusted")
	}
}

func TestDevicePoolIsForSitesOnly(t *testing.T) {
	for name, option := range map[string]string{
		"itself":   "trust_pool regrant_devices",
		"combined": "trust_pool combined {\n\t\t\t\tsource regrant_devices\n\t\t\t}",
	} {
		if err := validateMethod(t, "\t\t\t"+option+"\n\t\t\trevocation off"); err == nil || !strings.Contains(err.Error(), "client_auth of a site") {
			t.Errorf("%s: %v", name, err)
		}
	}
	privateData(t)
	text := mustAdapt(t, "https://devices.example.com {\n\ttls {\n\t\tclient_auth {\n\t\t\ttrust_pool regrant_devices\n\t\t}\n\t}\n}\n")
	if err := validate(t, text); err == nil || !strings.Contains(err.Error(), "global option regrant") {
		t.Errorf("without the app: %v", err)
	}
}
