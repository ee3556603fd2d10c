package setup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/regrant/regrant/internal/strictjson"
)

// maxRecord bounds a record, in bytes.
const maxRecord = 1 << 20

// Record is what was there before. It is a file that only its owner can read, and holds no secret.
type Record struct {
	// Target says which identity provider it is about.
	Target  string   `json:"target"`
	Entries []*Entry `json:"entries"` // in the order in which they were made

	path string
}

// Entry is one object that was changed.
type Entry struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Before State  `json:"before"` // null: it was not there
	After  State  `json:"after"`
	Done   bool   `json:"done"` // false: the change was begun
	Left   *Left  `json:"left,omitzero"`
}

// Left is what a change that failed has left behind. Without one nobody knows how far it came.
type Left struct {
	State State `json:"state"`
}

// ID is that of the entry's object.
func (e *Entry) ID() string { return Object{Kind: e.Kind, Name: e.Name}.ID() }

// OpenRecord reads the record at path, or begins one there that is not written yet. A record about another target is refused.
func OpenRecord(path, target string) (*Record, error) {
	r := &Record{Target: target, path: path}
	if err := r.read(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if r.Target != target {
		return nil, fmt.Errorf("the record %s is about %s, and this is %s: name another directory", path, r.Target, target)
	}
	return r, nil
}

func (r *Record) read() error {
	file, err := os.Open(r.path)
	if err != nil {
		return fmt.Errorf("opening the record: %w", err)
	}
	defer file.Close()
	if err := strictjson.DecodeReader(file, maxRecord, r); err != nil {
		return fmt.Errorf("reading the record %s: %v", r.path, err)
	}
	if slices.Contains(r.Entries, nil) {
		return fmt.Errorf("reading the record %s: an entry is null", r.path)
	}
	return nil
}

// begin notes a change before it is made. What was there before the first change of an object stays what was there before.
func (r *Record) begin(c Change) *Entry {
	i := slices.IndexFunc(r.Entries, func(e *Entry) bool { return e.ID() == c.ID() })
	if i < 0 {
		r.Entries = append(r.Entries, &Entry{Kind: c.Kind, Name: c.Name, Before: maps.Clone(c.Before), After: maps.Clone(c.After)})
		return r.Entries[len(r.Entries)-1]
	}
	e := r.Entries[i]
	e.Done, e.Left = false, nil
	if e.After == nil || c.After == nil {
		e.After = maps.Clone(c.After)
		return e
	}
	for name, value := range c.After {
		if _, known := e.After[name]; !known && e.Before != nil {
			e.Before[name] = c.Before[name]
		}
		e.After[name] = value
	}
	return e
}

// save replaces the file at once, so that whoever dies here leaves the old or the new one. A record of nothing is no file.
func (r *Record) save() error {
	if len(r.Entries) == 0 {
		if err := os.Remove(r.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing the record: %v", err)
		}
		return nil
	}
	var text bytes.Buffer
	if err := json.MarshalWrite(&text, r, json.Deterministic(true), json.FormatNilMapAsNull(true), jsontext.WithIndent("  ")); err != nil {
		return fmt.Errorf("writing the record: %v", err)
	}
	if err := writeFile(r.path, text.Bytes()); err != nil {
		return fmt.Errorf("writing the record: %v", err)
	}
	return nil
}

// writeFile writes a file that only its owner can read, whole or not at all.
func writeFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".regrant-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temp.Name()) }() // gone where it was renamed
	_, err = temp.Write(content)
	if err == nil {
		err = temp.Sync()
	}
	if closed := temp.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}
