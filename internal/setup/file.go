package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

const fileKind = "file"

// SecretFile is the object of a file that holds a secret. Its state is who may read it: what is in it appears in no plan and no
// record. The secret is written if the file is not there.
func SecretFile(path, secret string) Object {
	return Object{
		Kind: fileKind, Name: path,
		Read: func(context.Context) (State, error) {
			info, err := os.Stat(path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil, nil
			}
			if err != nil {
				return nil, err
			}
			return State{"read by others": info.Mode().Perm()&0o004 != 0}, nil
		},
		Write: func(_ context.Context, _, to State) error {
			if to == nil {
				return os.Remove(path)
			}
			return writeFile(path, []byte(secret))
		},
	}
}

// KeptSecret wishes for a file of a secret, and refuses one that everybody can read.
func KeptSecret(now State) (State, error) {
	if now != nil && now["read by others"] == true {
		return nil, errors.New("others can read it: take that away (chmod o-rwx), or remove it if it holds nothing that is in use")
	}
	return State{"read by others": false}, nil
}

// leastSecret is how long a secret has to be, in characters.
const leastSecret = 32

// ReadSecret reads a file of a secret. One that is not there is "".
func ReadSecret(path string) (string, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading a secret: %v", err)
	}
	secret := strings.TrimRight(string(text), "\n")
	if len(secret) < leastSecret {
		return "", fmt.Errorf("%s holds fewer than %d characters, which is no secret: remove it, and a new one is made", path, leastSecret)
	}
	return secret, nil
}
