package integration

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
)

// A recovery key from its making to its proof, each command on a machine without any network; then the auditor's door
// is asked whether the proof holds.
func TestRecoveryKeyWorksWithoutANetwork(t *testing.T) {
	if out, err := exec.Command("unshare", "-rn", "true").CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no network namespace: %v, %s", err, out)
		}
		t.Skipf("no network namespace: %v, %s", err, out)
	}
	const issuer = "https://id.example.com/recovery"
	w := lonely{t, t.TempDir()}
	enrol := w.regrant("", "proof", "new", "--issuer", issuer)

	statement := statementNow(t, issuer)
	fatal(t, os.WriteFile(filepath.Join(w.dir, "statement.txt"), []byte(statement), 0o600))
	if shown := w.regrant("", "proof", "show", "statement.txt"); !strings.Contains(shown, "alice@example.com") {
		t.Error(shown)
	}
	block, rest := pem.Decode([]byte(w.regrant("y\n", "proof", "sign", "--key", "recovery-key.txt", "statement.txt")))
	if block == nil || block.Type != "REGRANT PROOF" || len(rest) != 0 {
		t.Fatal("no proof was printed")
	}
	var proof struct{ Algorithm, Signature string }
	fatal(t, json.Unmarshal(block.Bytes, &proof))
	_, did, _ := strings.Cut(enrol, "did: ")
	did, _, _ = strings.Cut(did, "\n")
	request, err := json.Marshal(map[string]any{
		"format": "recovery-key", "time": time.Now().UTC().Format(time.RFC3339),
		"challenge": base64.RawURLEncoding.EncodeToString([]byte(statement)),
		"evidence":  map[string]string{"algorithm": proof.Algorithm, "signature": proof.Signature},
		"expect":    map[string]string{"did": did},
	})
	fatal(t, err)
	if verdict := w.regrant(string(request), "appraise"); !strings.Contains(verdict, `"verdict":"accept"`) {
		t.Error(verdict)
	}
}

func statementNow(t *testing.T, issuer string) string {
	t.Helper()
	alice, err := attest.ParseIdentifier("alice@example.com")
	fatal(t, err)
	now := time.Now().Truncate(time.Second)
	return attest.Statement{
		Issuer: issuer, Account: alice, Actions: []attest.Action{attest.ActionSignIn}, Recovery: attest.NewRecoveryID(),
		Holder: attest.HolderOfSecret([]byte("cookie")), Requested: now, Network: netip.MustParsePrefix("203.0.113.0/24"),
		Expires: now.Add(15 * time.Minute),
	}.Text()
}

// lonely is a folder on a machine without a network.
type lonely struct {
	t   *testing.T
	dir string
}

// regrant runs the program and returns what it prints.
func (l lonely) regrant(in string, args ...string) string {
	l.t.Helper()
	cmd := exec.CommandContext(l.t.Context(), "unshare", append([]string{"-rn", filepath.Join(bin, "regrant")}, args...)...)
	cmd.Dir, cmd.Stdin = l.dir, strings.NewReader(in)
	cmd.Env = []string{"HOME=" + l.dir, "PATH=" + os.Getenv("PATH")}
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		l.t.Fatalf("regrant %v: %v\n%s", args, err, said.String())
	}
	return out.String()
}
