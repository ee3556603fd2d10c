package caddymodule

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// downloadsOf edits the good configuration so that it offers the folder dir.
func downloadsOf(dir string) []string {
	return []string{`"issuer":`, `"downloads":"` + dir + `","issuer":`}
}

func TestValidatingOpensNoFolderOfPrograms(t *testing.T) {
	privateData(t)
	app, _ := mustLoad(t, downloadsOf(filepath.Join(t.TempDir(), "missing"))...)
	if app.folder != nil {
		t.Error("it was opened")
	}
	if err := app.Start(); err == nil || !strings.Contains(err.Error(), "write 'downloads FOLDER'") {
		t.Errorf("started without the folder: %v", err)
	}
}

func TestProgramsAreReadWhenTheConfigurationStarts(t *testing.T) {
	privateData(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "regrant-linux-amd64"), []byte("program"), 0o600); err != nil {
		t.Fatal(err)
	}
	app, unload := mustLoad(t, downloadsOf(dir)...)
	mustOpen(t, app)
	if files := app.folder.Files(); len(files) != 1 || files[0].Name != "regrant-linux-amd64" {
		t.Errorf("offered: %+v", files)
	}
	unload()
	if _, err := os.Stat(dir); err != nil {
		t.Error(err)
	}
}
