package integration

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest/attesttest/canary"
	"github.com/regrant/regrant/integration/env"
)

// operators are shown this.
func operators(t *testing.T, e *env.Env) (all []byte) {
	t.Helper()
	for _, args := range [][]string{{"recoveries"}, {"authenticators", "alice-0001"}, {"authenticators", "dave-0001"}} {
		out, err := e.Run(t.Context(), "caddy", append(append([]string{"regrant"}, args...), "--address", e.Admin, "--json")...)
		fatal(t, err)
		all = append(all, out...)
	}
	return all
}

// whole is data, in which these words are if it was looked at in full.
func whole(t *testing.T, what string, data []byte, words ...string) []byte {
	t.Helper()
	for _, want := range words {
		if !bytes.Contains(data, []byte(want)) {
			t.Errorf("%s was not looked at in full: no %s", what, want)
		}
	}
	return data
}

// kept are the secrets that lie in files: the operator's, and those of people's devices.
func kept(t *testing.T, e *env.Env) canary.Secrets {
	t.Helper()
	found := canary.Secrets{}
	fatal(t, filepath.WalkDir(e.Dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		text, _ := os.ReadFile(path) // of a folder: nothing
		switch name := filepath.Base(path); {
		case strings.HasSuffix(name, ".secret"):
			found[path] = bytes.TrimSpace(text)
		case name == "key.pem", name == "recovery.key":
			found[path] = private(t, text)
		case name == "id_ed25519":
			found[path] = seed(t, path)
		}
		return nil
	}))
	if len(found) < 7 {
		t.Fatalf("only %d files with secrets", len(found))
	}
	return found
}

// private is the number that makes a key private.
func private(t *testing.T, text []byte) []byte {
	t.Helper()
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatalf("no key: %.40s", text)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	fatal(t, err)
	if key, ok := key.(ed25519.PrivateKey); ok {
		return key.Seed()
	}
	number, err := key.(*ecdsa.PrivateKey).Bytes()
	fatal(t, err)
	return number
}

// seed is what makes an SSH key private. In the file of OpenSSH it stands just before the public key, where that is for the last time.
func seed(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	fatal(t, err)
	line, err := os.ReadFile(path + ".pub")
	fatal(t, err)
	blob, err := base64.StdEncoding.DecodeString(strings.Fields(string(line))[1])
	fatal(t, err)
	block, _ := pem.Decode(text)
	public := blob[len(blob)-ed25519.PublicKeySize:]
	at := bytes.LastIndex(block.Bytes, public)
	if found := block.Bytes[at-ed25519.SeedSize : at]; bytes.Equal(ed25519.NewKeyFromSeed(found).Public().(ed25519.PublicKey), public) {
		return found
	}
	t.Fatal("no seed in " + path)
	return nil
}

// metrics are all that Caddy's admin API serves, as they are written.
func metrics(t *testing.T, e *env.Env) []byte {
	t.Helper()
	resp := admin(t, e, "/metrics")
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	fatal(t, err)
	return text
}

// files are the files in a folder, one behind the other. What was only reserved for them, and is zero, is left out.
func files(t *testing.T, dir string) (all []byte) {
	t.Helper()
	list, err := os.ReadDir(dir)
	fatal(t, err)
	for _, f := range list {
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		fatal(t, err)
		all = append(append(all, bytes.TrimRight(data, "\x00")...), '\n')
	}
	return all
}
