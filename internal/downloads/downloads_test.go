package downloads

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const name = "regrant-linux-amd64"

var content = bytes.Repeat([]byte("0123456789abcdef"), 10_000)

// folder is one with a single good file, after change.
func folder(t testing.TB, change func(dir string)) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	if change != nil {
		change(dir)
	}
	return dir
}

func open(t testing.TB, dir string) *Folder {
	t.Helper()
	f, err := Open(dir)
	must(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func get(f *Folder, headers ...string) (*httptest.ResponseRecorder, error) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	return w, f.Serve(w, r, f.Files()[0])
}

func TestAFileIsServedWithItsChecksum(t *testing.T) {
	f := open(t, folder(t, nil))
	sum := sha256.Sum256(content)
	file := f.Files()[0]
	if len(f.Files()) != 1 || file.Name != name || file.Size != int64(len(content)) || file.Checksum != hex.EncodeToString(sum[:]) {
		t.Fatalf("files %+v", f.Files())
	}
	w, err := get(f)
	must(t, err)
	if w.Code != http.StatusOK || !bytes.Equal(w.Body.Bytes(), content) {
		t.Errorf("%d, %d bytes", w.Code, w.Body.Len())
	}
	for header, want := range map[string]string{
		"Content-Type": "application/octet-stream", "Content-Disposition": `attachment; filename="regrant-linux-amd64"`,
		"Etag": `"sha256-` + file.Checksum + `"`, "Accept-Ranges": "bytes", "Last-Modified": "",
	} {
		if got := w.Header().Get(header); got != want {
			t.Errorf("%s is %q, want %q", header, got, want)
		}
	}
	if w, err = get(f, "If-None-Match", w.Header().Get("Etag")); err != nil || w.Code != http.StatusNotModified {
		t.Errorf("asked again: %d %v", w.Code, err)
	}
}

func TestADownloadGoesOnWhereItStopped(t *testing.T) {
	f := open(t, folder(t, nil))
	tag := `"sha256-` + f.Files()[0].Checksum + `"`
	w, err := get(f, "Range", "bytes=100000-", "If-Range", tag)
	must(t, err)
	if w.Code != http.StatusPartialContent || !bytes.Equal(w.Body.Bytes(), content[100_000:]) {
		t.Errorf("%d, %d bytes", w.Code, w.Body.Len())
	}
	if w, err = get(f, "Range", "bytes=100000-", "If-Range", `"sha256-00"`); err != nil || w.Code != http.StatusOK || w.Body.Len() != len(content) {
		t.Errorf("the rest of another file: %d %v", w.Code, err)
	}
}

// New programs come in a folder of their own. Until the configuration is loaded again, the old ones are served.
func TestTheFolderThatWasReadIsServedAlsoUnderAnotherName(t *testing.T) {
	dir := folder(t, nil)
	f := open(t, dir)
	must(t, os.Rename(dir, dir+".old"))
	must(t, os.Mkdir(dir, 0o700))
	must(t, os.WriteFile(filepath.Join(dir, name), []byte("new"), 0o600))
	if w, err := get(f); err != nil || !bytes.Equal(w.Body.Bytes(), content) {
		t.Errorf("%v, %d bytes", err, w.Body.Len())
	}
}

// A folder that has what cannot be served is a mistake of whoever made it, and is said before somebody needs the file.
func TestAFolderThatCannotBeServedIsRefused(t *testing.T) {
	for about, change := range map[string]func(dir string){
		"no files":          func(dir string) { must(t, os.Remove(filepath.Join(dir, name))) },
		"no folder":         func(dir string) { must(t, os.RemoveAll(dir)) },
		"a folder inside":   func(dir string) { must(t, os.Mkdir(filepath.Join(dir, "more"), 0o700)) },
		"a link to a file":  func(dir string) { must(t, os.Symlink(name, filepath.Join(dir, "link"))) },
		"a link that leads": func(dir string) { must(t, os.Symlink("/etc/passwd", filepath.Join(dir, "link"))) },
		"a hidden file":     func(dir string) { must(t, os.WriteFile(filepath.Join(dir, ".hidden"), nil, 0o600)) },
		"quotes in a name":  func(dir string) { must(t, os.WriteFile(filepath.Join(dir, `a"b`), nil, 0o600)) },
		"a line in a name":  func(dir string) { must(t, os.WriteFile(filepath.Join(dir, "a\nb"), nil, 0o600)) },
		"a long name":       func(dir string) { must(t, os.WriteFile(filepath.Join(dir, strings.Repeat("a", 101)), nil, 0o600)) },
		"too many files": func(dir string) {
			for i := range maxFiles {
				must(t, os.WriteFile(filepath.Join(dir, strings.Repeat("a", i+1)), nil, 0o600))
			}
		},
	} {
		t.Run(about, func(t *testing.T) {
			if f, err := Open(folder(t, change)); err == nil {
				t.Errorf("opened: %+v", f.Files())
			}
		})
	}
}

func TestAFileThatChangedIsNotServed(t *testing.T) {
	for about, change := range map[string]func(path string){
		"written over": func(path string) { must(t, os.WriteFile(path, content[1:], 0o600)) },
		"same size":    func(path string) { must(t, os.Chtimes(path, time.Now(), time.Now().Add(time.Second))) },
		"removed":      func(path string) { must(t, os.Remove(path)) },
		"another folder": func(path string) {
			must(t, os.Remove(path))
			must(t, os.Mkdir(path, 0o700))
		},
		"another file": func(path string) {
			info, err := os.Stat(path)
			must(t, err)
			must(t, os.WriteFile(path+".new", content, 0o600))
			must(t, os.Chtimes(path+".new", info.ModTime(), info.ModTime()))
			must(t, os.Rename(path+".new", path))
		},
		"a pipe": func(path string) {
			must(t, os.Remove(path))
			must(t, syscall.Mkfifo(path, 0o600))
		},
		"a link out": func(path string) {
			outside := filepath.Join(t.TempDir(), "secret")
			must(t, os.Rename(path, outside))
			must(t, os.Symlink(outside, path))
		},
		"a link to itself elsewhere": func(path string) {
			must(t, os.Rename(path, path+".old"))
			must(t, os.Symlink(filepath.Base(path)+".old", path+".link"))
			must(t, os.Rename(path+".link", path))
			must(t, os.WriteFile(path+".old", content[1:], 0o600))
		},
	} {
		t.Run(about, func(t *testing.T) {
			dir := folder(t, nil)
			f := open(t, dir)
			change(filepath.Join(dir, name))
			w, err := get(f)
			if !errors.Is(err, ErrChanged) || w.Body.Len() != 0 || len(w.Header()) != 0 {
				t.Errorf("%v, %d bytes, %v", err, w.Body.Len(), w.Header())
			}
			if w, err := get(f, "Range", "bytes=0-3"); !errors.Is(err, ErrChanged) || w.Body.Len() != 0 {
				t.Errorf("a part of it: %v", err)
			}
		})
	}
}
