package swtpm_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/tpm"
	"github.com/regrant/regrant/integration/swtpm"
)

// tools are tpm2-tools with a chip: a client that shares no code with us.
type tools struct {
	*testing.T
	chip *swtpm.TPM
	dir  string
	hash string // by which the attestation key signs
}

func newTools(t *testing.T) *tools {
	t.Helper()
	needs(t, "tpm2_createak", "tpm2_create", "tpm2_load", "tpm2_certify", "tpm2_activatecredential", "tpm2_quote", "tpm2_nvread")
	return &tools{t, newChip(t), t.TempDir(), ""}
}

// run runs one of the tools in the folder.
func (c *tools) run(line string) {
	c.Helper()
	words := strings.Fields(line)
	cmd := exec.CommandContext(c.Context(), words[0], words[1:]...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "TPM2TOOLS_TCTI=swtpm:path="+c.chip.Socket)
	if out, err := cmd.CombinedOutput(); err != nil {
		c.Fatalf("%s: %v\n%s", line, err, out)
	}
}

func (c *tools) file(name string) []byte {
	c.Helper()
	data, err := os.ReadFile(filepath.Join(c.dir, name))
	if err != nil {
		c.Fatal(err)
	}
	return data
}

func (c *tools) text(name string) string { return base64.RawURLEncoding.EncodeToString(c.file(name)) }

// makeKeys makes an attestation key of that kind, and an application key that it certifies.
func (c *tools) makeKeys(key, scheme, hash string) {
	c.run("tpm2_nvread 0x1c00002 -C o -o ek.der")
	c.run("tpm2_createak -C 0x81010001 -c ak.ctx -G " + key + " -s " + scheme + " -g " + hash + " -u ak.pub -f tss -r ak.priv -n ak.name")
	c.flush()
	c.run("tpm2_createprimary -C o -G ecc -c primary.ctx")
	c.flush()
	c.run("tpm2_create -C primary.ctx -G ecc256:ecdsa-sha256 -u key.pub -r key.priv")
	c.flush()
	c.run("tpm2_load -C primary.ctx -u key.pub -r key.priv -c key.ctx")
	c.flush()
	c.run("tpm2_certify -c key.ctx -C ak.ctx -o key.attest -s key.sig -g " + hash)
	c.flush()
	c.hash = hash
}

// flush makes room: the chip has three places.
func (c *tools) flush() { c.run("tpm2_flushcontext -t") }

func (c *tools) offer() []byte {
	return encode(c.T, map[string]any{
		"ek_certificates": []string{c.text("ek.der")}, "ak_public": c.text("ak.pub"), "key_public": c.text("key.pub"),
		"key_attest": c.text("key.attest"), "key_signature": c.text("key.sig"),
	})
}

// activate opens a credential, which the tools take behind a mark and a version.
func (c *tools) activate(credential, secret string) string {
	file := []byte{0xba, 0xdc, 0xc0, 0xde, 0, 0, 0, 1}
	for _, text := range []string{credential, secret} {
		part, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			c.Fatal(err)
		}
		file = append(file, part...)
	}
	if err := os.WriteFile(filepath.Join(c.dir, "credential"), file, 0o600); err != nil {
		c.Fatal(err)
	}
	c.run("tpm2_startauthsession --policy-session -S session.ctx")
	c.run("tpm2_policysecret -S session.ctx -c e")
	c.run("tpm2_activatecredential -c ak.ctx -C 0x81010001 -i credential -o secret -P session:session.ctx")
	c.run("tpm2_flushcontext session.ctx")
	c.flush()
	return c.text("secret")
}

// quote quotes PCR 0 and 7 for a text.
func (c *tools) quote(text string) map[string]any {
	sum := sha256.Sum256([]byte(text))
	c.run("tpm2_quote -c ak.ctx -l sha256:0,7 -q " + hex.EncodeToString(sum[:]) + " -m quote.msg -s quote.sig -o quote.pcrs -F values -g " + c.hash)
	c.flush()
	pcrs := c.file("quote.pcrs")
	if len(pcrs) != 64 {
		c.Fatalf("%d bytes of PCRs", len(pcrs))
	}
	return map[string]any{
		"quote": c.text("quote.msg"), "signature": c.text("quote.sig"),
		"pcrs": map[string]string{"0": hex.EncodeToString(pcrs[:32]), "7": hex.EncodeToString(pcrs[32:])},
	}
}

func TestToolsOfOthersEnrolAndRecover(t *testing.T) {
	for name, kind := range map[string]struct{ key, scheme, hash string }{
		"ECDSA": {"ecc256", "ecdsa", "sha256"}, "P-384": {"ecc384", "ecdsa", "sha384"}, "RSA": {"rsa2048", "rsassa", "sha256"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTools(t)
			c.makeKeys(kind.key, kind.scheme, kind.hash)
			f := newFormat(t, c.chip.Maker, nil)
			prompt, err := f.Begin(enrolling(), c.offer())
			if err != nil {
				t.Fatal(err)
			}
			var o struct {
				Credential string `json:"credential"`
				Secret     string `json:"encrypted_secret"`
				Text       string `json:"text"`
			}
			if err := json.Unmarshal(prompt.Options, &o); err != nil {
				t.Fatal(err)
			}
			answer := c.quote(o.Text)
			answer["secret"] = c.activate(o.Credential, o.Secret)
			done, err := f.Finish(enrolling(), prompt.Keep, encode(t, answer))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(done.Handles[0].Value, c.file("ak.name")) {
				t.Errorf("handle %x, the tools say %x", done.Handles[0].Value, c.file("ak.name"))
			}
			bound := attest.Binding{Authenticator: "one", Handle: done.Handles[0].Value, Reference: done.Handles[0].Reference}
			evidence := c.quote(statement)
			evidence["method"], evidence["ak_public"] = "tpm", c.text("ak.pub")
			in := attest.Input{Body: encode(t, evidence), Challenge: []byte(statement), Bound: bound, Now: time.Now()}
			if _, err := f.Verify(in); err != nil {
				t.Fatal(err)
			}
			in.Challenge = []byte("another")
			_, err = f.Verify(in)
			refused(t, err, attest.ReasonChallenge)
		})
	}
}

// a key that was made in a file and brought into the TPM is certified by the TPM all the same.
func TestImportedKeyIsNotEnrolled(t *testing.T) {
	c := newTools(t)
	needs(t, "tpm2_import", "openssl")
	c.makeKeys("ecc256", "ecdsa", "sha256")
	c.run("openssl ecparam -name prime256v1 -genkey -noout -out file.pem")
	c.run("tpm2_import -C primary.ctx -G ecc -i file.pem -u key.pub -r key.priv")
	c.flush()
	c.run("tpm2_load -C primary.ctx -u key.pub -r key.priv -c key.ctx")
	c.flush()
	c.run("tpm2_certify -c key.ctx -C ak.ctx -g sha256 -o key.attest -s key.sig")
	_, err := newFormat(t, c.chip.Maker, nil).Begin(enrolling(), c.offer())
	refused(t, err, attest.ReasonKey)
}

// A key that signs whatever it is given could sign a quote that nobody made.
func TestKeyThatSignsAnythingIsNoAttestationKey(t *testing.T) {
	c := newTools(t)
	c.makeKeys("ecc256", "ecdsa", "sha256")
	q := tpm.Quote{AK: c.file("key.pub"), Attest: c.file("key.attest"), Signature: c.file("key.sig")}
	_, err := q.Verify(tpm.Demand{Challenge: []byte(statement)})
	refused(t, err, attest.ReasonKey)
}
