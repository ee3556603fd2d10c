package integration

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/internal/wire"
)

const guest = "testdata/guestmethod"

// buildGuest builds Caddy with a method that is not part of the repository's own module.
func buildGuest(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and starts programs")
	}
	if out, err := exec.Command("make", "-s", "-C", "..", "bin/caddy-voucher").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
}

// guestCaddyfile is the example, with one thing changed.
func guestCaddyfile(t *testing.T, old, instead string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(guest, "Caddyfile"))
	fatal(t, err)
	if !strings.Contains(string(text), old) {
		t.Fatalf("the example has no %q", old)
	}
	return strings.Replace(string(text), old, instead, 1)
}

func TestAMethodOfSomebodyElseIsConfiguredLikeOneOfOurs(t *testing.T) {
	buildGuest(t)
	for _, x := range []struct{ name, old, instead, said string }{
		{"as shown", "", "", "Valid configuration"},
		// Class alternative: it never counts unless somebody accepts it in writing, and then beside a code or a key.
		{"nobody accepted the risk", "\t\t\trisk_analysis RA-2026-020\n", "", "method voucher is none that NIST SP 800-63B-4 section 4.2.1 knows"},
		{"alone", "\t\tmethod recovery_code\n", "", "nobody can recover"},
		{"beside one that is no code and no key", "method recovery_code", "method passphrase {\n\t\t\trisk_analysis RA-2026-021\n\t\t}", "nobody can recover"},
		{"no probation", "RA-2026-020", "RA-2026-020\n\t\t\tprobation -1s", "probation"},
		{"no key of its own", "\t\t\tkey LEpOtKHaqXSnMVnTMfLMkUH7K5GVyBWFzTTI2UVIbXg=\n", "", "method voucher: key is not one"},
		{"an option that it does not know", "\t\t\tkey ", "\t\t\tkeys ", "option 'keys' is not known"},
		{"twice", "\t\tmethod recovery_code\n", "\t\tmethod voucher {\n\t\t\trisk_analysis RA-2026-020\n\t\t}\n\t\tmethod recovery_code\n", "twice"},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newWorkshop(t)
			said, ok := w.program("caddy-voucher", "validate", "--config", w.write(guestCaddyfile(t, x.old, x.instead)), "--adapter", "caddyfile")
			if ok != (x.name == "as shown") || !strings.Contains(said, x.said) {
				t.Errorf("valid: %v: %s", ok, said)
			}
		})
	}
	w := newWorkshop(t)
	if said, ok := w.caddy("validate", "--config", w.write(guestCaddyfile(t, "", "")), "--adapter", "caddyfile"); ok || !strings.Contains(said, "method 'voucher' is not known") {
		t.Errorf("our own Caddy knows it: %s", said)
	}
}

// office is who vouches for people.
type office ed25519.PrivateKey

func newOffice(t *testing.T) office {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	fatal(t, err)
	return office(key)
}

// method is what the Caddyfile says of it.
func (o office) method() string {
	public := ed25519.PrivateKey(o).Public().(ed25519.PublicKey)
	return "method voucher {\n risk_analysis RA-DEMO-3\n probation 0s\n key " + base64.StdEncoding.EncodeToString(public) + "\n}"
}

// vouches is evidence that the office knows the person to want what the text says.
func (o office) vouches(person, text string) json.RawMessage {
	signature := ed25519.Sign(ed25519.PrivateKey(o), []byte("voucher for "+person+"\n"+text))
	body, _ := json.Marshal(map[string]string{"method": "voucher", "person": person, "signature": base64.RawURLEncoding.EncodeToString(signature)})
	return body
}

func offered(in []wire.MethodOffer) (names []string) {
	for _, o := range in {
		names = append(names, o.Method)
	}
	return names
}

func TestAMethodOfSomebodyElseIsOfferedAndCannotPassForMore(t *testing.T) {
	buildGuest(t)
	if c := attest.Method("voucher").Class(); c != attest.ClassAlternative {
		t.Errorf("its class is %s", c)
	}
	o := newOffice(t)
	e := own(t, env.Options{IdP: env.Demo, Caddy: "caddy-voucher", Gateway: []string{o.method(), "method recovery_code"}})
	p := &claimant.Claimant{Issuer: e.Issuer, Client: e.Client, Holder: claimant.NewKey()}
	begun, answer, err := p.Initiate(t.Context(), "alice@demo.example")
	fatal(t, err)
	if names := offered(begun.Methods); !slices.Equal(names, []string{"device-certificate", "voucher", "recovery-code"}) {
		t.Fatalf("%d: offered are %q", answer.Status, names)
	}
	// It may be guessed at, for all that is known: so it is not even looked at before another proof.
	_, answer, err = p.Attest(t.Context(), begun.RecoveryID, o.vouches("E-1", begun.Statement))
	fatal(t, err)
	if answer.Status != 403 || answer.Code() != "refused" {
		t.Errorf("alone: %d %s", answer.Status, answer.Body)
	}
}
