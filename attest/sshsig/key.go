package sshsig

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	xssh "golang.org/x/crypto/ssh"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/strongkey"
)

const (
	maxLine = 8 << 10 // characters of an authorized_keys line
	minRSA  = 3072    // bits
)

// formats lists for each type of key what its signatures may be called. What is not here is no key: certificates, DSA, and
// what other programs invent. ssh-rsa as a signature is SHA-1 (RFC 8332 section 3).
var formats = map[string][]string{
	xssh.KeyAlgoED25519:    {xssh.KeyAlgoED25519},
	xssh.KeyAlgoSKED25519:  {xssh.KeyAlgoSKED25519},
	xssh.KeyAlgoECDSA256:   {xssh.KeyAlgoECDSA256},
	xssh.KeyAlgoECDSA384:   {xssh.KeyAlgoECDSA384},
	xssh.KeyAlgoECDSA521:   {xssh.KeyAlgoECDSA521},
	xssh.KeyAlgoSKECDSA256: {xssh.KeyAlgoSKECDSA256},
	xssh.KeyAlgoRSA:        {xssh.KeyAlgoRSASHA256, xssh.KeyAlgoRSASHA512},
}

// Key is a public key that may be enrolled.
type Key struct {
	kind        string // its type, as "ssh-ed25519"
	wire        []byte // RFC 4253 section 6.6
	public      crypto.PublicKey
	application string // of a key on a security key; "" for the others
}

// ParseKey reads a line of authorized_keys without options: type, key and perhaps a comment, as in a file that ends in .pub. The
// refusal is malformed, or key for one that may not be enrolled.
func ParseKey(line string) (*Key, error) {
	line = strings.TrimRight(line, "\r\n")
	if len(line) > maxLine || strings.ContainsAny(line, "\r\n") {
		return nil, attest.Refuse(attest.ReasonMalformed, "public key is not one line")
	}
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return nil, attest.Refuse(attest.ReasonMalformed, "public key is not a type and base64")
	}
	if formats[fields[0]] == nil { // also a line that begins with options, which would be lost
		return nil, attest.Refuse(attest.ReasonKey, "line does not begin with a type of key that is accepted")
	}
	wire, err := base64.StdEncoding.Strict().DecodeString(fields[1])
	if err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "public key is not base64")
	}
	key, err := parseWire(wire)
	if err != nil {
		return nil, err
	}
	if key.kind != fields[0] {
		return nil, attest.Refuse(attest.ReasonMalformed, "public key is of another type than its line says")
	}
	return key, nil
}

// parseWire reads a key in its one encoding: another encoding would have another fingerprint.
func parseWire(wire []byte) (*Key, error) {
	kind, err := kindOf(wire)
	if err != nil {
		return nil, err
	}
	parsed, err := xssh.ParsePublicKey(wire)
	if err != nil {
		return nil, attest.Refuse(attest.ReasonKey, "public key of type %s is not valid", kind)
	}
	carrier, ok := parsed.(xssh.CryptoPublicKey)
	if !ok || !bytes.Equal(parsed.Marshal(), wire) {
		return nil, attest.Refuse(attest.ReasonMalformed, "public key is not in canonical form")
	}
	key := &Key{kind: kind, wire: wire, public: carrier.CryptoPublicKey()}
	if err := strongkey.Check(key.public, minRSA); err != nil {
		return nil, err
	}
	if key.hardware() {
		key.application, err = application(kind, wire)
	}
	return key, err
}

// kindOf reads the type that a key begins with and refuses every one that is not accepted.
func kindOf(wire []byte) (string, error) {
	var begins struct {
		Kind string
		Rest []byte `ssh:"rest"`
	}
	if err := xssh.Unmarshal(wire, &begins); err != nil {
		return "", attest.Refuse(attest.ReasonMalformed, "public key has no type")
	}
	switch {
	case formats[begins.Kind] != nil:
		return begins.Kind, nil
	case strings.Contains(begins.Kind, "-cert-"): // its CA, principals and dates would have to be judged
		return "", attest.Refuse(attest.ReasonKey, "an SSH certificate is no public key")
	default:
		return "", attest.Refuse(attest.ReasonKey, "type of public key is not accepted")
	}
}

// application reads the string with which a security key keeps its uses apart (PROTOCOL.u2f). Those of SSH begin with "ssh:";
// another one would be the name of a website.
func application(kind string, wire []byte) (string, error) {
	var onEd25519 struct{ Kind, Key, Application string }
	var onECDSA struct{ Kind, Curve, Key, Application string }
	var into any = &onEd25519
	if kind == xssh.KeyAlgoSKECDSA256 {
		into = &onECDSA
	}
	if err := xssh.Unmarshal(wire, into); err != nil {
		return "", attest.Refuse(attest.ReasonMalformed, "public key has no application")
	}
	name := onEd25519.Application + onECDSA.Application
	if !strings.HasPrefix(name, "ssh:") {
		return "", attest.Refuse(attest.ReasonKey, "the security key made this key for something other than SSH")
	}
	return name, nil
}

// hardware tells whether the key is on a security key, which signs flags and a counter along.
func (k *Key) hardware() bool {
	return k.kind == xssh.KeyAlgoSKED25519 || k.kind == xssh.KeyAlgoSKECDSA256
}

// signs tells whether signatures of k may have that format.
func (k *Key) signs(format string) bool { return slices.Contains(formats[k.kind], format) }

// Handle is the name under which the key is stored: SHA-256 of its encoding.
func (k *Key) Handle() []byte { return handle(k.wire) }

// Fingerprint is the handle as OpenSSH shows it.
func (k *Key) Fingerprint() string {
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(k.Handle())
}

// Line is the key as [ParseKey] reads it, without a comment.
func (k *Key) Line() string { return k.kind + " " + base64.StdEncoding.EncodeToString(k.wire) }

func handle(wire []byte) []byte {
	sum := sha256.Sum256(wire)
	return sum[:]
}
