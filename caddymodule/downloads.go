package caddymodule

import (
	"fmt"
	"path/filepath"

	"github.com/regrant/regrant/internal/downloads"
)

func (a *App) checkDownloads() error {
	if a.Downloads == "" || hasPlaceholder(a.Downloads) || filepath.IsAbs(a.Downloads) {
		return nil
	}
	return fmt.Errorf("downloads %q is not the path of a folder from the root on: write one such as /usr/local/share/regrant", a.Downloads)
}

// openDownloads reads the folder of programs, if there is one. The gateway keeps it open.
func (a *App) openDownloads() (err error) {
	if a.Downloads == "" {
		return nil
	}
	a.folder, err = downloads.Open(a.Downloads)
	if err != nil {
		return fmt.Errorf("downloads %s cannot be offered: %w: write 'downloads FOLDER' with a folder that has the programs for devices in it and nothing else, or leave it out", a.Downloads, err)
	}
	return nil
}

func (a *App) closeDownloads() error {
	if a.folder == nil {
		return nil
	}
	return a.folder.Close()
}
