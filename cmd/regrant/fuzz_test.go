package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/regrant/regrant/attest/attesttest"
)

// FuzzLoadDevice reads the files of a device: where a key is on P-256 and, if it is in a file, that of the certificate, or not at all.
func FuzzLoadDevice(f *testing.F) {
	d := attesttest.NewCA(f).Device(f, nil)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(d.Key)
	if err != nil {
		f.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(d.Key.(*ecdsa.PrivateKey))
	if err != nil {
		f.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(d.Key.Public())
	if err != nil {
		f.Fatal(err)
	}
	info, err := json.Marshal(deviceInfo{Issuer: "https://id.example.com/recovery", Account: "alice@example.com", DeviceID: d.ID})
	if err != nil {
		f.Fatal(err)
	}
	keys, err := json.Marshal(chip{Keys: json.RawMessage("{}"), PublicKey: spki})
	if err != nil {
		f.Fatal(err)
	}
	chain := encodeCertificate(d.Certificate)
	f.Add(info, []byte(nil), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), chain)
	f.Add(info, []byte(nil), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}), chain)
	f.Add(info, keys, []byte(nil), []byte(nil))
	f.Add([]byte("null"), []byte("null"), []byte(nil), []byte(nil))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, info, keys, key, chain []byte) {
		for name, content := range map[string][]byte{infoFile: info, chipFile: keys, keyFile: key, certificateFile: chain} {
			var err error
			if file := filepath.Join(dir, name); name == chipFile && len(content) == 0 {
				err = os.RemoveAll(file)
			} else {
				err = os.WriteFile(file, content, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		d, err := loadDevice(dir)
		if err != nil {
			if _, told := errors.AsType[*failure](err); !told || d != nil {
				t.Errorf("%v", err)
			}
			return
		}
		public, ok := d.holder().Public().(*ecdsa.PublicKey)
		if !ok || public.Curve != elliptic.P256() || (d.chip == nil) == (len(keys) > 0) || d.chip == nil && !public.Equal(d.chain[0].PublicKey) {
			t.Errorf("the key is %v", public)
		}
	})
}

// FuzzReadLine: lines are read in order, each without its end, and nothing is lost.
func FuzzReadLine(f *testing.F) {
	for _, seed := range []string{"{}\n{}\n", "{}", "\n\n", "", "a line that is longer than what is read at once\nand another"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		in := bufio.NewReaderSize(bytes.NewReader(text), 16)
		var lines [][]byte
		for {
			line, err := readLine(in)
			lines = append(lines, line)
			if err != nil {
				break
			}
		}
		if got := bytes.Join(lines, []byte("\n")); !bytes.Equal(got, text) {
			t.Errorf("read %q of %q", got, text)
		}
	})
}
