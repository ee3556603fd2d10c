package sshsig_test

import (
	"bytes"
	"crypto/elliptic"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"

	xssh "golang.org/x/crypto/ssh"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/sshsig"
)

func TestArmourIsExactlyOneBlock(t *testing.T) {
	for name, change := range map[string]func(string) string{
		"empty":                    func(string) string { return "" },
		"text before":              func(a string) string { return "please\n" + a },
		"line end before":          func(a string) string { return "\n" + a },
		"text behind":              func(a string) string { return a + "thanks\n" },
		"text on the last line":    func(a string) string { return strings.TrimSuffix(a, "\n") + "-\n" },
		"twice":                    func(a string) string { return a + a },
		"no last line":             func(a string) string { return a[:strings.Index(a, "-----END")] },
		"of another type":          func(a string) string { return strings.ReplaceAll(a, "SSH SIGNATURE", "SIGNATURE") },
		"as PGP has it":            func(a string) string { return strings.ReplaceAll(a, "SSH SIGNATURE", "PGP SIGNATURE") },
		"header":                   func(a string) string { return strings.Replace(a, "-----\n", "-----\nVersion: 1\n\n", 1) },
		"junk inside":              func(a string) string { return strings.Replace(a, "\n", "\n!", 2) },
		"base64url":                func(a string) string { return strings.Replace(a, "U1NI", "U1N_", 1) },
		"padding in the middle":    func(a string) string { return strings.Replace(a, "U1NIU0lH", "U1NI=U0lH", 1) },
		"broken block before":      func(a string) string { return "-----BEGIN SSH SIGNATURE-----\n" + a },
		"everything on one line":   func(a string) string { return strings.ReplaceAll(a, "\n", "") },
		"larger than it ever is":   func(a string) string { return a + strings.Repeat("\n", 8<<10) },
		"no base64":                func(string) string { return "-----BEGIN SSH SIGNATURE-----\n\n-----END SSH SIGNATURE-----\n" },
		"not SSHSIG":               func(string) string { return armour([]byte("SSHSIX")) },
		"cut short":                func(string) string { return armour([]byte("SSHSIG\x00\x00\x00\x01")) },
		"raw signature of a login": rawSignature(t),
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, ed25519Key(t))
			_, err := verify(s.public(), change(s.armoured()), sshsig.Expected{})
			refused(t, err, attest.ReasonMalformed)
		})
	}
}

// rawSignature is what a key signs when it opens a connection: no preamble, no namespace.
func rawSignature(t *testing.T) func(string) string {
	return func(string) string {
		s := newScene(t, ed25519Key(t))
		sig, err := s.signer.Sign(nil, []byte(challenge))
		if err != nil {
			t.Fatal(err)
		}
		return armour(xssh.Marshal(sig))
	}
}

func TestWhiteSpaceOfTheArmourIsFree(t *testing.T) {
	for name, change := range map[string]func(string) string{
		"CRLF":             func(a string) string { return strings.ReplaceAll(a, "\n", "\r\n") },
		"no last line end": func(a string) string { return strings.TrimSuffix(a, "\n") },
		"more behind":      func(a string) string { return a + " \n\t\n" },
		"other lines":      func(a string) string { return strings.Replace(a, "U1NIU0lH", "U1NI\nU0lH ", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, ed25519Key(t))
			if _, err := verify(s.public(), change(s.armoured()), sshsig.Expected{}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestEnvelopeIsExact(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*scene)
		reason attest.Reason
	}{
		"version 0":             {func(s *scene) { s.version = 0 }, attest.ReasonUnsupported},
		"version 2":             {func(s *scene) { s.version = 2 }, attest.ReasonUnsupported},
		"reserved":              {func(s *scene) { s.reserved = "x" }, attest.ReasonUnsupported},
		"SHA-1":                 {func(s *scene) { s.hash = "sha1" }, attest.ReasonUnsupported},
		"SHA-384":               {func(s *scene) { s.hash = "sha384" }, attest.ReasonUnsupported},
		"hash in capitals":      {func(s *scene) { s.hash = "SHA512" }, attest.ReasonUnsupported},
		"no hash":               {func(s *scene) { s.hash = "" }, attest.ReasonUnsupported},
		"no namespace":          {func(s *scene) { s.namespace = "" }, attest.ReasonPurpose},
		"namespace and a NUL":   {func(s *scene) { s.namespace += "\x00" }, attest.ReasonPurpose},
		"other preamble":        {func(s *scene) { s.magic = "SSHSIH" }, attest.ReasonMalformed},
		"byte behind":           {func(s *scene) { s.behind = []byte{0} }, attest.ReasonMalformed},
		"no key":                {func(s *scene) { s.key = nil }, attest.ReasonMalformed},
		"another key":           {func(s *scene) { s.key = newScene(t, ed25519Key(t)).key }, attest.ReasonIdentity},
		"byte behind the key":   {func(s *scene) { s.key = append(bytes.Clone(s.key), 0) }, attest.ReasonIdentity},
		"key of no known type":  {func(s *scene) { s.key = xssh.Marshal(struct{ Kind string }{"ssh-x"}) }, attest.ReasonKey},
		"DSA":                   {func(s *scene) { s.key = xssh.Marshal(struct{ Kind string }{"ssh-dss"}) }, attest.ReasonKey},
		"no signature":          {func(s *scene) { s.inner = func(*xssh.Signature) []byte { return nil } }, attest.ReasonMalformed},
		"bytes behind":          {changeInner(func(s *xssh.Signature) { s.Rest = []byte{1, 0, 0, 0, 1} }), attest.ReasonSignature},
		"of another format":     {changeInner(func(s *xssh.Signature) { s.Format = "sk-ssh-ed25519@openssh.com" }), attest.ReasonUnsupported},
		"signature changed":     {changeInner(func(s *xssh.Signature) { s.Blob[0] ^= 1 }), attest.ReasonSignature},
		"signature too short":   {changeInner(func(s *xssh.Signature) { s.Blob = s.Blob[:63] }), attest.ReasonSignature},
		"signature too long":    {changeInner(func(s *xssh.Signature) { s.Blob = append(s.Blob, 0) }), attest.ReasonSignature},
		"signature of nothing":  {changeInner(func(s *xssh.Signature) { s.Blob = nil }), attest.ReasonSignature},
		"length beyond the end": {func(s *scene) { s.inner = func(*xssh.Signature) []byte { return []byte{0xff, 0xff, 0xff, 0xff} } }, attest.ReasonMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, ed25519Key(t))
			public := s.public()
			tt.change(s)
			_, err := verify(public, s.armoured(), sshsig.Expected{})
			refused(t, err, tt.reason)
		})
	}
}

