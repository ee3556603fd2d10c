package devicecert

import (
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/certpath"
	"github.com/regrant/regrant/internal/strictjson"
)

const (
	maxCertificates = 6
	maxCertificate  = 16 << 10 // bytes, of the PEM text
	maxSignature    = 2 << 10  // characters; RSA of 8192 bits needs 1366
)

// evidence is the parsed Evidence. Nothing in it is verified.
type evidence struct {
	candidates
	connection bool // the connection is the proof: there is no signature
	algorithm  string
	signature  []byte
}

// candidates are the certificates that were sent.
type candidates struct {
	leaf *certpath.Certificate
	bag  []*certpath.Certificate // in no order
}

func parse(body []byte) (*evidence, error) {
	var m struct {
		Method     string   `json:"method"`
		Chain      []string `json:"certificate_chain"`
		Connection bool     `json:"connection"`
		Algorithm  string   `json:"algorithm"`
		Signature  string   `json:"signature"`
	}
	if err := strictjson.Decode(body, &m); err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "%v", err)
	}
	if m.Method != string(attest.MethodDeviceCertificate) {
		return nil, attest.Refuse(attest.ReasonMalformed, "method is not %s", attest.MethodDeviceCertificate)
	}
	sent, err := parseChain(m.Chain)
	if err != nil {
		return nil, err
	}
	if m.Connection {
		if m.Algorithm != "" || m.Signature != "" { // which of the two counts is not for us to choose
			return nil, attest.Refuse(attest.ReasonMalformed, "a connection and a signature: one of the two is the proof")
		}
		return &evidence{candidates: sent, connection: true}, nil
	}
	ev := &evidence{candidates: sent, algorithm: m.Algorithm}
	if ev.signature, err = parseSignature(m.Signature); err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "%v", err)
	}
	return ev, nil
}

// parseChain reads the device's own certificate and the others.
func parseChain(texts []string) (out candidates, err error) {
	if n := len(texts); n < 1 || n > maxCertificates {
		return out, attest.Refuse(attest.ReasonMalformed, "%d certificates, 1 to %d allowed", n, maxCertificates)
	}
	for i, text := range texts {
		der, err := decodePEM(text)
		if err != nil {
			return out, attest.Refuse(attest.ReasonMalformed, "certificate %d: %v", i, err)
		}
		c, err := certpath.Parse(der)
		switch {
		case err == nil && i == 0:
			out.leaf = c
		case err == nil:
			out.bag = append(out.bag, c)
		case i == 0: // another one that does not parse may stand beside a good path
			return out, attest.Refuse(attest.ReasonMalformed, "the device's certificate: %v", err)
		}
	}
	return out, nil
}

// decodePEM reads exactly one PEM block CERTIFICATE. The decoder skips text before and after a block, and blocks that are
// not well formed; encoding again refuses all of that (RFC 7468 leaves a writer no choice but the line ends).
func decodePEM(text string) ([]byte, error) {
	if len(text) > maxCertificate {
		return nil, errors.New("too large")
	}
	text = strings.TrimSuffix(strings.ReplaceAll(text, "\r\n", "\n"), "\n") + "\n"
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" || len(block.Headers) != 0 || string(pem.EncodeToMemory(block)) != text {
		return nil, errors.New("not exactly one plain PEM block CERTIFICATE")
	}
	return block.Bytes, nil
}

// parseSignature reads base64url without padding. Encoding again refuses the other spellings that the decoder forgives.
func parseSignature(text string) ([]byte, error) {
	if text == "" || len(text) > maxSignature {
		return nil, errors.New("signature is empty or too large")
	}
	sig, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || base64.RawURLEncoding.EncodeToString(sig) != text {
		return nil, errors.New("signature is not base64url without padding")
	}
	return sig, nil
}
