package integration

import (
	"errors"
	"go/build"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/regrant/regrant"

// leaf imports nothing of ours and may be imported by every room.
const leaf = "internal/strictjson"

// floors says for each package which of ours it may import, besides leaf. "/..." at the end stands for everything below.
// A new room gets its line here and in docs/architecture.md.
var floors = map[string][]string{
	"attest":             {},
	"attest/certpath":    {"attest", "attest/strongkey"},
	"attest/revocation":  {"attest", "attest/certpath"},
	"attest/devicecert":  {"attest", "attest/certpath", "attest/revocation"},
	"attest/secret":      {"attest"},
	"attest/appraise":    {"attest", "attest/android", "attest/apple", "attest/certpath", "attest/devicecert", "attest/recoverykey", "attest/revocation", "attest/sshsig", "attest/tpm", "attest/webauthn"},
	"attest/attesttest":  {"attest"},
	"attest/recoverykey": {"attest", "attest/strongkey"},
	"attest/sshsig":      {"attest", "attest/strongkey"},
	"attest/strongkey":   {"attest"},
	"attest/android":     {"attest", "attest/certpath"},
	"attest/apple":       {"attest", "attest/certpath"},
	"attest/webauthn":    {"attest", "attest/android", "attest/certpath", "attest/strongkey"},

	"attest/tpm":         {"attest", "attest/certpath", "attest/strongkey"},
	"attest/tpm/tpmtest": {"attest/attesttest"},

	"attest/attesttest/canary": {},
	"attest/attesttest/wallet": {"attest", "attest/attesttest", "attest/recoverykey", "attest/secret", "attest/sshsig", "attest/tpm", "attest/tpm/tpmtest", "attest/webauthn"},

	"storage":             {},
	"storage/badger":      {"storage"},
	"storage/storagetest": {"storage"},

	"upstream":              {"attest"},
	"upstream/oidc":         {"attest", "upstream"},
	"upstream/keycloak":     {"attest", "upstream", "upstream/oidc"},
	"upstream/hydra":        {"attest", "upstream", "upstream/oidc"},
	"upstream/kratos":       {"attest", "upstream", "upstream/hydra"},
	"upstream/upstreamtest": {"attest", "upstream"},

	"fosite/recoverytoken":  {"internal/compact"},
	"fosite/grant":          {"fosite/internal/oauth", "fosite/recoverytoken", "internal/compact", "storage"},
	"fosite/broker":         {"fosite/internal/oauth", "storage"},
	"fosite/internal/oauth": {"storage"},

	// Services stand on the three vocabularies and on few of one another, never on recovery.
	leaf:                           {},
	"internal/compact":             {},
	"internal/wire":                {"attest", "internal/compact"},
	"internal/tpmclient":           {"attest"},
	"internal/policy":              {"attest"},
	"internal/throttle":            {"storage"},
	"internal/downloads":           {},
	"internal/resend":              {},
	"internal/setup":               {"upstream"},
	"internal/setup/hydra":         {"internal/setup", "upstream", "upstream/hydra"},
	"internal/setup/keycloak":      {"internal/setup", "upstream", "upstream/keycloak"},
	"internal/setup/kratos":        {"internal/setup", "upstream", "upstream/kratos"},
	"internal/keys":                {"storage"},
	"internal/observe":             {"attest", "storage", "upstream"},
	"internal/observe/observetest": {"internal/observe"},
	"internal/journal":             {"internal/observe", "storage"},
	"internal/journal/journaltest": {"internal/journal", "storage"},
	"internal/notify":              {"internal/journal", "internal/observe", "storage"},
	"internal/account":             {"attest", "storage"},
	"internal/enrolment":           {"attest", "internal/account", "internal/authority", "internal/journal", "internal/keys", "internal/login", "internal/notify", "internal/observe", "internal/policy", "storage", "upstream"},
	"internal/reconcile":           {"internal/account", "internal/journal", "storage", "upstream"},
	"internal/login":               {"attest", "internal/account", "internal/keys", "storage", "upstream"},
	"internal/revocation":          {"attest/android", "attest/certpath", "attest/revocation", "internal/observe"},
	"internal/authority":           {"attest", "attest/certpath", "attest/devicecert", "attest/strongkey", "internal/account", "internal/journal", "internal/keys", "internal/notify", "internal/throttle", "storage", "upstream"},

	"internal/doctor":            {"upstream"},
	"internal/doctor/hydra":      {"internal/doctor", "upstream", "upstream/hydra"},
	"internal/doctor/catalogue":  {"internal/doctor", "internal/doctor/hydra", "internal/doctor/keycloak", "internal/doctor/kratos"},
	"internal/doctor/doctortest": {"internal/doctor"},
	"internal/doctor/keycloak":   {"fosite/broker", "internal/doctor", "upstream", "upstream/keycloak"},
	"internal/doctor/kratos":     {"internal/doctor", "upstream/kratos"},

	// The gateway's side of a trial, and the person of one, who speaks the protocol and touches no room.
	"internal/trial":        {"internal/account", "internal/journal", "internal/keys", "internal/login", "internal/notify", "storage", "upstream"},
	"internal/trial/person": {"attest", "attest/sshsig", "internal/wire", "upstream"},

	"internal/recovery":      {"attest", "fosite/broker", "fosite/grant", "internal/account", "internal/journal", "internal/keys", "internal/notify", "internal/observe", "internal/policy", "storage", "upstream"},
	"internal/gateway":       {"attest", "attest/recoverykey", "attest/secret", "attest/sshsig", "fosite/broker", "fosite/grant", "internal/account", "internal/authority", "internal/downloads", "internal/enrolment", "internal/gateway/pages", "internal/keys", "internal/login", "internal/observe", "internal/policy", "internal/recovery", "internal/throttle", "internal/wire", "upstream"},
	"internal/gateway/pages": {},

	"caddymodule": {"attest/...", "fosite/...", "internal/...", "storage/...", "upstream/..."},
	"cmd/regrant": {"attest", "attest/appraise", "attest/recoverykey", "attest/secret", "fosite/recoverytoken", "internal/resend", "internal/tpmclient", "internal/wire"},

	// Integration knocks at the front door: it speaks the protocol and touches no room.
	"integration/browser":     {},
	"integration/verbatim":    {},
	"integration/mailbox":     {},
	"integration/demoidp":     {"internal/resend"},
	"integration/child":       {},
	"integration/keycloak":    {"integration/child"},
	"integration/env":         {"integration/child", "integration/hydra", "integration/keycloak", "integration/kratos", "integration/postgres", "integration/selfservice"},
	"integration/claimant":    {"attest", "internal/wire"},
	"integration/faults":      {"integration/env", "integration/hydra", "integration/keycloak", "internal/doctor"},
	"integration/story":       {"integration/browser", "integration/chromium", "integration/claimant", "integration/env", "integration/faults", "integration/keycloak", "integration/kratos", "integration/swtpm", "internal/doctor", "internal/wire"},
	"integration/cmd/demo":    {"integration/env", "integration/story", "integration/swtpm"},
	"integration/load":        {},
	"integration/sshkeygen":   {},
	"integration/postgres":    {"integration/child"},
	"integration/directory":   {"integration/child"},
	"integration/ory":         {"integration/child"},
	"integration/kratos":      {"integration/child", "integration/ory"},
	"integration/hydra":       {"integration/child", "integration/ory"},
	"integration/selfservice": {"integration/hydra", "integration/kratos", "integration/ory"},
	"integration/chromium":    {},
	"integration/token":       {"integration/child"},
	"integration/swtpm":       {"integration/child"},
	"integration/cmd/bench":   {"integration/browser", "integration/child", "integration/claimant", "integration/env", "integration/hydra", "integration/keycloak", "integration/load", "integration/postgres", "internal/wire"},
	"integration/mistakes":    {},
	// The one that looks into the store reads records and moves none.
	"integration/checker":        {"internal/keys", "storage", "storage/badger"},
	"integration/cmd/crashcaddy": {"caddymodule"},
}

// doors says for each library, by the beginning of its import path, where alone it may come in.
var doors = map[string][]string{
	"github.com/ory/":              {"fosite/..."},
	"github.com/dgraph-io/badger/": {"storage/badger"},
	"github.com/caddyserver/":      {"caddymodule", "integration/..."},
	"github.com/trustelem/":        {"attest/secret"},
	"github.com/chromedp/":         {"integration/chromium"},
	"github.com/coreos/go-oidc/":   {"upstream/oidc", "integration/demoidp"},
	"filippo.io/edwards25519":      {"attest/strongkey"},
	"github.com/mr-tron/base58":    {"attest/recoverykey"},
	"filippo.io/age":               {"cmd/regrant"},
	"github.com/boombuler/barcode": {"cmd/regrant"},
	"golang.org/x/crypto/ssh":      {"attest/sshsig", "attest/attesttest/wallet"},
	"github.com/spf13/":            {"cmd/regrant", "caddymodule"},
	"go.yaml.in/yaml":              {"internal/setup/kratos"},
	"github.com/prometheus/":       {"internal/observe/..."},
	"go.opentelemetry.io/":         {"internal/observe"},
	"go.uber.org/zap":              {"caddymodule"},
	"github.com/go-webauthn/":      {"attest/webauthn"},
	"github.com/google/go-tpm":     {"attest/tpm/...", "attest/webauthn", "internal/tpmclient"},
	"github.com/google/go-attest":  {"attest/tpm/...", "internal/tpmclient"},
}

// room is one package of ours.
type room struct {
	name    string   // its path below the module
	imports []string // of the package itself, not of its tests
}

func TestEveryPackageStaysOnItsFloor(t *testing.T) {
	rooms := packages(t)
	for _, r := range rooms {
		allowed, known := floors[r.name]
		if !known {
			t.Errorf("%s is not in the table of floors", r.name)
			continue
		}
		for _, path := range r.imports {
			lower, ours := strings.CutPrefix(path, module+"/")
			if ours && lower != leaf && !within(lower, allowed) {
				t.Errorf("%s must not import %s", r.name, lower)
			}
		}
	}
	for name := range floors {
		if !slices.ContainsFunc(rooms, func(r room) bool { return r.name == name }) {
			t.Errorf("%s is in the table of floors and nowhere else", name)
		}
	}
}

func TestLibrariesComeInByTheirDoor(t *testing.T) {
	for _, r := range packages(t) {
		for _, path := range r.imports {
			for library, allowed := range doors {
				if strings.HasPrefix(path, library) && !within(r.name, allowed) {
					t.Errorf("%s must not import %s", r.name, path)
				}
			}
		}
	}
}

var (
	quoted = regexp.MustCompile("`([^`\n]+)`")
	// inRepository is what reads as a place in the repository: a file beside go.mod, or something below one of its folders.
	inRepository = regexp.MustCompile(`^(?:(?:attest|storage|upstream|fosite|internal|caddymodule|cmd|integration|docs|tools|\.ci)/[\w./-]*|\.golangci\.yml|Caddyfile\.example|Makefile|LICENSE|go\.(?:mod|sum)|[A-Z]+\.md)$`)
)

func TestArchitectureNamesOnlyWhatExists(t *testing.T) {
	text, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, m := range quoted.FindAllStringSubmatch(string(text), -1) {
		if !inRepository.MatchString(m[1]) {
			continue
		}
		found++
		if _, err := os.Stat(filepath.Join("..", strings.TrimSuffix(m[1], "..."))); err != nil {
			t.Errorf("docs/architecture.md names `%s`, which is not there", m[1])
		}
	}
	if found == 0 {
		t.Error("docs/architecture.md names no path of the repository")
	}
}

// packages lists every package of the module, in all its files whatever system they are for.
func packages(t *testing.T) []room {
	t.Helper()
	all := build.Default
	all.UseAllFiles = true
	var rooms []room
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if name := d.Name(); path != ".." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin") {
			return filepath.SkipDir
		}
		p, err := all.ImportDir(path, 0)
		if _, empty := errors.AsType[*build.NoGoError](err); empty {
			return nil
		} else if err != nil {
			return err
		}
		if len(p.GoFiles) == 0 { // tests alone are on no floor
			return nil
		}
		name, err := filepath.Rel("..", path)
		rooms = append(rooms, room{filepath.ToSlash(name), p.Imports})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return rooms
}

func within(name string, allowed []string) bool {
	return slices.ContainsFunc(allowed, func(a string) bool {
		root, subtree := strings.CutSuffix(a, "/...")
		return name == root || subtree && strings.HasPrefix(name, root+"/")
	})
}