func changeInner(change func(*xssh.Signature)) func(*scene) {
	return func(s *scene) {
		s.inner = func(sig *xssh.Signature) []byte {
			change(sig)
			return xssh.Marshal(sig)
		}
	}
}

func TestRSASignsWithSHA2InFullLength(t *testing.T) {
	key := rsaKey(t, 3072)
	for name, tt := range map[string]struct {
		change func(*scene)
		reason attest.Reason
	}{
		"SHA-512":                {func(*scene) {}, ""},
		"SHA-256":                {func(s *scene) { s.format = xssh.KeyAlgoRSASHA256 }, ""},
		"SHA-1":                  {func(s *scene) { s.format = xssh.KeyAlgoRSA }, attest.ReasonUnsupported},
		"SHA-512 said to be 256": {changeInner(func(s *xssh.Signature) { s.Format = xssh.KeyAlgoRSASHA256 }), attest.ReasonSignature},
		"zero in front":          {changeInner(func(s *xssh.Signature) { s.Blob = append([]byte{0}, s.Blob...) }), attest.ReasonSignature},
		"one byte less":          {changeInner(func(s *xssh.Signature) { s.Blob = s.Blob[1:] }), attest.ReasonSignature},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, key)
			tt.change(s)
			_, err := verify(s.public(), s.armoured(), sshsig.Expected{})
			if tt.reason != "" {
				refused(t, err, tt.reason)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// Each ECDSA signature has one encoding.
func TestNumbersOfECDSAHaveOneForm(t *testing.T) {
	type pair struct{ R, S *big.Int }
	for name, change := range map[string]func(r, s []byte) []byte{
		"zero in front": func(r, s []byte) []byte { return append(str(append([]byte{0}, r...)), str(s)...) },
		"negative": func(r, s []byte) []byte {
			return xssh.Marshal(pair{new(big.Int).Neg(new(big.Int).SetBytes(r)), new(big.Int).SetBytes(s)})
		},
		"zeros":       func(_, _ []byte) []byte { return xssh.Marshal(pair{new(big.Int), new(big.Int)}) },
		"byte behind": func(r, s []byte) []byte { return append(append(str(r), str(s)...), 0) },
		"one number":  func(r, _ []byte) []byte { return str(r) },
		"plus the order": func(r, s []byte) []byte {
			return xssh.Marshal(pair{new(big.Int).SetBytes(r), new(big.Int).Add(new(big.Int).SetBytes(s), elliptic.P256().Params().N)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, ecdsaKey(t, elliptic.P256()))
			changeInner(func(sig *xssh.Signature) {
				var p pair
				if err := xssh.Unmarshal(sig.Blob, &p); err != nil {
					t.Fatal(err)
				}
				sig.Blob = change(positive(p.R), positive(p.S))
			})(s)
			_, err := verify(s.public(), s.armoured(), sshsig.Expected{})
			refused(t, err, attest.ReasonSignature)
		})
	}
}

func str(b []byte) []byte { return xssh.Marshal(struct{ B []byte }{b}) }

// positive is a number as SSH writes it, without its length.
func positive(n *big.Int) []byte { return xssh.Marshal(struct{ N *big.Int }{n})[4:] }

func FuzzParse(f *testing.F) {
	for _, s := range []*scene{newScene(f, ed25519Key(f)), newScene(f, ecdsaKey(f, elliptic.P256()))} {
		f.Add(s.armoured(), s.public())
	}
	f.Add(armour([]byte("SSHSIG\x00\x00\x00\x01")), "ssh-rsa "+base64.StdEncoding.EncodeToString([]byte("\x00\x00\x00\x07ssh-rsa")))
	f.Fuzz(func(t *testing.T, armoured, public string) {
		s, err := sshsig.Parse(armoured)
		key, err2 := sshsig.ParseKey(public)
		if err2 == nil {
			if again, err := sshsig.ParseKey(key.Line()); err != nil || again.Fingerprint() != key.Fingerprint() {
				t.Errorf("%v", err)
			}
		}
		if err != nil || err2 != nil {
			return
		}
		if _, err := s.Verify([]byte("nobody signed this"), sshsig.Expected{Key: key, Namespace: namespace}); err == nil {
			t.Error("verified")
		}
	})
}
