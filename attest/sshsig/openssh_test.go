package sshsig_test

import (
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/sshsig"
	"github.com/regrant/regrant/integration/sshkeygen"
)

// These tests hold the room against OpenSSH itself.

const (
	namespace = "recovery@id.example.com"
	challenge = "regrant recovery proof v1\n…\n"
)

func TestEveryKindOfKeyThatOpenSSHMakesVerifies(t *testing.T) {
	for name, tt := range map[string]struct {
		arguments []string
		algorithm string
	}{
		"ed25519":   {[]string{"-t", "ed25519"}, "ssh-ed25519"},
		"ecdsa 256": {[]string{"-t", "ecdsa", "-b", "256"}, "ecdsa-sha2-nistp256"},
		"ecdsa 384": {[]string{"-t", "ecdsa", "-b", "384"}, "ecdsa-sha2-nistp384"},
		"ecdsa 521": {[]string{"-t", "ecdsa", "-b", "521"}, "ecdsa-sha2-nistp521"},
		"rsa":       {[]string{"-t", "rsa", "-b", "3072"}, "rsa-sha2-512"},
	} {
		t.Run(name, func(t *testing.T) {
			tool := sshkeygen.New(t)
			file := tool.Key(tt.arguments...)
			got, err := verify(tool.Public(file), tool.Sign(file, namespace, challenge), sshsig.Expected{})
			if err != nil || got.Algorithm != tt.algorithm || got.Hardware || got.Counter != 0 || got.UserVerified {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestSecurityKeyTellsHowItWasUsed(t *testing.T) {
	tool := sshkeygen.WithSecurityKey(t)
	for _, kind := range []string{"ed25519-sk", "ecdsa-sk"} {
		file := tool.Key("-t", kind, "-O", "application=ssh:recovery")
		for name, tt := range map[string]struct {
			flags, counter string
			expected       sshsig.Expected
			reason         attest.Reason // "": none
		}{
			"touched":                      {"1", "7", sshsig.Expected{}, ""},
			"not touched":                  {"0", "7", sshsig.Expected{}, attest.ReasonPresence},
			"not touched, verified":        {"4", "7", sshsig.Expected{}, attest.ReasonPresence},
			"not touched, nor need it be":  {"0", "7", sshsig.Expected{NoPresence: true}, ""},
			"verified":                     {"5", "7", sshsig.Expected{Verification: true}, ""},
			"not verified":                 {"1", "7", sshsig.Expected{Verification: true}, attest.ReasonPresence},
			"counter goes on":              {"1", "8", sshsig.Expected{Counter: 7}, ""},
			"counter stands":               {"1", "7", sshsig.Expected{Counter: 7}, attest.ReasonCounter},
			"counter went back":            {"1", "6", sshsig.Expected{Counter: 7}, attest.ReasonCounter},
			"counter is 0 all of a sudden": {"1", "0", sshsig.Expected{Counter: 7}, attest.ReasonCounter},
			"never counts":                 {"1", "0", sshsig.Expected{}, ""},
			"counter is as high as it may": {"1", "4294967295", sshsig.Expected{Counter: 7}, ""},
		} {
			t.Run(kind+" "+name, func(t *testing.T) {
				armoured := tool.Sign(file, namespace, challenge, "SKPROVIDER_FLAGS="+tt.flags, "SKPROVIDER_COUNTER="+tt.counter)
				got, err := verify(tool.Public(file), armoured, tt.expected)
				if tt.reason != "" {
					refused(t, err, tt.reason)
				} else if err != nil || !got.Hardware || got.UserVerified != (tt.flags == "5") || got.Counter == 0 != (tt.counter == "0") {
					t.Errorf("%+v, %v", got, err)
				}
			})
		}
	}
}

func TestKeyOfAnotherApplicationIsRefused(t *testing.T) {
	tool := sshkeygen.WithSecurityKey(t)
	one, other := tool.Key("-t", "ed25519-sk", "-O", "application=ssh:one"), tool.Key("-t", "ed25519-sk", "-O", "application=ssh:two")
	_, err := verify(tool.Public(one), tool.Sign(other, namespace, challenge), sshsig.Expected{})
	refused(t, err, attest.ReasonIdentity)
}

func TestCertificateIsNoKey(t *testing.T) {
	tool := sshkeygen.New(t)
	ca, file := tool.Key("-t", "ed25519"), tool.Key("-t", "ed25519")
	certificate := tool.Certify(ca, file)
	_, err := sshsig.ParseKey(certificate)
	refused(t, err, attest.ReasonKey)

	// ssh-keygen names the certificate in the signature when it is told to sign with it.
	armoured := tool.Sign(file+"-cert.pub", namespace, challenge)
	_, err = sshsig.Parse(armoured)
	refused(t, err, attest.ReasonKey)
}

func TestNamespaceOfAnotherUseIsRefused(t *testing.T) {
	tool := sshkeygen.New(t)
	file := tool.Key("-t", "ed25519")
	for _, other := range []string{"git", "file", "recovery@id.example.org", "recovery@id.example.com:8443", strings.ToUpper(namespace)} {
		_, err := verify(tool.Public(file), tool.Sign(file, other, challenge), sshsig.Expected{})
		refused(t, err, attest.ReasonPurpose)
	}
}

func TestBothHashesVerify(t *testing.T) {
	tool := sshkeygen.New(t)
	file := tool.Key("-t", "ed25519")
	for _, hash := range []string{"sha256", "sha512"} {
		armoured := tool.SignWith([]string{"-O", "hashalg=" + hash}, file, namespace, challenge)
		if _, err := verify(tool.Public(file), armoured, sshsig.Expected{}); err != nil {
			t.Errorf("%s: %v", hash, err)
		}
	}
}

// verify is what the gateway does with a signature over the challenge.
func verify(public, armoured string, want sshsig.Expected) (sshsig.Verified, error) {
	key, err := sshsig.ParseKey(public)
	if err != nil {
		return sshsig.Verified{}, err
	}
	s, err := sshsig.Parse(armoured)
	if err != nil {
		return sshsig.Verified{}, err
	}
	want.Key, want.Namespace = key, namespace
	return s.Verify([]byte(challenge), want)
}
