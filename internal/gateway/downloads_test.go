package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regrant/regrant/internal/downloads"
)

const programName = "regrant-linux-amd64"

// offering is a gateway that offers one program from the folder dir.
func offering(t testing.TB) (h *house, dir string) {
	t.Helper()
	dir = t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, programName), []byte("a program"), 0o600))
	folder, err := downloads.Open(dir)
	must(t, err)
	t.Cleanup(func() { must(t, folder.Close()) })
	return open(t, func(h *house) { h.downloads = folder }), dir
}

func TestTheProgramIsOfferedWhereItIsSpokenOf(t *testing.T) {
	h, _ := offering(t)
	const link = `<a href="/recovery/downloads">Get the program regrant</a>`
	wantPage(t, h.get("/recovery/"), http.StatusOK, link)
	sum := sha256.Sum256([]byte("a program"))
	list := h.get("/recovery/downloads")
	for _, says := range []string{programName, hex.EncodeToString(sum[:]), "(9 bytes)", `href="/recovery/downloads/` + programName + `"`} {
		wantPage(t, list, http.StatusOK, says)
	}
	if strings.Contains(h.get("/recovery/continue").Body.String(), link) {
		t.Error("a page that speaks of no program offers it")
	}
	if strings.Contains(open(t).get("/recovery/").Body.String(), "downloads") {
		t.Error("offered, although there is none")
	}
}

func TestTheProgramIsServed(t *testing.T) {
	h, _ := offering(t)
	w := h.get("/recovery/downloads/" + programName)
	if w.Code != http.StatusOK || w.Body.String() != "a program" || w.Header().Get("X-Content-Type-Options") != "nosniff" ||
		!strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment") || w.Header().Get("Cache-Control") != "public, max-age=300" {
		t.Errorf("%d %v %q", w.Code, w.Header(), w.Body)
	}
	w = h.get("/recovery/downloads/"+programName, "Range", "bytes=2-")
	if w.Code != http.StatusPartialContent || w.Body.String() != "program" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	w = h.serve(request(t, http.MethodHead, "/recovery/downloads/"+programName, nil))
	if w.Code != http.StatusOK || w.Body.Len() != 0 || w.Header().Get("Content-Length") != "9" {
		t.Errorf("HEAD: %d %v %q", w.Code, w.Header(), w.Body)
	}
}

func TestNothingElseIsServed(t *testing.T) {
	h, dir := offering(t)
	must(t, os.WriteFile(filepath.Join(dir, "later"), []byte("not read when it started"), 0o600))
	for _, name := range []string{"later", "x", "..", "%2e%2e", "../downloads/" + programName, programName + "/", programName + "/x", "%2fetc%2fpasswd", "", strings.ToUpper(programName)} {
		if w := h.get("/recovery/downloads/" + name); w.Code != http.StatusNotFound && w.Code != http.StatusBadRequest || strings.Contains(w.Body.String(), "not read") {
			t.Errorf("%q: %d", name, w.Code)
		}
	}
	for _, path := range []string{"/recovery/downloads", "/recovery/downloads/" + programName} {
		wantPage(t, open(t).get(path), http.StatusNotFound, "Nothing here")
	}
}

func TestAProgramThatChangedIsNotServed(t *testing.T) {
	h, dir := offering(t)
	must(t, os.WriteFile(filepath.Join(dir, programName), []byte("another program"), 0o600))
	w := h.get("/recovery/downloads/" + programName)
	wantPage(t, w, http.StatusServiceUnavailable, "<h1>")
	if strings.Contains(w.Body.String(), "another") || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Content-Disposition") != "" || !strings.Contains(h.log.String(), "reload the configuration") {
		t.Errorf("%v %s\n%s", w.Header(), w.Body, h.log)
	}
}
