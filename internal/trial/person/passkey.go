package person

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/url"
	"slices"

	"github.com/regrant/regrant/attest"
)

// Flags of authenticator data (WebAuthn section 6.1).
const (
	userPresent  = 1 << 0
	userVerified = 1 << 2
	attestedData = 1 << 6
)

// es256 is ECDSA on P-256 with SHA-256 (COSE).
const es256 = -7

// passkey is an authenticator that verifies its user, as far as anybody can tell, and attests nothing.
type passkey struct {
	key    *ecdsa.PrivateKey
	id     []byte
	origin string
	rpID   string // with the user handle, said at the enrolment
	user   string
	count  uint32
}

func newPasskey(issuer string) (*passkey, error) {
	at, err := url.Parse(issuer)
	if err != nil {
		return nil, err
	}
	id := make([]byte, 32)
	rand.Read(id) // never fails
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return &passkey{key: key, id: id, origin: originOf(at)}, err
}

func (*passkey) method() attest.Method { return attest.MethodPasskey }

func (*passkey) keep([]string) {}

// answer makes a credential (WebAuthn section 5.1.3), without an attestation.
func (p *passkey) answer(options json.RawMessage, _ string) (members, error) {
	var o struct {
		RP struct {
			ID string `json:"id"`
		} `json:"rp"`
		User struct {
			ID string `json:"id"`
		} `json:"user"`
		Challenge  string `json:"challenge"`
		Parameters []struct {
			Algorithm int `json:"alg"`
		} `json:"pubKeyCredParams"`
	}
	if err := json.Unmarshal(options, &o); err != nil {
		return nil, err
	}
	takes := false
	for _, a := range o.Parameters {
		takes = takes || a.Algorithm == es256
	}
	if !takes {
		return nil, &untold{"passkeys of ES256 are not accepted here, and this program makes no others", "Try with a passkey of your own, and an account of your own.", nil}
	}
	p.rpID, p.user = o.RP.ID, o.User.ID
	point, err := p.key.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	// COSE_Key (RFC 9053 section 7.1.1): kty EC2, alg ES256, crv P-256, x, y.
	cose := slices.Concat([]byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20}, point[1:33], []byte{0x22, 0x58, 0x20}, point[33:])
	attested := slices.Concat(make([]byte, 16), binary.BigEndian.AppendUint16(nil, uint16(len(p.id))), p.id, cose) //nolint:gosec // 32
	data := p.data(attestedData, attested)
	object := slices.Concat([]byte{0xa3}, text("fmt"), text("none"), text("attStmt"), []byte{0xa0}, text("authData"), []byte{0x59}, //
		binary.BigEndian.AppendUint16(nil, uint16(len(data))), data) //nolint:gosec // some hundred
	return members{"credential": p.credential(members{
		"clientDataJSON": b64(p.clientData("webauthn.create", o.Challenge)), "attestationObject": b64(object), "transports": []string{"internal"},
	})}, nil
}

// evidence is an assertion (WebAuthn section 5.1.4) whose challenge is the hash of the statement.
func (p *passkey) evidence(statement string) (members, error) {
	challenge := sha256.Sum256([]byte(statement))
	client, data := p.clientData("webauthn.get", b64(challenge[:])), p.data(0, nil)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(slices.Clone(data), hash[:]...))
	signature, err := p.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	return members{"method": p.method(), "credential": p.credential(members{
		"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature), "userHandle": p.user,
	})}, err
}

func (p *passkey) clientData(kind, challenge string) []byte {
	text, err := json.Marshal(members{"type": kind, "challenge": challenge, "origin": p.origin, "crossOrigin": false})
	if err != nil {
		panic(err) // texts always encode
	}
	return text
}

// data is authenticator data (WebAuthn section 6.1).
func (p *passkey) data(flags byte, attested []byte) []byte {
	p.count++
	hash := sha256.Sum256([]byte(p.rpID))
	return slices.Concat(hash[:], []byte{flags | userPresent | userVerified}, binary.BigEndian.AppendUint32(nil, p.count), attested)
}

func (p *passkey) credential(response members) members {
	id := base64.RawURLEncoding.EncodeToString(p.id)
	return members{
		"id": id, "rawId": id, "type": "public-key", "authenticatorAttachment": "platform", "clientExtensionResults": members{}, "response": response,
	}
}

// text is a short text in CBOR (RFC 8949 section 3.1).
func text(s string) []byte { return append([]byte{0x60 | byte(len(s))}, s...) } //nolint:gosec // shorter than 24
