package keys

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestSecretIsMadeOnceForItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "secret")
	first, err := LoadSecret(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(first) != MinSecret {
		t.Errorf("%d bytes, want %d", len(first), MinSecret)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
	second, err := LoadSecret(path)
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("the second load gives another secret (%v)", err)
	}
	onlyFile(t, filepath.Dir(path))
}

func TestStartersThatRaceGetTheSameSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	secrets := make([][]byte, 16)
	var wg sync.WaitGroup
	for i := range secrets {
		wg.Go(func() {
			var err error
			if secrets[i], err = LoadSecret(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, s := range secrets[1:] {
		if !bytes.Equal(s, secrets[0]) {
			t.Fatal("two starters have different secrets")
		}
	}
	onlyFile(t, filepath.Dir(path))
}

func onlyFile(t *testing.T, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Errorf("left behind: %v (%v)", files, err)
	}
}

func TestSecretOpenToOthersIsRefusedWithTheRemedy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if _, err := LoadSecret(path); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o601} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadSecret(path); err == nil || !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("mode %v: error %v names no remedy", mode, err)
		}
	}
}

func TestBadSecretFileIsRefusedAndNotQuoted(t *testing.T) {
	long := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, MinSecret))
	short := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, MinSecret-1))
	for name, text := range map[string]string{
		"empty":                     "",
		"too short":                 short,
		"not base64":                "hunter2 hunter2 hunter2 hunter2 hunter2",
		"two lines":                 long + "\n" + long,
		"too long to be read whole": strings.Repeat("A", 5<<10),
	} {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := LoadSecret(path)
		if err == nil {
			t.Errorf("%s: loaded", name)
		} else if text != "" && strings.Contains(err.Error(), text[:7]) {
			t.Errorf("%s: the error quotes the file: %v", name, err)
		}
		if name == "too short" && !errors.Is(err, ErrShortSecret) {
			t.Errorf("error %v, want ErrShortSecret", err)
		}
	}
}

func TestSecretThatIsADirectoryIsRefused(t *testing.T) {
	if _, err := LoadSecret(t.TempDir()); err == nil {
		t.Error("loaded a directory")
	}
}
