package recoverykey_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/recoverykey"
)

func proof(t testing.TB, algorithm string) (text string, evidence []byte) {
	t.Helper()
	p := newPair(t, algorithm)
	sig := p.sign(challenge)
	text, err := p.public.Proof(algorithm, sig)
	if err != nil {
		t.Fatal(err)
	}
	evidence, err = p.public.Evidence(algorithm, sig)
	if err != nil {
		t.Fatal(err)
	}
	return text, evidence
}

func TestProofSurvivesBeingCarried(t *testing.T) {
	text, evidence := proof(t, "ES512")
	for name, change := range map[string]func(string) string{
		"as it is":      func(p string) string { return p },
		"CRLF":          func(p string) string { return strings.ReplaceAll(p, "\n", "\r\n") },
		"indented":      func(p string) string { return strings.ReplaceAll("\n"+p, "\n", "\n\u00a0  ") },
		"on one line":   func(p string) string { return strings.ReplaceAll(p, "\n", " ") },
		"in long lines": func(p string) string { return strings.Replace(p, "=\n", "=\n\n\n", 1) },
		"broken again":  func(p string) string { return p[:50] + "\n" + p[50:90] + "\t" + p[90:] },
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := recoverykey.ParseProof(change(text)); err != nil || string(got) != string(evidence) {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
}

func TestTextAroundAProofIsRefused(t *testing.T) {
	text, _ := proof(t, "Ed25519")
	for name, bad := range map[string]string{
		"empty":               "",
		"before":              "Here it is: " + text,
		"behind":              text + "Regards",
		"twice":               text + text,
		"cut short":           text[:len(text)-10],
		"without first line":  text[strings.Index(text, "\n"):],
		"of another type":     strings.ReplaceAll(text, "REGRANT PROOF", "SSH SIGNATURE"),
		"lines alone":         "-----BEGIN REGRANT PROOF-----\n-----END REGRANT PROOF-----\n",
		"half of the lines":   "-----BEGIN REGRANT PROOF-----",
		"no base64":           strings.Replace(text, "\n", "\n!", 1),
		"not JSON":            "-----BEGIN REGRANT PROOF-----\nAAAA\n-----END REGRANT PROOF-----\n",
		"some other evidence": "-----BEGIN REGRANT PROOF-----\n" + base64.StdEncoding.EncodeToString([]byte(`{"method":"passphrase"}`)) + "\n-----END REGRANT PROOF-----\n",
		"too long":            text + strings.Repeat(" ", 8<<10),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := recoverykey.ParseProof(bad)
			refused(t, err, attest.ReasonMalformed)
		})
	}
}

func FuzzParseProof(f *testing.F) {
	for _, algorithm := range []string{"Ed25519", "ES256"} {
		text, _ := proof(f, algorithm)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		body, err := recoverykey.ParseProof(text)
		if err != nil {
			return
		}
		if _, err := format.Locate(body, ""); err != nil {
			t.Errorf("%q came from a proof: %v", body, err)
		}
	})
}
