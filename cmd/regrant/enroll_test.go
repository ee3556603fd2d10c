package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/wire"
)

func (p *program) dir() string {
	u, _ := url.Parse(p.issuer)
	return filepath.Join(p.home, "regrant", "devices", strings.ReplaceAll(u.Host, ":", "_"))
}

func TestEnrolledDeviceIsSavedForItsOwnerAlone(t *testing.T) {
	p := newProgram(t)
	r := p.enroll("--label", "laptop")
	r.want(t, exitDone, "")
	for _, says := range []string{"alice@example.com", "laptop", p.issuer, p.dir()} {
		if !strings.Contains(r.out, says) {
			t.Errorf("output does not name %q:\n%s", says, r.out)
		}
	}
	for file, mode := range map[string]fs.FileMode{".": 0o700, keyFile: 0o600, certificateFile: 0o600, infoFile: 0o600} {
		info, err := os.Stat(filepath.Join(p.dir(), file))
		if err != nil {
			t.Error(err)
		} else if info.Mode().Perm() != mode {
			t.Errorf("%s has mode %o, want %o", file, info.Mode().Perm(), mode)
		}
	}
	if files, _ := filepath.Glob(filepath.Join(p.dir(), "*")); len(files) != 3 {
		t.Errorf("files %q, want three", files)
	}
	if shown := p.run("device", "show"); shown.code != exitDone || shown.out != r.out {
		t.Errorf("show says\n%s%s\nenroll said\n%s", shown.out, shown.err, r.out)
	}
}

func TestADeviceWhoseCodeWasMadeInASessionAsksForConfirmation(t *testing.T) {
	p := newProgram(t)
	p.enrolled = func(a *wire.EnrollResponse) { a.ConfirmBefore = time.Now().Add(5 * time.Minute) }
	r := p.enroll()
	r.want(t, exitDone, "")
	d, err := loadDevice(p.dir())
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(d.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(r.out, attest.Fingerprint(spki)); n != 2 || !strings.Contains(r.out, "counts for nothing yet") {
		t.Errorf("says the fingerprint %d times:\n%s", n, r.out)
	}
}

func TestActivationCodeIsReadFromStandardInput(t *testing.T) {
	for _, args := range [][]string{{"--code", "-"}, {"--code", ""}} {
		p := newProgram(t)
		p.in = strings.NewReader("GOOD-CODE\n")
		p.enroll(args...).want(t, exitDone, "")
	}
	p := newProgram(t)
	p.enroll("--code", "-").want(t, exitUsage, "no activation code")
}

func TestKeyIsNeverOverwritten(t *testing.T) {
	p := enrolled(t)
	before, err := os.ReadFile(filepath.Join(p.dir(), keyFile))
	if err != nil {
		t.Fatal(err)
	}
	p.enroll().want(t, exitUsage, "To keep it, enrol into another folder with --dir.")
	if p.routes() != "" {
		t.Errorf("the code was spent: %s", p.routes())
	}
	if after, _ := os.ReadFile(filepath.Join(p.dir(), keyFile)); string(after) != string(before) {
		t.Error("the key has changed")
	}
	p.enroll("--dir", filepath.Join(t.TempDir(), "second")).want(t, exitDone, "")
}

func TestFailedEnrolmentLeavesNoKey(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*program)
		code   int
		says   string
	}{
		"code refused": {func(p *program) {
			p.problem["/devices/enroll"] = wire.Problem{Type: wire.ProblemInvalidCode.Type(), Title: "The code is not accepted", Status: 400}
		}, exitRefused, "The code is not accepted\nCodes work once"},
		"gateway in trouble": {func(p *program) {
			p.problem["/devices/enroll"] = wire.Problem{Type: wire.ProblemUnavailable.Type(), Title: "Not now", Status: 503}
		}, exitUnavailable, "Not now"},
		"gateway gone": {func(p *program) { p.server.CloseClientConnections(); p.server.Close() }, exitUnavailable, "was not reached"},
		"another key certified": {func(p *program) {
			p.key = func(crypto.PublicKey) crypto.PublicKey { return otherKey(t).Public() }
		}, exitMismatch, "certified another key"},
		"another issuer": {func(p *program) {
			p.enrolled = func(a *wire.EnrollResponse) { a.Issuer = "https://elsewhere.example/recovery" }
		}, exitMismatch, "another issuer"},
		"another device": {func(p *program) {
			p.enrolled = func(a *wire.EnrollResponse) { a.DeviceID = "d2" }
		}, exitMismatch, "another device"},
		"no issuing authority": {func(p *program) {
			p.enrolled = func(a *wire.EnrollResponse) { a.CertificateChain = a.CertificateChain[:1] }
		}, exitMismatch, "issuing authority"},
		"foreign issuing authority": {func(p *program) {
			foreign := newFakeGateway(t)
			p.enrolled = func(a *wire.EnrollResponse) { a.CertificateChain[1] = string(encodeCertificate(foreign.ca)) }
		}, exitMismatch, "issuing authority"},
		"no certificate": {func(p *program) {
			p.enrolled = func(a *wire.EnrollResponse) { a.CertificateChain[0] = "none" }
		}, exitMismatch, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProgram(t)
			test.change(p)
			p.enroll().want(t, test.code, test.says)
			if files, _ := os.ReadDir(p.dir()); len(files) != 0 {
				t.Errorf("left behind: %v", files)
			}
		})
	}
}

