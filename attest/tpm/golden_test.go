package tpm_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/tpm"
)

// Evidence kept in files: what chips say today must verify with every later version. One was made by our program and one by
// tpm2-tools, each with a chip of its own.

// recorded is after the certificates of the chips were made.
var recorded = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

func file(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(data)
}

func goldenFormat(t testing.TB) *tpm.Format {
	t.Helper()
	var c tpm.Config
	for rest := file(t, "makers.pem"); len(rest) > 0; {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		maker, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		c.Makers = append(c.Makers, maker)
	}
	f, err := tpm.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func goldenInput(t testing.TB, suffix string) attest.Input {
	t.Helper()
	return attest.Input{
		Body: file(t, "evidence"+suffix+".json"), Challenge: []byte(statement), Now: recorded,
		Bound: attest.Binding{Authenticator: "one", Reference: file(t, "bound"+suffix+".json")},
	}
}

func goldenEnrolling() attest.Enrolling {
	return attest.Enrolling{Issuer: "https://id.example.com/recovery", Name: "alice", Random: rand.Reader, Now: recorded}
}

// parts are those of recorded Evidence.
type parts struct {
	AK        tpmBytes          `json:"ak_public"`
	Quote     tpmBytes          `json:"quote"`
	Signature tpmBytes          `json:"signature"`
	PCRs      map[string]string `json:"pcrs"`
}

func goldenParts(t testing.TB, suffix string) (p parts) {
	t.Helper()
	if err := json.Unmarshal(file(t, "evidence"+suffix+".json"), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestGoldenEvidenceIsAccepted(t *testing.T) {
	f := goldenFormat(t)
	for _, suffix := range []string{"", "-tools"} {
		in := goldenInput(t, suffix)
		handle, err := f.Locate(in.Body, "")
		if err != nil {
			t.Fatal(err)
		}
		if c, err := f.Verify(in); err != nil || !bytes.Equal(c.Handle, handle) || c.Signals != nil {
			t.Errorf("%+v, %v", c, err)
		}
	}
	if _, err := f.Begin(goldenEnrolling(), file(t, "offer.json")); err != nil {
		t.Error(err)
	}
	if _, err := f.Finish(goldenEnrolling(), file(t, "challenge.json"), file(t, "solution.json")); err != nil {
		t.Error(err)
	}
}

// tpmBytes are base64url without padding.
type tpmBytes []byte

func (b *tpmBytes) UnmarshalText(text []byte) error {
	data, err := base64.RawURLEncoding.DecodeString(string(text))
	*b = data
	return err
}
