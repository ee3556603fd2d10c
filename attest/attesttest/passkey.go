package attesttest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math/big"
	"slices"
	"testing"
)

// Flags of authenticator data (WebAuthn section 6.1).
const (
	UserPresent    = 1 << 0
	UserVerified   = 1 << 2
	BackupEligible = 1 << 3
	BackedUp       = 1 << 4
	attestedData   = 1 << 6
	extensionData  = 1 << 7
)

// Passkey is a software authenticator with one credential. It does what it is told, the wrong thing too.
type Passkey struct {
	Key        crypto.Signer
	Algorithm  int // COSE
	ID         []byte
	RPID       string
	AAGUID     []byte
	UserHandle []byte
	Flags      byte
	Count      uint32 // grows with each ceremony
}

// NewPasskey makes a credential for ES256 of a device that verifies its user.
func NewPasskey(t testing.TB, rpID string) *Passkey {
	t.Helper()
	return NewPasskeyWith(NewKey(t), rpID)
}

// NewPasskeyWith makes a credential that has its key already: P-256, P-384, P-521, Ed25519 or RSA.
func NewPasskeyWith(key crypto.Signer, rpID string) *Passkey {
	return &Passkey{
		Key: key, Algorithm: coseAlgorithm(key.Public()), ID: random(32), RPID: rpID, AAGUID: random(16), UserHandle: random(32),
		Flags: UserPresent | UserVerified,
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}

func coseAlgorithm(key crypto.PublicKey) int {
	switch key := key.(type) {
	case ed25519.PublicKey:
		return -8
	case *rsa.PublicKey:
		return -257
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P384():
			return -35
		case elliptic.P521():
			return -36
		}
	}
	return -7
}

// COSE is the public key as the authenticator tells it.
func (p *Passkey) COSE() Pairs {
	switch key := p.Key.Public().(type) {
	case ed25519.PublicKey:
		return Pairs{{1, 1}, {3, p.Algorithm}, {-1, 6}, {-2, []byte(key)}}
	case *rsa.PublicKey:
		return Pairs{{1, 3}, {3, p.Algorithm}, {-1, key.N.Bytes()}, {-2, big.NewInt(int64(key.E)).Bytes()}}
	case *ecdsa.PublicKey:
		point, err := key.Bytes()
		if err != nil {
			panic(err) // a key made here is a point of its curve
		}
		n := len(point) / 2
		curve := map[elliptic.Curve]int{elliptic.P256(): 1, elliptic.P384(): 2, elliptic.P521(): 3}[key.Curve]
		return Pairs{{1, 2}, {3, p.Algorithm}, {-1, curve}, {-2, point[1 : 1+n]}, {-3, point[1+n:]}}
	}
	panic("no COSE key of this kind")
}

// sign signs as a COSE algorithm says.
func sign(key crypto.Signer, algorithm int, message []byte) []byte {
	opts := crypto.SignerOpts(crypto.Hash(0))
	switch algorithm {
	case -7, -257:
		opts = crypto.SHA256
	case -35:
		opts = crypto.SHA384
	case -36:
		opts = crypto.SHA512
	case -37:
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	}
	if h := opts.HashFunc(); h != 0 {
		message = digest(h, message)
	}
	sig, err := key.Sign(rand.Reader, message, opts)
	if err != nil {
		panic(err) // a key made here signs with the algorithm chosen here
	}
	return sig
}

// Ceremony is what a client and an authenticator do together. A test changes one thing of it before it is signed.
type Ceremony struct {
	ClientData map[string]any
	Text       []byte // of the client data; nil: ClientData as JSON
	RPIDHash   []byte
	Flags      byte
	Count      uint32
	Extensions []byte
	Tail       []byte        // behind the authenticator data
	Sign       crypto.Signer // of an assertion
	Response   func(object)  // changes members of the response, when all is signed
	Credential func(object)  // changes members of the credential

	// Of a creation only.
	AAGUID []byte
	ID     []byte
	Key    []byte // COSE
	Attester
	Object func(Pairs) []byte // encodes the attestation object; nil: CBOR
}

// object is a JSON object.
type object = map[string]any

func (p *Passkey) ceremony(kind string, challenge []byte, origin string) *Ceremony {
	hash := sha256.Sum256([]byte(p.RPID))
	p.Count++
	return &Ceremony{
		ClientData: object{"type": kind, "challenge": b64(challenge), "origin": origin, "crossOrigin": false},
		RPIDHash:   hash[:], Flags: p.Flags, Count: p.Count, Sign: p.Key, AAGUID: p.AAGUID, ID: p.ID, Key: CBOR(p.COSE()),
	}
}

func (c *Ceremony) clientData() []byte {
	if c.Text != nil {
		return c.Text
	}
	return checked(json.Marshal(c.ClientData))
}

func (c *Ceremony) authData(attested []byte) []byte {
	flags := c.Flags
	if attested != nil {
		flags |= attestedData
	}
	if c.Extensions != nil {
		flags |= extensionData
	}
	return slices.Concat(c.RPIDHash, []byte{flags}, binary.BigEndian.AppendUint32(nil, c.Count), attested, c.Extensions, c.Tail)
}

// Get signs a challenge, and returns the PublicKeyCredential as JSON. mutate may be nil.
func (p *Passkey) Get(challenge []byte, origin string, mutate func(*Ceremony)) []byte {
	c := p.ceremony("webauthn.get", challenge, origin)
	if mutate != nil {
		mutate(c)
	}
	text, data := c.clientData(), c.authData(nil)
	hash := sha256.Sum256(text)
	return c.credential(p.ID, object{
		"clientDataJSON": b64(text), "authenticatorData": b64(data), "signature": b64(sign(c.Sign, p.Algorithm, append(data, hash[:]...))),
		"userHandle": b64(p.UserHandle),
	})
}

// Create makes the credential known, with a statement of the attester, and returns the PublicKeyCredential as JSON. mutate may be nil.
func (p *Passkey) Create(t testing.TB, challenge []byte, origin string, a Attester, mutate func(*Ceremony)) []byte {
	t.Helper()
	c := p.ceremony("webauthn.create", challenge, origin)
	c.Attester = a
	if mutate != nil {
		mutate(c)
	}
	text := c.clientData()
	hash := sha256.Sum256(text)
	attested := slices.Concat(c.AAGUID, short(len(c.ID)), c.ID, c.Key)
	s := &signing{Ceremony: c, passkey: p, authData: c.authData(attested), clientDataHash: hash[:]}
	format, statement := c.statement(t, s)
	members := Pairs{{"fmt", format}, {"attStmt", statement}, {"authData", s.authData}}
	encoded := CBOR(members)
	if c.Object != nil {
		encoded = c.Object(members)
	}
	return c.credential(c.ID, object{"clientDataJSON": b64(text), "attestationObject": b64(encoded), "transports": []string{"internal"}})
}

func (c *Ceremony) credential(id []byte, response object) []byte {
	if c.Response != nil {
		c.Response(response)
	}
	whole := object{
		"id": b64(id), "rawId": b64(id), "type": "public-key", "authenticatorAttachment": "platform", "clientExtensionResults": object{},
		"response": response,
	}
	if c.Credential != nil {
		c.Credential(whole)
	}
	return checked(json.Marshal(whole))
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func checked(b []byte, err error) []byte {
	if err != nil {
		panic(err) // what is made here always encodes
	}
	return b
}
