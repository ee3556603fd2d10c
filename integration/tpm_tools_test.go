package integration

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/swtpm"
	"github.com/regrant/regrant/internal/wire"
)

// tools are tpm2-tools with a chip: a client that shares no code with us. Its application key holds its recoveries.
type tools struct {
	t    *testing.T
	e    *env.Env
	chip *swtpm.TPM
	dir  string
}

// run runs some of the tools, one a line, and makes room in the chip after each.
func (c *tools) run(lines string) {
	c.t.Helper()
	for line := range strings.Lines(lines) {
		for _, words := range [][]string{strings.Fields(line), {"tpm2_flushcontext", "-t"}} {
			cmd := exec.CommandContext(c.t.Context(), words[0], words[1:]...)
			cmd.Dir, cmd.Env = c.dir, append(os.Environ(), "TPM2TOOLS_TCTI=swtpm:path="+c.chip.Socket)
			if out, err := cmd.CombinedOutput(); err != nil {
				c.t.Fatalf("%v: %v\n%s", words, err, out)
			}
		}
	}
}

func (c *tools) file(name string) []byte {
	c.t.Helper()
	data, err := os.ReadFile(filepath.Join(c.dir, name))
	fatal(c.t, err)
	return data
}

func (c *tools) text(name string) string { return base64.RawURLEncoding.EncodeToString(c.file(name)) }

func (c *tools) makeKeys() {
	c.run(`tpm2_nvread 0x1c00002 -C o -o ek.der
		tpm2_createak -C 0x81010001 -c ak.ctx -G ecc256 -s ecdsa -g sha256 -u ak.pub -f tss -r ak.priv -n ak.name
		tpm2_createprimary -C o -G ecc -c primary.ctx
		tpm2_create -C primary.ctx -G ecc256:ecdsa-sha256 -u key.pub -r key.priv
		tpm2_load -C primary.ctx -u key.pub -r key.priv -c key.ctx
		tpm2_readpublic -c key.ctx -f pem -o key.pem
		tpm2_certify -c key.ctx -C ak.ctx -o key.attest -s key.sig -g sha256`)
}

func (c *tools) offer() map[string]any {
	return map[string]any{
		"ek_certificates": []string{c.text("ek.der")}, "ak_public": c.text("ak.pub"), "key_public": c.text("key.pub"),
		"key_attest": c.text("key.attest"), "key_signature": c.text("key.sig"),
	}
}

// activate opens a credential, which the tools take behind a mark and a version.
func (c *tools) activate(credential, secret []byte) string {
	c.t.Helper()
	file := append(append([]byte{0xba, 0xdc, 0xc0, 0xde, 0, 0, 0, 1}, credential...), secret...)
	fatal(c.t, os.WriteFile(filepath.Join(c.dir, "credential"), file, 0o600))
	c.run(`tpm2_startauthsession --policy-session -S session.ctx
		tpm2_policysecret -S session.ctx -c e
		tpm2_activatecredential -c ak.ctx -C 0x81010001 -i credential -o secret -P session:session.ctx
		tpm2_flushcontext session.ctx`)
	return c.text("secret")
}

// quote quotes PCR 0 and 7 for a text.
func (c *tools) quote(text string) map[string]any {
	c.t.Helper()
	sum := sha256.Sum256([]byte(text))
	c.run("tpm2_quote -c ak.ctx -l sha256:0,7 -q " + hex.EncodeToString(sum[:]) + " -m quote.msg -s quote.sig -o quote.pcrs -F values -g sha256")
	pcrs := c.file("quote.pcrs")
	return map[string]any{
		"quote": c.text("quote.msg"), "signature": c.text("quote.sig"),
		"pcrs": map[string]string{"0": hex.EncodeToString(pcrs[:32]), "7": hex.EncodeToString(pcrs[32:])},
	}
}

// Public and Sign make it a [crypto.Signer].
func (c *tools) Public() crypto.PublicKey {
	p, _ := pem.Decode(c.file("key.pem"))
	public, err := x509.ParsePKIXPublicKey(p.Bytes)
	fatal(c.t, err)
	return public
}

func (c *tools) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	fatal(c.t, os.WriteFile(filepath.Join(c.dir, "digest"), digest, 0o600))
	c.run("tpm2_sign -c key.ctx -g sha256 -s ecdsa -d -f plain -o signature digest")
	return c.file("signature"), nil
}

// post sends a request, signed with the application key if that holds a recovery.
func (c *tools) post(path string, in, out any, holds bool) {
	c.t.Helper()
	body, err := json.Marshal(in)
	fatal(c.t, err)
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.e.Issuer+path, bytes.NewReader(body))
	fatal(c.t, err)
	r.Header.Set("Content-Type", "application/json")
	if holds {
		proof, err := wire.NewProof(c, http.MethodPost, c.e.Issuer+path, time.Now(), "")
		fatal(c.t, err)
		r.Header.Set("DPoP", proof)
	}
	w, err := c.e.Client.Do(r)
	fatal(c.t, err)
	defer w.Body.Close()
	answer, err := io.ReadAll(w.Body)
	fatal(c.t, err)
	if w.StatusCode != http.StatusOK {
		c.t.Fatalf("%s: %d %s", path, w.StatusCode, answer)
	}
	fatal(c.t, json.Unmarshal(answer, out))
}

func TestToolsOfOthersBindATPMAndRecoverWithIt(t *testing.T) {
	chip := chips(t, 1)
	c := &tools{t, withTPM(t, chip, alone), chip[0], t.TempDir()}
	c.makeKeys()
	code := activationCode(t, c.e)
	var begun struct {
		State   string `json:"state"`
		Account string `json:"account"`
		Options struct {
			Credential string `json:"credential"`
			Secret     string `json:"encrypted_secret"`
			Text       string `json:"text"`
		} `json:"options"`
	}
	c.post("/devices/challenge", map[string]any{"activation_code": code, "method": "tpm", "evidence": c.offer()}, &begun, false)
	credential, err := base64.RawURLEncoding.DecodeString(begun.Options.Credential)
	fatal(t, err)
	secret, err := base64.RawURLEncoding.DecodeString(begun.Options.Secret)
	fatal(t, err)
	answer := c.quote(begun.Options.Text)
	answer["secret"] = c.activate(credential, secret)
	var bound map[string]any
	c.post("/devices/enroll", map[string]any{"activation_code": code, "state": begun.State, "label": "tools", "evidence": answer}, &bound, false)
	if bound["account"] != "alice@demo.example" || bound["certificate_chain"] != nil || bound["not_after"] != nil {
		t.Errorf("bound: %v", bound)
	}

	var offer wire.InitiateResponse
	c.post("/initiate", wire.InitiateRequest{AccountIdentifier: "alice@demo.example", Actions: []string{"sign-in"}}, &offer, true)
	evidence := c.quote(offer.Statement)
	evidence["method"], evidence["ak_public"] = "tpm", c.text("ak.pub")
	var granted wire.AttestResponse
	c.post("/attest", map[string]any{"recovery_id": offer.RecoveryID, "evidence": []any{evidence}}, &granted, true)
	if granted.RecoveryToken == "" {
		t.Errorf("not granted: %+v", granted)
	}
}
