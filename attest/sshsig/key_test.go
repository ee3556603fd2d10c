package sshsig_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"

	xssh "golang.org/x/crypto/ssh"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/sshsig"
)

func TestKeyIsOneLineOfTypeAndBase64(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(string) string
		reason attest.Reason
	}{
		"empty":              {func(string) string { return "" }, attest.ReasonMalformed},
		"type alone":         {func(string) string { return "ssh-ed25519" }, attest.ReasonMalformed},
		"two lines":          {func(l string) string { return l + "\n" + l }, attest.ReasonMalformed},
		"option":             {func(l string) string { return "no-touch-required " + l }, attest.ReasonKey},
		"quoted option":      {func(l string) string { return `command="x y" ` + l }, attest.ReasonKey},
		"as in known_hosts":  {func(l string) string { return "example.com " + l }, attest.ReasonKey},
		"another type":       {func(l string) string { return strings.Replace(l, "ssh-ed25519", "ssh-rsa", 1) }, attest.ReasonMalformed},
		"certificate type":   {func(l string) string { return strings.Replace(l, " ", "-cert-v01@openssh.com ", 1) }, attest.ReasonKey},
		"not base64":         {func(l string) string { return l + "!" }, attest.ReasonMalformed},
		"base64 without end": {func(string) string { return "ssh-ed25519 AAAA=" }, attest.ReasonMalformed},
		"nothing in base64":  {func(string) string { return "ssh-ed25519 AAAA" }, attest.ReasonMalformed},
		"longer than any":    {func(l string) string { return l + " " + strings.Repeat("a", 8<<10) }, attest.ReasonMalformed},
		"private key":        {func(string) string { return "-----BEGIN OPENSSH PRIVATE KEY-----" }, attest.ReasonKey},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sshsig.ParseKey(tt.change(strings.TrimSpace(newScene(t, ed25519Key(t)).public())))
			refused(t, err, tt.reason)
		})
	}
}

func TestCommentAndLineEndOfAKeyAreFree(t *testing.T) {
	l := newScene(t, ed25519Key(t)).public()
	for _, text := range []string{l, strings.TrimSpace(l), strings.TrimSpace(l) + " Alice's key, at home\r\n"} {
		key, err := sshsig.ParseKey(text)
		if err != nil || key.Line() != strings.TrimSpace(l) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestWeakOrMisshapenKeysAreRefused(t *testing.T) {
	modulus := func(bits int) []byte { return bytes.Repeat([]byte{0xff}, bits/8) }
	rsa := func(e int64, n []byte) string {
		return line("ssh-rsa", xssh.Marshal(struct{ E, N *big.Int }{big.NewInt(e), new(big.Int).SetBytes(n)}))
	}
	p256 := string(point(t, elliptic.P256()))
	generator := "\x58" + strings.Repeat("\x66", 31) // of Ed25519
	for name, tt := range map[string]struct {
		line   string
		reason attest.Reason // "": none
	}{
		"RSA of 3072 bits":             {rsa(65537, modulus(3072)), ""},
		"RSA of 8192 bits":             {rsa(65537, modulus(8192)), ""},
		"RSA of 2048 bits":             {rsa(65537, modulus(2048)), attest.ReasonKey},
		"RSA of 3064 bits":             {rsa(65537, modulus(3064)), attest.ReasonKey},
		"RSA of 16384 bits":            {rsa(65537, modulus(16384)), attest.ReasonKey},
		"RSA with exponent 3":          {rsa(3, modulus(3072)), attest.ReasonKey},
		"RSA with an even modulus":     {rsa(65537, append(modulus(3064), 0xfe)), attest.ReasonKey},
		"RSA with a negative modulus":  {line("ssh-rsa", xssh.Marshal(struct{ E *big.Int }{big.NewInt(65537)}), string(modulus(3072))), attest.ReasonMalformed},
		"RSA with a zero in front":     {line("ssh-rsa", xssh.Marshal(struct{ E *big.Int }{big.NewInt(65537)}), "\x00\x00"+string(modulus(3072))), attest.ReasonMalformed},
		"DSA":                          {line("ssh-dss"), attest.ReasonKey},
		"Ed25519":                      {line("ssh-ed25519", generator), ""},
		"Ed25519 too short":            {line("ssh-ed25519", generator[1:]), attest.ReasonKey},
		"Ed25519 of small order":       {line("ssh-ed25519", "\x01"+strings.Repeat("\x00", 31)), attest.ReasonKey},
		"Ed25519 not on the curve":     {line("ssh-ed25519", "\x02"+strings.Repeat("\x00", 31)), attest.ReasonKey},
		"Ed25519 and a byte behind":    {line("ssh-ed25519", generator, []byte{0}), attest.ReasonKey},
		"P-256":                        {line("ecdsa-sha2-nistp256", "nistp256", p256), ""},
		"P-256 said to be P-384":       {line("ecdsa-sha2-nistp384", "nistp256", p256), attest.ReasonKey},
		"P-256 not on the curve":       {line("ecdsa-sha2-nistp256", "nistp256", p256[:64]+"\x00"), attest.ReasonKey},
		"P-256 compressed":             {line("ecdsa-sha2-nistp256", "nistp256", "\x02"+p256[1:33]), attest.ReasonKey},
		"P-256 at infinity":            {line("ecdsa-sha2-nistp256", "nistp256", "\x00"), attest.ReasonKey},
		"security key":                 {line("sk-ssh-ed25519@openssh.com", generator, "ssh:"), ""},
		"security key, P-256":          {line("sk-ecdsa-sha2-nistp256@openssh.com", "nistp256", p256, "ssh:home"), ""},
		"security key for a website":   {line("sk-ssh-ed25519@openssh.com", generator, "example.com"), attest.ReasonKey},
		"security key for nothing":     {line("sk-ssh-ed25519@openssh.com", generator, ""), attest.ReasonKey},
		"security key, no application": {line("sk-ssh-ed25519@openssh.com", generator), attest.ReasonKey},
		"security key of small order":  {line("sk-ssh-ed25519@openssh.com", strings.Repeat("\x00", 32), "ssh:"), attest.ReasonKey},
		"from a browser":               {line("webauthn-sk-ecdsa-sha2-nistp256@openssh.com", "nistp256", p256, "ssh:"), attest.ReasonKey},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sshsig.ParseKey(tt.line)
			if tt.reason != "" {
				refused(t, err, tt.reason)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func point(t *testing.T, curve elliptic.Curve) []byte {
	t.Helper()
	p, err := ecdsaKey(t, curve).Public().(*ecdsa.PublicKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestFingerprintIsThatOfOpenSSH(t *testing.T) {
	s := newScene(t, ed25519Key(t))
	key, err := sshsig.ParseKey(s.public())
	if err != nil {
		t.Fatal(err)
	}
	if got := key.Fingerprint(); got != xssh.FingerprintSHA256(s.signer.PublicKey()) {
		t.Error(got)
	}
	if got := "SHA256:" + base64.RawStdEncoding.EncodeToString(key.Handle()); got != key.Fingerprint() {
		t.Error(got)
	}
}
