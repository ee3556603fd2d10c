package chromium_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/chromium"
)

func TestFormsAreFilledInAndSent(t *testing.T) {
	s := newSite(t)
	b := s.visit(t)
	fatal(t, b.Fill("input[name=who]", "Alice"))
	fatal(t, b.Click("button"))
	fatal(t, b.WaitFor("Hello, Alice."))
	if at, err := b.Location(); err != nil || at != s.url+"/hello?who=Alice" {
		t.Errorf("at %q: %v", at, err)
	}
	if said, err := b.Text(); err != nil || said != "Hello, Alice." {
		t.Errorf("says %q: %v", said, err)
	}
	if n, err := chromium.Eval[int](b, "Promise.resolve(41 + 1)"); err != nil || n != 42 {
		t.Errorf("%d: %v", n, err)
	}
}

// A page's script may come later than its button, which does nothing until then.
func TestAButtonIsPressedOnceItDoesSomething(t *testing.T) {
	b := newSite(t).visit(t)
	_, err := chromium.Eval[bool](b, `const b = document.querySelector("button"); b.disabled = true; setTimeout(() => b.disabled = false, 500); true`)
	fatal(t, err)
	fatal(t, b.Click("button"))
	fatal(t, b.WaitFor("Hello, nobody."))
}

func TestCertificateThatWasNotNamedIsRefused(t *testing.T) {
	s := newSite(t)
	b, err := chromium.Start(t.Context(), chromium.Options{Hosts: map[string]string{"*.example.test": "127.0.0.1"}})
	fatal(t, err)
	t.Cleanup(b.Close)
	if err := b.Open(s.url); err == nil || !strings.Contains(err.Error(), "ERR_CERT_AUTHORITY_INVALID") {
		t.Errorf("opened: %v", err)
	}
}

func TestNothingOfABrowserStays(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	b := newSite(t).visit(t)
	profiles, err := filepath.Glob(filepath.Join(os.TempDir(), "*"))
	fatal(t, err)
	if len(profiles) == 0 || running(t, os.TempDir()) == 0 {
		t.Fatal("the browser is not where this test looks")
	}
	b.Close()
	over := time.After(10 * time.Second) // in which the browser's helpers notice that it has gone
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		left, err := filepath.Glob(filepath.Join(os.TempDir(), "*"))
		fatal(t, err)
		n := running(t, profiles[0])
		if len(left) == 0 && n == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-over:
			t.Fatalf("%d processes live on; left behind: %v", n, left)
		}
	}
}

// running counts the live processes that name dir on their command line. Those that have ended show none.
func running(t *testing.T, dir string) (n int) {
	t.Helper()
	processes, err := os.ReadDir("/proc")
	fatal(t, err)
	for _, p := range processes {
		if _, err := strconv.Atoi(p.Name()); err != nil {
			continue
		}
		if command, err := os.ReadFile(filepath.Join("/proc", p.Name(), "cmdline")); err == nil && strings.Contains(string(command), dir) {
			n++
		}
	}
	return n
}
