package badger

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
)

// prepareDir makes dir, or takes the rights to it from everybody else: Badger
// makes its files as readable as the umask lets it. It refuses a directory with
// something else in it, so that a slip in the configuration neither locks others
// out of a shared directory nor scatters files there.
func prepareDir(dir string) error {
	if dir == "" {
		return errors.New("no directory is set")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	// LOCK is the first file that Badger makes, MANIFEST the one it always has.
	ours := slices.ContainsFunc(files, func(f os.DirEntry) bool {
		return f.Name() == "LOCK" || f.Name() == "MANIFEST"
	})
	if len(files) > 0 && !ours {
		return errors.New("it holds other files than a store")
	}
	return os.Chmod(dir, 0o700) //nolint:gosec // a directory needs its x bit
}

// dropEmptyLogs removes the log files that hold nothing. A process that was killed
// just when it made one leaves it, and Badger (v4.9.6) refuses to open because of it.
// It holds the directory meanwhile: a file that somebody is making is empty, too.
func dropEmptyLogs(dir string) error {
	release, err := holdDir(dir)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return err
	}
	defer release()
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if ext := filepath.Ext(f.Name()); ext != ".mem" && ext != ".vlog" {
			continue
		}
		info, err := f.Info()
		if err == nil && info.Size() == 0 {
			err = os.Remove(filepath.Join(dir, f.Name()))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
