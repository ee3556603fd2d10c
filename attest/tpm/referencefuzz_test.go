package tpm

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"os"
	"testing"

	"github.com/regrant/regrant/attest/attesttest"
)

// FuzzBinding reads what is stored of a TPM. What is read is written as it was.
func FuzzBinding(f *testing.F) {
	text, err := os.ReadFile("testdata/offer.json")
	if err != nil {
		f.Fatal(err)
	}
	var offer struct {
		AK string `json:"ak_public"`
	}
	if err := json.Unmarshal(text, &offer); err != nil {
		f.Fatal(err)
	}
	area, err := base64.RawURLEncoding.DecodeString(offer.AK)
	if err != nil {
		f.Fatal(err)
	}
	ak, err := parseAK(area)
	if err != nil {
		f.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(attesttest.NewKey(f).Public())
	if err != nil {
		f.Fatal(err)
	}
	good, err := (&binding{ak: ak, spki: spki, model: "id:1 A id:2", resets: 1, restarts: 2, firmware: 1 << 63}).encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, area)
	f.Add(good, []byte(nil))
	edwards, err := x509.MarshalPKIXPublicKey(make(ed25519.PublicKey, ed25519.PublicKeySize)) // whose holder has another kind of key
	if err != nil {
		f.Fatal(err)
	}
	good, err = (&binding{ak: ak, spki: edwards}).encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, area)
	f.Add([]byte("null"), area)
	f.Fuzz(func(t *testing.T, data, sent []byte) {
		other, err := parseAK(sent)
		if err != nil {
			other = ak
		}
		b, err := decodeBinding(data, other)
		if err != nil {
			if b != nil {
				t.Errorf("%+v beside %v", b, err)
			}
			return
		}
		written, err := b.encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeBinding(written, ak)
		if err != nil || !bytes.Equal(again.spki, b.spki) || !again.ak.is(b.ak) || again.model != b.model || again.firmware != b.firmware {
			t.Errorf("%s was written as %s, %v", data, written, err)
		}
		if b.isHolder("") {
			t.Error("nobody holds it")
		}
	})
}
