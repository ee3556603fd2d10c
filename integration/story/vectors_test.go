package story

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest/appraise"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/integration/env"
)

var update = flag.Bool("update", false, "make the vectors anew; nobody keeps their private keys")

// attested is what the README has a device get its key attested for.
const attested = "regrant device attestation v1\nissuer: https://id.example.com/recovery\nactivation: 0123456789ABCDEFGHJKMNPQRSTVWXYZ\n"

// makers make, of each format, the chain of a key and the root that it leads to.
var makers = map[string]func(t testing.TB, challenge []byte) (certificates []string, root string){
	"android-key": func(t testing.TB, challenge []byte) ([]string, string) {
		phone := attesttest.NewFactory(t, nil)
		return phone.AndroidKey(t, attesttest.NewKeyDescription(300, challenge), nil).Chain, attesttest.PEM(phone.Root.Certificate)
	},
	"apple-device": func(t testing.TB, challenge []byte) ([]string, string) {
		root := attesttest.NewCA(t)
		return root.Intermediate(t, nil).AppleDevice(t, attesttest.NewApple(challenge), nil).Chain, attesttest.PEM(root.Certificate)
	},
}

func TestVectorsAreAcceptedAsTheyStand(t *testing.T) {
	challenge := sha256.Sum256([]byte(attested))
	for format, make := range makers {
		file := "vectors/" + format + ".json"
		if *update {
			certificates, root := make(t, challenge[:])
			trust := map[string]any{"roots": []string{root}}
			if format == "android-key" {
				trust["android_status"] = map[string]any{"entries": map[string]any{}}
			}
			text, err := json.MarshalIndent(map[string]any{
				"format": format, "time": "2026-11-22T00:00:00Z", "challenge": base64.RawURLEncoding.EncodeToString(challenge[:]),
				"evidence": map[string]any{"certificates": certificates}, "trust": trust,
			}, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, append(text, '\n'), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if a := appraise.New(nil).Answer(text); a.Verdict != appraise.Accept {
			t.Errorf("%s: %+v", format, a)
		}
	}
}

// A verifier that accepts everything is noticed.
func TestTheStoryFailsWhenChangedEvidenceIsAccepted(t *testing.T) {
	dir := t.TempDir()
	lenient := "#!/bin/sh\nwhile read -r line; do echo '{\"verdict\":\"accept\"}'; done\n"
	if err := os.WriteFile(filepath.Join(dir, "regrant"), []byte(lenient), 0o700); err != nil {
		t.Fatal(err)
	}
	s := New(&env.Env{Bin: dir, Client: http.DefaultClient}, io.Discard)
	if err := s.Hardware(t.Context()); err == nil || !strings.Contains(err.Error(), "one byte") {
		t.Error(err)
	}
}
