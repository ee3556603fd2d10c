package webauthn

import (
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/certpath"
)

// maxCertificates bounds x5c.
const maxCertificates = 8

var errStatement = attest.Refuse(attest.ReasonMalformed, "attestation statement is not built as its format demands")

// members is a CBOR map whose keys are text. The library has refused keys that occur twice, indefinite lengths, tags and deep nesting.
type members map[string]webauthncbor.RawMessage

// read decodes a member that is there and of that major type; CBOR's null, which the library takes for any, is none.
func (m members) read(name string, major byte, into any) error {
	raw := m[name]
	if len(raw) == 0 || raw[0]>>5 != major || webauthncbor.Unmarshal(raw, into) != nil {
		return errStatement
	}
	return nil
}

// The major types of CBOR that occur here (RFC 8949 section 3.1).
const (
	cborUnsigned = iota
	cborNegative
	cborBytes
	cborText
	cborArray
	cborMap
)

func (m members) bytes(name string) (b []byte, err error) {
	err = m.read(name, cborBytes, &b)
	return b, err
}

func (m members) text(name string) (s string, err error) {
	err = m.read(name, cborText, &s)
	return s, err
}

// algorithm reads alg; those that can be used are negative.
func (m members) algorithm() (a Algorithm, err error) {
	err = m.read("alg", cborNegative, &a)
	return a, err
}

// only refuses a statement with a member that its format does not have.
func (m members) only(names ...string) error {
	for _, name := range names {
		if _, ok := m[name]; !ok {
			return errStatement
		}
	}
	if len(m) != len(names) {
		return errStatement
	}
	return nil
}

func (m members) has(name string) bool { _, ok := m[name]; return ok }

// certificates reads x5c: the attestation certificate and those above it.
func (m members) certificates() ([]*certpath.Certificate, error) {
	var raw []webauthncbor.RawMessage
	if err := m.read("x5c", cborArray, &raw); err != nil {
		return nil, err
	}
	if n := len(raw); n < 1 || n > maxCertificates {
		return nil, attest.Refuse(attest.ReasonMalformed, "%d certificates, 1 to %d allowed", n, maxCertificates)
	}
	var chain []*certpath.Certificate
	for i, one := range raw {
		der, err := members{"": one}.bytes("")
		if err != nil {
			return nil, err
		}
		c, err := certpath.Parse(der)
		if err != nil {
			return nil, attest.Refuse(attest.ReasonMalformed, "certificate %d: %v", i, err)
		}
		chain = append(chain, c)
	}
	return chain, nil
}

// object is an attestation object (section 6.5.4): exactly three members, spelled as they are.
type object struct {
	format    string
	statement members
	data      *authData
}

func parseObject(raw []byte) (*object, error) {
	var m members
	if err := webauthncbor.Unmarshal(raw, &m); err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "attestation object is not one map of CBOR")
	}
	if err := m.only("fmt", "attStmt", "authData"); err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "attestation object has not exactly its three members")
	}
	format, err := m.text("fmt")
	if err != nil {
		return nil, err
	}
	data, err := m.bytes("authData")
	if err != nil {
		return nil, err
	}
	o := &object{format: format}
	if o.data, err = parseAuthData(data, typeCreate); err != nil {
		return nil, err
	}
	if format == formatU2F {
		o.data.forgetUnsigned()
	}
	// Of a format that is not handled the statement need not be a map.
	if _, known := formats[format]; !known && format != formatNone {
		return nil, attest.Refuse(attest.ReasonUnsupported, "attestation statement format is none of those handled")
	}
	return o, m.read("attStmt", cborMap, &o.statement)
}
