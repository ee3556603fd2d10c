package sshsig

import (
	"encoding/base64"
	"slices"
	"strings"

	xssh "golang.org/x/crypto/ssh"

	"github.com/regrant/regrant/attest"
)

const (
	begins       = "-----BEGIN SSH SIGNATURE-----\n"
	ends         = "\n-----END SSH SIGNATURE-----"
	preamble     = "SSHSIG"
	version      = 1
	maxSignature = 8 << 10 // characters of the armoured text; a key of RSA 8192 needs 3200
)

// Signature is an SSHSIG taken apart. Nothing in it is verified.
type Signature struct {
	kind      string // type of the key that is said to have signed
	key       []byte
	namespace string
	hash      string
	format    string
	blob      []byte
	rest      []byte // flags and counter of a security key
}

// Parse reads the armoured text that ssh-keygen -Y sign writes. White space within the base64 and behind the last line is free.
func Parse(text string) (*Signature, error) {
	data, err := unarmour(text)
	if err != nil {
		return nil, err
	}
	body, ok := strings.CutPrefix(string(data), preamble)
	if !ok { // also what a key signs when it logs in
		return nil, attest.Refuse(attest.ReasonMalformed, "signature does not begin with %s", preamble)
	}
	var envelope struct {
		Version                        uint32
		Key                            []byte
		Namespace, Reserved, Algorithm string
		Signature                      []byte
	}
	if err := xssh.Unmarshal([]byte(body), &envelope); err != nil { // also when bytes are left over
		return nil, attest.Refuse(attest.ReasonMalformed, "signature is not built as PROTOCOL.sshsig says")
	}
	switch {
	case envelope.Version != version:
		return nil, attest.Refuse(attest.ReasonUnsupported, "signature of version %d", envelope.Version)
	case envelope.Reserved != "": // a later version may give it a meaning
		return nil, attest.Refuse(attest.ReasonUnsupported, "reserved field is not empty")
	case hashes[envelope.Algorithm] == 0:
		return nil, attest.Refuse(attest.ReasonUnsupported, "hash is neither sha256 nor sha512")
	}
	s := &Signature{key: envelope.Key, namespace: envelope.Namespace, hash: envelope.Algorithm}
	if s.kind, err = kindOf(s.key); err != nil {
		return nil, err
	}
	return s, s.open(envelope.Signature)
}

// open reads the inner signature (RFC 4253 section 6.6; for security keys PROTOCOL.u2f).
func (s *Signature) open(inner []byte) error {
	var parts struct {
		Format string
		Blob   []byte
		Rest   []byte `ssh:"rest"`
	}
	if err := xssh.Unmarshal(inner, &parts); err != nil {
		return attest.Refuse(attest.ReasonMalformed, "inner signature has no format and value")
	}
	if !slices.Contains(formats[s.kind], parts.Format) {
		return attest.Refuse(attest.ReasonUnsupported, "format of the inner signature is not one of %s", s.kind)
	}
	s.format, s.blob, s.rest = parts.Format, parts.Blob, parts.Rest
	return nil
}

// unarmour reads exactly one block. Unlike PEM, nothing may stand around it.
func unarmour(text string) ([]byte, error) {
	if len(text) > maxSignature {
		return nil, attest.Refuse(attest.ReasonMalformed, "signature is longer than %d characters", maxSignature)
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	inside, begun := strings.CutPrefix(text, begins)
	inside, behind, ended := strings.Cut(inside, ends)
	if !begun || !ended || strings.Trim(behind, space) != "" {
		return nil, attest.Refuse(attest.ReasonMalformed, "not exactly one block SSH SIGNATURE")
	}
	data, err := base64.StdEncoding.Strict().DecodeString(withoutSpace.Replace(inside))
	if err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "signature is not base64")
	}
	return data, nil
}

const space = " \t\r\n"

var withoutSpace = strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "")
