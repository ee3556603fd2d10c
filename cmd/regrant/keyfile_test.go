package main

import (
	"crypto/ed25519"
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest/recoverykey"
)

func mustEvidence(t *testing.T, private ed25519.PrivateKey, text string) []byte {
	t.Helper()
	public, err := recoverykey.NewKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	body, err := public.Evidence("Ed25519", ed25519.Sign(private, []byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestNewKeyIsShownInItsThreeForms(t *testing.T) {
	d := newDesk(t)
	r := d.make()
	r.want(t, exitDone, "Enrol the public key")
	var did, jwk, thumbprint string
	for line := range strings.Lines(r.out) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "did":
			did = value
		case "public key":
			jwk = value
		case "thumbprint":
			thumbprint = value
		}
	}
	one, err := recoverykey.ParseDID(did)
	if err != nil {
		t.Fatal(err)
	}
	other, err := recoverykey.ParseJWK([]byte(jwk))
	if err != nil || string(other.Handle()) != string(one.Handle()) || len(thumbprint) != 43 {
		t.Errorf("%v in %s", err, r.out)
	}
	if strings.Contains(r.out+r.err, "PRIVATE") {
		t.Error("the private key was printed")
	}
}

func TestFilesOfAKeyAreForItsOwnerAloneAndNeverOverwritten(t *testing.T) {
	d := newDesk(t)
	d.mustMake()
	for _, name := range []string{"key.txt", "sheet.html"} {
		info, err := os.Stat(d.file(name))
		if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	before := d.read("key.txt")
	d.make().want(t, exitUsage, "is there already")
	// A sheet that is in the way leaves no key without a sheet.
	if err := os.Remove(d.file("key.txt")); err != nil {
		t.Fatal(err)
	}
	d.make().want(t, exitUsage, "sheet.html is there already")
	if _, err := os.Stat(d.file("key.txt")); err == nil {
		t.Error("a key was left behind")
	}
	if d.write("key.txt", before); d.read("key.txt") != before {
		t.Error("key changed")
	}
}

func TestIssuerOfANewKeyIsOne(t *testing.T) {
	d := newDesk(t)
	for _, issuer := range []string{"", "http://id.example.com/recovery", "https://id.example.com/", "id.example.com"} {
		d.run("new", "--issuer", issuer, "--out", d.file("k"), "--sheet", d.file("s")).want(t, exitUsage, "--issuer must be")
	}
	d.run("new").want(t, exitUsage, "issuer")
}

func TestKeyFileThatWasDamagedIsRefused(t *testing.T) {
	d := newDesk(t)
	d.mustMake("--issuer", "https://other.example.com/recovery")
	good := d.read("key.txt")
	k, err := parseRecoveryKey(strings.ReplaceAll(good, "\n", "\r\n") + "\r\n")
	if err != nil || k.text() != good || len(k.issuers) != 2 {
		t.Fatalf("%v, %+v", err, k)
	}
	resum := func(text string) string {
		text = text[:strings.LastIndex(text, "checksum: ")]
		return text + checksumLine(text)
	}
	other := newDesk(t)
	other.mustMake()
	for name, tt := range map[string]struct{ text, says string }{
		"a letter":             {strings.Replace(good, "made: 2", "made: 3", 1), "checksum"},
		"a line less":          {good[strings.Index(good, "\n")+1:], "not a key file"},
		"the checksum":         {good[:len(good)-2] + "\n", "checksum"},
		"no checksum":          {good[:strings.LastIndex(good, "checksum")], "not a key file"},
		"text behind":          {good + "x\n", "checksum"},
		"no issuer":            {resum(strings.ReplaceAll(good, "issuer: ", "iss: ")), "its lines"},
		"issuer that is none":  {resum(strings.Replace(good, "https://id", "http://id", 1)), "issuer"},
		"no date":              {resum(strings.Replace(good, "made: ", "made: x", 1)), "its lines"},
		"no public key":        {resum(strings.Replace(good, "public: ", "public ", 1)), "its lines"},
		"another public key":   {resum(strings.Replace(good, k.did, mustLoad(t, other).did, 1)), "do not belong together"},
		"no private key":       {resum(strings.Replace(good, "PRIVATE KEY", "SECRET KEY", 2)), "no private key"},
		"text before the key":  {resum(strings.Replace(good, "-----BEGIN", "x\n-----BEGIN", 1)), "no private key"},
		"something in the key": {resum(strings.Replace(good, "MC4", "AAA", 1)), "no Ed25519 key"},
		"longer than it is":    {good + strings.Repeat("\n", maxKeyFile), "longer than"},
		"of nothing":           {"", "not a key file"},
	} {
		t.Run(name, func(t *testing.T) {
			d.write("key.txt", tt.text)
			r := d.sign(goodStatement().Text(), "y")
			r.want(t, exitUsage, tt.says)
			if r.out != "" {
				t.Errorf("printed %s", r.out)
			}
		})
	}
}

func mustLoad(t *testing.T, d *desk) *recoveryKey {
	t.Helper()
	k, err := loadRecoveryKey(d.file("key.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestPassphraseProtectsTheKey(t *testing.T) {
	d := newDesk(t)
	d.typed = "correct horse\ncorrect horse\n"
	d.mustMake("--passphrase")
	if text := d.read("key.txt") + d.read("sheet.html"); strings.Contains(text, "PRIVATE KEY") || !strings.Contains(text, "BEGIN AGE ENCRYPTED FILE") {
		t.Error("the key is not protected")
	}
	statement := goodStatement().Text()
	r := d.sign(statement, "y\nwrong horse")
	r.want(t, exitRefused, "does not open")
	if r.out != "" {
		t.Errorf("printed %s", r.out)
	}
	r = d.sign(statement, "y\ncorrect horse")
	r.want(t, exitDone, "")
	k := mustLoad(t, d)
	text, err := k.open("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	k.block = text
	d.write("key.txt", k.text())
	d.verifies(r.out, statement)
}

func TestPassphraseIsTypedTwice(t *testing.T) {
	d := newDesk(t)
	for typed, says := range map[string]string{"one\nother\n": "differ", "\n\n": "is empty", "one\n": "differ"} {
		d.typed = typed
		d.make("--passphrase").want(t, exitUsage, says)
		if _, err := os.Stat(d.file("key.txt")); err == nil {
			t.Error("a key was written")
		}
	}
}

// The key outlives this program: OpenSSL reads the file as it is.
func TestOtherProgramsSignWithTheKeyFile(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("openssl is not installed")
		}
		t.Skip("openssl is not installed")
	}
	d := newDesk(t)
	d.mustMake()
	statement := goodStatement().Text()
	d.write("statement.txt", statement)
	cmd := exec.Command("openssl", "pkeyutl", "-sign", "-rawin", "-inkey", d.file("key.txt"), "-in", d.file("statement.txt"), "-out", d.file("sig"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	public, err := recoverykey.ParseDID(mustLoad(t, d).did)
	if err != nil {
		t.Fatal(err)
	}
	if err := public.Verify("Ed25519", []byte(statement), []byte(d.read("sig"))); err != nil {
		t.Error(err)
	}
}

func FuzzParseRecoveryKey(f *testing.F) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		f.Fatal(err)
	}
	k, err := newRecoveryKey(private, []string{proofIssuer}, proofNow)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(k.text())
	f.Add(strings.ReplaceAll(k.text(), "\n", "\r\n"))
	f.Fuzz(func(t *testing.T, text string) {
		k, err := parseRecoveryKey(text)
		if err != nil {
			return
		}
		if again, err := parseRecoveryKey(k.text()); err != nil || again.text() != k.text() {
			t.Errorf("%v, %q", err, k.text())
		}
	})
}

func FuzzReadToSign(f *testing.F) {
	f.Add(goodStatement().Text())
	f.Add("regrant enrolment v1\nissuer: " + proofIssuer + "\naccount: a\nmethod: recovery-key\nchallenge: " + strings.Repeat("A", 43) + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := readToSign(text, proofNow)
		if err != nil {
			return
		}
		for _, row := range s.rows {
			if text, err := json.Marshal(row); err != nil || strings.Contains(row[1], "\n") {
				t.Errorf("%s, %v", text, err)
			}
		}
	})
}
