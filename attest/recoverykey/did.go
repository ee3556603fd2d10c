package recoverykey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/binary"
	"strings"

	"github.com/mr-tron/base58"

	"github.com/regrant/regrant/attest"
)

const (
	didKey = "did:key:z" // z: base58btc, the only encoding that the did:key method has
	didJWK = "did:jwk:"
	maxDID = 4 << 10 // characters; a JWK of RSA 8192 needs 1900
)

// Kinds of key in the multicodec table.
const (
	codecEd25519 = 0xed
	codecP256    = 0x1200 // compressed point
	codecP384    = 0x1201
	codecP521    = 0x1202
	codecRSA     = 0x1205 // PKCS #1 RSAPublicKey
)

var codecCurves = map[uint64]elliptic.Curve{codecP256: elliptic.P256(), codecP384: elliptic.P384(), codecP521: elliptic.P521()}

// ParseDID reads a decentralized identifier that is itself a public key: did:key or did:jwk, without path, query or fragment.
func ParseDID(did string) (*Key, error) {
	if len(did) > maxDID {
		return nil, attest.Refuse(attest.ReasonMalformed, "did is longer than %d characters", maxDID)
	}
	if text, ok := strings.CutPrefix(did, didKey); ok {
		return parseDIDKey(text)
	}
	if text, ok := strings.CutPrefix(did, didJWK); ok {
		jwk, ok := decode(text, -1)
		if !ok {
			return nil, attest.Refuse(attest.ReasonMalformed, "did:jwk is not base64url")
		}
		return ParseJWK(jwk)
	}
	return nil, attest.Refuse(attest.ReasonUnsupported, "did is neither did:key, in base58btc, nor did:jwk")
}

// parseDIDKey reads base58btc of a multicodec and a key, each in its shortest form: encoding again refuses all others.
func parseDIDKey(text string) (*Key, error) {
	data, err := base58.Decode(text)
	if err != nil || base58.Encode(data) != text {
		return nil, attest.Refuse(attest.ReasonMalformed, "did:key is not base58btc")
	}
	codec, n := binary.Uvarint(data)
	if n <= 0 || n != len(binary.AppendUvarint(nil, codec)) {
		return nil, attest.Refuse(attest.ReasonMalformed, "did:key has no kind of key")
	}
	public, err := decodeCodec(codec, data[n:])
	if err != nil {
		return nil, err
	}
	return NewKey(public)
}

func decodeCodec(codec uint64, raw []byte) (crypto.PublicKey, error) {
	switch codec {
	case codecEd25519:
		if len(raw) != ed25519.PublicKeySize {
			return nil, attest.Refuse(attest.ReasonMalformed, "Ed25519 key is not 32 bytes")
		}
		return ed25519.PublicKey(raw), nil
	case codecP256, codecP384, codecP521:
		curve := codecCurves[codec]
		x, y := elliptic.UnmarshalCompressed(curve, raw)
		if x == nil {
			return nil, attest.Refuse(attest.ReasonKey, "public key is not a compressed point of its curve")
		}
		size := (curve.Params().BitSize + 7) / 8
		return point(curve, x.FillBytes(make([]byte, size)), y.FillBytes(make([]byte, size)))
	case codecRSA:
		key, err := x509.ParsePKCS1PublicKey(raw)
		if err != nil || string(x509.MarshalPKCS1PublicKey(key)) != string(raw) {
			return nil, attest.Refuse(attest.ReasonMalformed, "RSA key is not in DER")
		}
		return key, nil
	default:
		return nil, attest.Refuse(attest.ReasonUnsupported, "did:key of a kind that is not accepted")
	}
}

// DID is the key's did:key.
func (k *Key) DID() string {
	var codec uint64
	var raw []byte
	switch public := k.public.(type) {
	case ed25519.PublicKey:
		codec, raw = codecEd25519, public
	case *rsa.PublicKey:
		codec, raw = codecRSA, x509.MarshalPKCS1PublicKey(public)
	case *ecdsa.PublicKey:
		for c, curve := range codecCurves {
			if curve == public.Curve {
				codec = c
			}
		}
		p, _ := public.Bytes() // on its curve: NewKey has seen to that
		half := len(p) / 2
		raw = append([]byte{2 + p[len(p)-1]&1}, p[1:1+half]...)
	}
	return didKey + base58.Encode(append(binary.AppendUvarint(nil, codec), raw...))
}
