package caddymodule

import (
	"bytes"
	"crypto/x509"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest/attesttest"
)

var metadataTime = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// metadataScene is a file of metadata, and the service that signs what is in it.
type metadataScene struct {
	t       *testing.T
	service *attesttest.CA
	path    string
	log     bytes.Buffer
	written int
}

func newMetadataScene(t *testing.T) *metadataScene {
	t.Helper()
	return &metadataScene{t: t, service: attesttest.NewCA(t), path: filepath.Join(t.TempDir(), "blob.jwt")}
}

func (s *metadataScene) blob(number int) string {
	s.t.Helper()
	return s.service.Metadata(s.t, nil, nil, func(b *attesttest.Blob) { b.Payload["no"] = number })
}

// write puts a text into the file, at a time of its own.
func (s *metadataScene) write(text string) {
	s.t.Helper()
	if err := os.WriteFile(s.path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.written++
	changed := metadataTime.Add(time.Duration(s.written) * time.Second)
	if err := os.Chtimes(s.path, changed, changed); err != nil {
		s.t.Fatal(err)
	}
}

func (s *metadataScene) open() *metadataFile {
	s.t.Helper()
	f, err := openMetadata(s.path, []*x509.Certificate{s.service.Certificate})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := f.release(); err != nil {
			s.t.Error(err)
		}
	})
	return f
}

// wantNumber checks which metadata is in force, and whether something was said about the file.
func (s *metadataScene) wantNumber(f *metadataFile, number int64, said string) {
	s.t.Helper()
	s.log.Reset()
	if m := f.current(metadataTime, slog.New(slog.NewTextHandler(&s.log, nil))); m == nil || m.Number != number {
		s.t.Errorf("in force is %+v, want number %d", m, number)
	}
	if log := s.log.String(); (said == "") != (log == "") || !strings.Contains(log, said) {
		s.t.Errorf("said %q, want %q", log, said)
	}
}

func TestMetadataIsReadAgainWhenItsFileChanges(t *testing.T) {
	s := newMetadataScene(t)
	s.write(s.blob(7))
	f := s.open()
	s.wantNumber(f, 7, "")
	s.write(s.blob(8))
	s.wantNumber(f, 8, "")
}

func TestMetadataThatWasGoodOutlivesItsFile(t *testing.T) {
	s := newMetadataScene(t)
	s.write(s.blob(7))
	f := s.open()
	s.wantNumber(f, 7, "")
	for name, text := range map[string]string{
		"older": s.blob(6), "no metadata": "x", "empty": "", "another service's": attesttest.NewCA(t).Metadata(t, nil, nil, func(b *attesttest.Blob) { b.Payload["no"] = 9 }),
	} {
		t.Run(name, func(*testing.T) {
			s.write(text)
			s.wantNumber(f, 7, "not good metadata")
			s.wantNumber(f, 7, "") // said once
		})
	}
	if err := os.Remove(s.path); err != nil {
		t.Fatal(err)
	}
	s.wantNumber(f, 7, "no such file")
}

// While no metadata was ever good, no model is known, whatever else is trusted.
func TestBadMetadataVouchesForNobody(t *testing.T) {
	s := newMetadataScene(t)
	f := s.open()
	s.wantNumber(f, 0, "no such file")
	if !f.current(metadataTime, slog.New(slog.DiscardHandler)).Stale(metadataTime) {
		t.Error("it is believed")
	}
	s.write(s.blob(7))
	s.wantNumber(f, 7, "")
}

func TestMetadataOutOfDateIsToldOf(t *testing.T) {
	s := newMetadataScene(t)
	s.write(s.service.Metadata(t, nil, nil, func(b *attesttest.Blob) { b.Payload["nextUpdate"] = "2026-10-01" }))
	s.wantNumber(s.open(), 7, "out of date")
}

// A reload makes everything anew, and must not bring back what is older.
func TestMetadataOutlivesAReload(t *testing.T) {
	s := newMetadataScene(t)
	s.write(s.blob(8))
	before := s.open()
	s.wantNumber(before, 8, "")
	s.write(s.blob(7))
	after := s.open()
	s.wantNumber(after, 8, "not good metadata")
	if before != after {
		t.Error("it is read twice")
	}
}