func TestDeviceThatCannotBeTrustedIsNotUsed(t *testing.T) {
	for name, test := range map[string]struct {
		change func(dir string) error
		says   string
	}{
		"readable key":     {func(dir string) error { return os.Chmod(filepath.Join(dir, keyFile), 0o640) }, "other users can read key.pem"},
		"no key":           {func(dir string) error { return os.Remove(filepath.Join(dir, keyFile)) }, "no such file"},
		"key is not a key": {func(dir string) error { return os.WriteFile(filepath.Join(dir, keyFile), []byte("x"), 0o600) }, "key.pem is not PEM"},
		"no description":   {func(dir string) error { return os.Remove(filepath.Join(dir, infoFile)) }, "no device is enrolled"},
		"broken description": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, infoFile), []byte(`{"Issuer":1}`), 0o600)
		}, "not known"},
		"empty certificate":   {func(dir string) error { return os.WriteFile(filepath.Join(dir, certificateFile), nil, 0o600) }, "no certificate"},
		"foreign certificate": {func(dir string) error { return createForeignKey(t, dir) }, "do not belong together"},
	} {
		t.Run(name, func(t *testing.T) {
			p := enrolled(t)
			if err := test.change(p.dir()); err != nil {
				t.Fatal(err)
			}
			p.recover("--issuer", p.issuer, "--yes").want(t, exitUsage, test.says)
			if p.routes() != "" {
				t.Errorf("the gateway was asked: %s", p.routes())
			}
		})
	}
}

func createForeignKey(t *testing.T, dir string) error {
	if err := os.Remove(filepath.Join(dir, keyFile)); err != nil {
		return err
	}
	return createKey(dir, otherKey(t))
}

func otherKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func FuzzParseChain(f *testing.F) {
	g := newFakeGateway(f)
	ca := encodeCertificate(g.ca)
	f.Add(ca)
	f.Add(bytes.Repeat(ca, 2))
	f.Add(append([]byte("text in front\n"), ca...))
	f.Add(ca[:len(ca)/2])
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		chain, err := parseChain(data)
		if err != nil {
			if chain != nil {
				t.Fatal("certificates beside an error")
			}
			return
		}
		var again []byte
		for _, c := range chain {
			again = append(again, encodeCertificate(c)...)
		}
		if second, err := parseChain(again); err != nil || len(second) != len(chain) {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
	})
}
