package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/regrant/regrant/attest/recoverykey"
)

const (
	keyFileTitle = "regrant recovery key v1"
	privateKey   = "PRIVATE KEY" // PKCS #8, so that other programs can sign with it when this one is gone
	maxKeyFile   = 8 << 10       // bytes
)

// recoveryKey is a key that is kept offline: the text of its file is also what is printed.
type recoveryKey struct {
	issuers []string // for whose statements it signs
	made    time.Time
	did     string // the public key
	block   string // the private key in PEM, or in the armour of age if there is a passphrase
}

// newRecoveryKey makes a key for the statements of some issuers.
func newRecoveryKey(private ed25519.PrivateKey, issuers []string, made time.Time) (*recoveryKey, error) {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	public, err := recoverykey.NewKey(private.Public())
	if err != nil {
		return nil, err
	}
	return &recoveryKey{
		issuers: issuers, made: made, did: public.DID(),
		block: string(pem.EncodeToMemory(&pem.Block{Type: privateKey, Bytes: der})),
	}, nil
}

// text is the key file. A checksum ends it, since paper is read by eyes and cameras.
func (k *recoveryKey) text() string {
	var b strings.Builder
	b.WriteString(keyFileTitle + "\n")
	for _, issuer := range k.issuers {
		fmt.Fprintf(&b, "issuer: %s\n", issuer)
	}
	fmt.Fprintf(&b, "made: %s\npublic: %s\n%s", k.made.UTC().Format(time.DateOnly), k.did, k.block)
	return b.String() + checksumLine(b.String())
}

func checksumLine(text string) string {
	sum := sha256.Sum256([]byte(text))
	digits := hex.EncodeToString(sum[:8])
	return "checksum: " + digits[:4] + "-" + digits[4:8] + "-" + digits[8:12] + "-" + digits[12:] + "\n"
}

// parseRecoveryKey is the exact inverse of text, but for the line ends.
func parseRecoveryKey(text string) (*recoveryKey, error) {
	text = strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n") + "\n"
	end := strings.LastIndex(text, "checksum: ")
	rest, titled := strings.CutPrefix(text, keyFileTitle+"\n")
	if !titled || end < 0 {
		return nil, errors.New("it is not a key file of this program, or not the whole of it")
	}
	if text[end:] != checksumLine(text[:end]) {
		return nil, errors.New("the checksum does not match: a character is wrong or missing")
	}
	k := &recoveryKey{}
	for {
		issuer, behind, ok := cutLine(rest, "issuer: ")
		if !ok {
			break
		}
		if err := checkIssuer(issuer); err != nil {
			return nil, errors.New("it names an issuer that is none")
		}
		k.issuers, rest = append(k.issuers, issuer), behind
	}
	made, rest, okMade := cutLine(rest, "made: ")
	did, rest, okDID := cutLine(rest, "public: ")
	at, err := time.Parse(time.DateOnly, made)
	if len(k.issuers) == 0 || !okMade || !okDID || err != nil {
		return nil, errors.New("its lines are not those of a key file")
	}
	k.made, k.did, k.block = at, did, rest[:strings.LastIndex(rest, "checksum: ")]
	return k, nil
}

// cutLine takes a line with that label from the beginning of a text.
func cutLine(text, label string) (value, rest string, ok bool) {
	line, rest, ended := strings.Cut(text, "\n")
	value, labelled := strings.CutPrefix(line, label)
	if !ended || !labelled {
		return "", text, false
	}
	return value, rest, true
}

// private reads the private key, which must be the one that belongs to the public key.
func (k *recoveryKey) private(text string) (ed25519.PrivateKey, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != privateKey || len(rest) != 0 || !strings.HasPrefix(text, "-----BEGIN ") {
		return nil, errors.New("there is no private key in it")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	private, ok := parsed.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, errors.New("there is no Ed25519 key in it")
	}
	public, err := recoverykey.NewKey(private.Public())
	if err != nil || public.DID() != k.did {
		return nil, errors.New("its private and public key do not belong together")
	}
	return private, nil
}

func loadRecoveryKey(file string) (*recoveryKey, error) {
	text, err := readShort(file, maxKeyFile)
	if err == nil {
		var k *recoveryKey
		if k, err = parseRecoveryKey(text); err == nil {
			return k, nil
		}
	}
	return nil, unusable("", "reading the key file %s: %v", file, err)
}

// readShort reads a file that must not be longer than most bytes.
func readShort(file string, most int64) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("it is longer than %d bytes", most)
	}
	return string(text), err
}
