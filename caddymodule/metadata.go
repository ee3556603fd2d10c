package caddymodule

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/regrant/regrant/attest/certpath"
	"github.com/regrant/regrant/attest/webauthn"
)

// metadataFiles holds the metadata in use by path and root. Were it read anew with each configuration, a reload would bring back what an older
// file says.
var metadataFiles = caddy.NewUsagePool()

// metadataFile is FIDO metadata in a file that something else keeps up to date. Whatever becomes of the file, the metadata that was good
// stays in force until better is there; how long it is believed, it says itself.
type metadataFile struct {
	key   string
	path  string
	roots []*certpath.Certificate
	held  webauthn.HeldMetadata

	mu   sync.Mutex
	read os.FileInfo // the file that was read last, good or bad; nil: none
}

// openMetadata makes or shares the metadata in a file, signed under one of the roots.
func openMetadata(path string, roots []*x509.Certificate) (*metadataFile, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	pin := sha256.New()
	for _, c := range roots {
		pin.Write(c.Raw)
	}
	key := path + " " + hex.EncodeToString(pin.Sum(nil))
	value, _, err := metadataFiles.LoadOrNew(key, func() (caddy.Destructor, error) {
		return &metadataFile{key: key, path: path, roots: certpath.NewAll(roots)}, nil
	})
	if err != nil {
		return nil, err
	}
	return value.(*metadataFile), nil
}

// release gives the share back. Call it once.
func (f *metadataFile) release() error {
	_, err := metadataFiles.Delete(f.key)
	return err
}

// Destruct implements [caddy.Destructor].
func (f *metadataFile) Destruct() error { return nil }

// current looks at the file and returns the metadata in force. While there never was a good one, that is metadata that knows no model, and
// so vouches for none.
func (f *metadataFile) current(now time.Time, logger *slog.Logger) *webauthn.Metadata {
	if err := f.refresh(now); err != nil {
		logger.Error("the metadata of passkeys is not used; what was read before stays in force", "file", f.path, "error", err)
	}
	m := f.held.Current()
	if m == nil {
		return new(webauthn.Metadata)
	}
	if m.Stale(now) {
		logger.Error("the metadata of passkeys is out of date and vouches for nobody: have its file updated", "file", f.path, "next_update", m.NextUpdate)
	}
	return m
}

// refresh reads the file if it is not the one that was read last.
func (f *metadataFile) refresh(now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	file, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	if f.read != nil && os.SameFile(f.read, file) && f.read.Size() == file.Size() && f.read.ModTime().Equal(file.ModTime()) {
		return nil
	}
	blob, err := os.ReadFile(f.path)
	if err != nil {
		return err
	}
	f.read = file
	if err := f.held.Update(string(blob), f.roots, now); err != nil {
		return fmt.Errorf("not good metadata: %w", err)
	}
	return nil
}
