package kratos

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// maxFile bounds a configuration, in bytes.
const maxFile = 1 << 20

// read reads the file. A symbolic link is refused: what it leads to is usually somebody else's to write, such as a mounted
// ConfigMap, and replacing the link would cut it off.
func read(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	switch {
	case info.Mode()&os.ModeSymlink != 0:
		return nil, fmt.Errorf("%s is a symbolic link: name the file itself, or keep it as code (--format kratos-yaml)", path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", path)
	case info.Size() > maxFile:
		return nil, fmt.Errorf("%s has more than %d bytes", path, maxFile)
	}
	return os.ReadFile(path) //nolint:gosec // the operator names it
}

// replace puts text in the place of the file at once, with the same mode and owner, if it still holds what was read.
func replace(path string, was, text []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".regrant-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temp.Name()) }() // gone where it was renamed
	err = errors.Join(fill(temp, text, info), temp.Close())
	if err != nil {
		return err
	}
	now, err := read(path)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, was) {
		return errors.New("somebody has changed the file in this moment: run this again")
	}
	return os.Rename(temp.Name(), path)
}

func fill(temp *os.File, text []byte, like os.FileInfo) error {
	if err := keepOwner(temp, like); err != nil {
		return fmt.Errorf("keeping the owner of the file: %w", err)
	}
	if err := temp.Chmod(like.Mode().Perm()); err != nil {
		return err
	}
	if _, err := temp.Write(text); err != nil {
		return err
	}
	return temp.Sync()
}
