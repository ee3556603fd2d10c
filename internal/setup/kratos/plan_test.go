package kratos

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regrant/regrant/internal/setup"
)

func options(text string, t *testing.T) Options {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kratos.yml")
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	return Options{File: path, URL: "http://127.0.0.1:4433", Admin: "http://127.0.0.1:4434", Origin: "https://id.example.com", Path: "/recovery", RecoveryUI: "/ui/recovery", Strict: true, SessionTokens: true, CloseCodeLogin: true}
}

func changes(t *testing.T, s *Server) (plan setup.Plan) {
	t.Helper()
	c, err := s.config()
	if err != nil {
		t.Fatal(err)
	}
	var wishes []setup.Wish
	for _, w := range s.o.wanted(c) {
		wishes = append(wishes, setup.Wish{Object: s.setting(w.path), Why: w.why, Want: w.want})
	}
	if plan, err = setup.Make(t.Context(), wishes); err != nil {
		t.Fatal(err)
	}
	return plan
}

func TestTheFragmentLeavesNothingToDo(t *testing.T) {
	o := options("", t)
	text := o.Fragment() + "identity: {schemas: []}\n"
	s, err := Open(options(text, t))
	if err != nil {
		t.Fatal(err)
	}
	if plan := changes(t, s); len(plan.Changes) > 0 || len(plan.Kept) != 7 {
		t.Errorf("%d changes, %d kept in\n%s", len(plan.Changes), len(plan.Kept), text)
	}
}

// What --apply leaves alone is not loosened, or closed, by who merges the fragment.
func TestTheFragmentSaysWhatItDoesNotKnow(t *testing.T) {
	text := options("", t).Fragment()
	for _, want := range []string{
		"# leave this out if your file has less\n      privileged_session_max_age: \"15m\"\n",
		"# leave this out if selfservice.flows.verification.use is link, with which addresses are verified\n      enabled: false\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
	if n := strings.Count(text, "leave this out"); n != 2 {
		t.Errorf("%d things may be left out", n)
	}
}

// Each changes one thing of a file in which nothing is to do.
func TestWhatIsToBeChanged(t *testing.T) {
	good := options("", t).Fragment() + "identity: {schemas: []}\n"
	for name, c := range map[string]struct{ from, to, change string }{
		"recovery is on":          {"recovery:\n", "recovery:\n      enabled: true\n", recoveryEnabled},
		"a longer session":        {`"15m"`, "16m", privilegedAge},
		"no length":               {`"15m"`, "long", privilegedAge},
		"a shorter session stays": {`"15m"`, "14m59s", ""},
		"another page":            {"/ui/recovery", "/other", recoveryUI},
		"links for verification":  {"  flows:\n", "  flows:\n    verification: {use: link}\n", ""},
	} {
		text := strings.Replace(good, c.from, c.to, 1)
		if name == "recovery is on" {
			at := strings.LastIndex(text, "enabled: false")
			text = text[:at] + "lifespan: 1h" + text[at+len("enabled: false"):]
		}
		s, err := Open(options(text, t))
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		plan, got := changes(t, s), ""
		for _, one := range plan.Changes {
			got += one.Name
		}
		if got != c.change {
			t.Errorf("%s: %q would change", name, got)
		}
	}
}

func TestLinksThatVerifyAddressesAreLeftOn(t *testing.T) {
	text := strings.Replace(plain, "  flows:\n", "  flows:\n    verification: {use: link}\n", 1)
	s, err := Open(options(text, t))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes(t, s).Changes {
		if c.Name == linkEnabled {
			t.Error("links would go")
		}
	}
	c, err := s.config()
	if err != nil || !strings.Contains(strings.Join(c.notes(s.o), "\n"), "is left on") {
		t.Errorf("nobody is told: %v", err)
	}
}

// A person should see each of these, and each is one thing added to a file without them.
func TestWhatAPersonShouldLookAt(t *testing.T) {
	good := plain + "serve:\n  public: {base_url: https://id.example.com/auth/}\n  admin: {host: 127.0.0.1}\n"
	count := func(text string) int {
		s, err := Open(options(text, t))
		if err != nil {
			t.Fatal(err)
		}
		c, err := s.config()
		if err != nil {
			t.Fatal(err)
		}
		return len(c.notes(s.o))
	}
	if n := count(good); n != 0 {
		t.Fatalf("%d notes to begin with", n)
	}
	for name, c := range map[string][2]string{
		"admin API for everybody":  {"127.0.0.1", "0.0.0.0"},
		"people go past":           {"id.example.com/auth", "id.example.com.evil.example"},
		"one factor is enough":     {"identity:", "session: {whoami: {required_aal: aal1}}\nidentity:"},
		"one factor in settings":   {"    settings:\n", "    settings:\n      required_aal: aal1\n"},
		"a fallback":               {"    code:\n", "    code:\n      passwordless_login_fallback_enabled: true\n"},
		"a wide return":            {"  flows:", "  allowed_return_urls: [\"https://*.example.com\"]\n  flows:"},
		"a return without TLS":     {"  flows:", "  allowed_return_urls: [\"http://app.example.com\"]\n  flows:"},
		"a cookie for other sites": {"identity:", "cookies: {same_site: None}\nidentity:"},
		"a cookie for other hosts": {"identity:", "cookies: {domain: example.com}\nidentity:"},
	} {
		if n := count(strings.Replace(good, c[0], c[1], 1)); n != 1 {
			t.Errorf("%s: %d notes", name, n)
		}
	}
}

func TestTheCaddyfileKnowsAPathOfThePublicAPI(t *testing.T) {
	for base, want := range map[string]string{
		"https://id.example.com/.ory/":             "/.ory",
		"https://id.example.com/auth/kratos":       "/auth/kratos",
		"https://id.example.com/":                  "",
		"https://id.example.com":                   "",
		"https://id.example.com.evil.example/.ory": "",
		"http://127.0.0.1:4433/.ory":               "",
	} {
		s, err := Open(options(plain+"serve: {public: {base_url: \""+base+"\"}}\n", t))
		if err != nil {
			t.Fatal(err)
		}
		text, err := s.Caddyfile()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text, "base_path") != (want != "") || want != "" && !strings.Contains(text, "\t\tbase_path "+want+"\n") ||
			!strings.Contains(text, map[bool]string{true: "\thandle_path " + want + "/* {\n", false: "\n\treverse_proxy "}[want != ""]) {
			t.Errorf("%s:\n%s", base, text)
		}
	}
}

func TestAFileIsReplacedOnlyIfItIsAsItWasRead(t *testing.T) {
	o := options(plain, t)
	if err := replace(o.File, []byte("another"), []byte("new")); err == nil || !strings.Contains(err.Error(), "in this moment") {
		t.Errorf("it was changed meanwhile: %v", err)
	}
	if text, err := os.ReadFile(o.File); err != nil || string(text) != plain {
		t.Errorf("%q, %v", text, err)
	}
	if err := replace(o.File, []byte(plain), []byte("new")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(o.File)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info, err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(o.File), ".regrant-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
