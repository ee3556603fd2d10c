// Package downloads serves the files of one folder: the program for devices, from the gateway that it speaks to, so that
// whoever has to recover an account finds it where he is told to run it.
//
// The folder is read once. What is served later is what was read then: a file that has changed since is not served until the
// folder is read again, so that nobody gets a file whose checksum no page has shown.
package downloads

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"time"
)

// ErrChanged means that a file is no longer the one whose checksum is known.
var ErrChanged = errors.New("the file has changed since the folder was read; reload the configuration")

// maxFiles is how many files a folder may have: programs for every system, and what belongs to them.
const maxFiles = 64

// names is how files may be called: nothing that a path, a header or a shell reads as anything but a name.
var names = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// File is one that is offered.
type File struct {
	Name     string
	Size     int64  // bytes
	Checksum string // SHA-256, hexadecimal
	info     fs.FileInfo
}

// Folder is a folder as it was read.
type Folder struct {
	root  *os.Root
	files []File
}

// Open reads the folder at path, which must have files and nothing else. It stays open until [Folder.Close].
func Open(path string) (_ *Folder, err error) {
	root, err := os.OpenRoot(path) // out of which no name and no link leads
	if err != nil {
		return nil, err
	}
	f := &Folder{root: root}
	defer func() {
		if err != nil {
			_ = root.Close()
		}
	}()
	entries, err := fs.ReadDir(root.FS(), ".") // sorted by name
	if err != nil {
		return nil, err
	}
	if n := len(entries); n < 1 || n > maxFiles {
		return nil, fmt.Errorf("it has %d files, 1 to %d can be offered", n, maxFiles)
	}
	for _, e := range entries {
		file, err := f.read(e)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", e.Name(), err)
		}
		f.files = append(f.files, file)
	}
	return f, nil
}

// read takes one file into the list.
func (f *Folder) read(e fs.DirEntry) (File, error) {
	if !e.Type().IsRegular() {
		return File{}, errors.New("it is no plain file; folders and links are not served")
	}
	if !names.MatchString(e.Name()) {
		return File{}, errors.New("its name has other characters than letters, digits and ._-")
	}
	open, err := f.root.Open(e.Name())
	if err != nil {
		return File{}, err
	}
	defer open.Close()
	info, err := open.Stat()
	if err != nil {
		return File{}, err
	}
	sum := sha256.New()
	n, err := io.Copy(sum, open)
	if err != nil {
		return File{}, err
	}
	if after, err := open.Stat(); err != nil || n != info.Size() || !same(info, after) {
		return File{}, errors.New("it is being written just now")
	}
	return File{Name: e.Name(), Size: info.Size(), Checksum: hex.EncodeToString(sum.Sum(nil)), info: info}, nil
}

// same tells whether b is the file that a was, unchanged.
func same(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && b.Mode().IsRegular()
}

// Files are those that are offered, by name.
func (f *Folder) Files() []File { return f.files }

// Serve answers r with the file, or with the part of it that r asks for. The error is [ErrChanged], or why the file cannot be
// read; nothing was answered then.
func (f *Folder) Serve(w http.ResponseWriter, r *http.Request, file File) error {
	// Asked before it is opened, since a pipe in its place would hold the opener up; and after, for what is open counts.
	if info, err := f.root.Lstat(file.Name); err != nil || !same(file.info, info) {
		return ErrChanged
	}
	open, err := f.root.Open(file.Name)
	if err != nil {
		return err
	}
	defer open.Close()
	if info, err := open.Stat(); err != nil || !same(file.info, info) {
		return ErrChanged
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", `attachment; filename="`+file.Name+`"`)
	h.Set("ETag", `"sha256-`+file.Checksum+`"`)
	// Without a time: two files of one second would be one file.
	http.ServeContent(w, r, "", time.Time{}, open)
	return nil
}

// Close gives the folder back. What is being served goes on.
func (f *Folder) Close() error { return f.root.Close() }
