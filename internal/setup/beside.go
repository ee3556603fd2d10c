package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Alone refuses files of secrets that another record in the same directory has made: whoever reads a secret of one could be the
// gateway of the other, and undoing one would take it from both.
func (r *Record) Alone(files []string) error {
	others, err := r.beside()
	if err != nil {
		return err
	}
	for _, o := range others {
		for _, path := range files {
			if o.made(path) {
				return fmt.Errorf("%s is the secret of %s (%s): keep those of %s in a directory of their own (--dir). What was set up here already, with the same secret, is to be undone first",
					path, o.Target, o.path, r.Target)
			}
		}
	}
	return nil
}

// lent refuses to undo what made a file that another identity provider of the same kind, set up from the same directory, uses too.
func (r *Record) lent() error {
	others, err := r.beside()
	if err != nil {
		return err
	}
	kind, _, _ := strings.Cut(r.Target, " ")
	for _, o := range others {
		for _, e := range r.Entries {
			if e.Kind == fileKind && strings.HasPrefix(o.Target, kind+" ") && !o.made(e.Name) {
				return fmt.Errorf("%s, which would go, is the secret of %s as well: undo that first", e.Name, o.Target)
			}
		}
	}
	return nil
}

// made tells whether the record is of a change that made a file.
func (r *Record) made(path string) bool {
	return slices.ContainsFunc(r.Entries, func(e *Entry) bool { return e.Kind == fileKind && e.Name == path })
}

// beside reads the other records in the directory of this one.
func (r *Record) beside() (others []*Record, err error) {
	files, err := os.ReadDir(filepath.Dir(r.path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for records: %v", err)
	}
	for _, f := range files {
		if is, _ := filepath.Match("init-*.json", f.Name()); !is || f.Name() == filepath.Base(r.path) {
			continue
		}
		o := &Record{path: filepath.Join(filepath.Dir(r.path), f.Name())}
		if err := o.read(); err != nil {
			return nil, err
		}
		others = append(others, o)
	}
	return others, nil
}
