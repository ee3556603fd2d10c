package tpm

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"slices"

	gotpm "github.com/google/go-tpm/tpm2"

	"github.com/regrant/regrant/attest"
)

// key is the public area of a key that is strong and signs. Whether it lives in a TPM, only its attributes and somebody's word can tell.
type key struct {
	area       []byte // TPMT_PUBLIC
	name       []byte // TPM 2.0 Part 1 section 16: algorithm and digest of area
	public     crypto.PublicKey
	attributes gotpm.TPMAObject
	scheme     scheme
}

// scheme is how a key signs. The zero value leaves that to each signature.
type scheme struct {
	algorithm gotpm.TPMAlgID
	hash      crypto.Hash
}

// hashes are those that may name and sign. The curve or modulus may be stronger.
var hashes = map[gotpm.TPMAlgID]crypto.Hash{
	gotpm.TPMAlgSHA256: crypto.SHA256,
	gotpm.TPMAlgSHA384: crypto.SHA384,
	gotpm.TPMAlgSHA512: crypto.SHA512,
}

// parseKey reads a TPMT_PUBLIC or TPM2B_PUBLIC.
func parseKey(public []byte) (*key, error) {
	area := unsized(public)
	t, err := decode[gotpm.TPMTPublic](area)
	if err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "public area of a key: %v", err)
	}
	hash, strong := hashes[t.NameAlg]
	if !strong {
		return nil, attest.Refuse(attest.ReasonKey, "key is named with %#x", uint16(t.NameAlg))
	}
	h := hash.New()
	h.Write(area)
	k := &key{area: area, name: h.Sum(binary.BigEndian.AppendUint16(nil, uint16(t.NameAlg))), attributes: t.ObjectAttributes}
	switch t.Type {
	case gotpm.TPMAlgRSA:
		err = k.readRSA(t)
	case gotpm.TPMAlgECC:
		err = k.readECC(t)
	default:
		err = attest.Refuse(attest.ReasonKey, "key is of type %#x", uint16(t.Type))
	}
	return k, err
}

func (k *key) readRSA(t *gotpm.TPMTPublic) error {
	parameters, err := t.Parameters.RSADetail()
	if err != nil {
		return attest.Refuse(attest.ReasonMalformed, "RSA key without parameters")
	}
	public, err := gotpm.Pub(*t)
	if err != nil {
		return attest.Refuse(attest.ReasonMalformed, "RSA key without modulus")
	}
	rsaKey := public.(*rsa.PublicKey)
	if err := strongRSA(rsaKey); err != nil {
		return err
	}
	if rsaKey.N.BitLen() != int(parameters.KeyBits) {
		return attest.Refuse(attest.ReasonKey, "modulus of %d bits in a key of %d", rsaKey.N.BitLen(), parameters.KeyBits)
	}
	if parameters.Symmetric.Algorithm != gotpm.TPMAlgNull {
		return attest.Refuse(attest.ReasonKey, "key is made for wrapping others")
	}
	k.public = rsaKey
	switch s := parameters.Scheme; s.Scheme {
	case gotpm.TPMAlgNull:
		return nil
	case gotpm.TPMAlgRSASSA:
		details, err := s.Details.RSASSA()
		return k.setScheme(s.Scheme, (*gotpm.TPMSSchemeHash)(details), err)
	case gotpm.TPMAlgRSAPSS:
		details, err := s.Details.RSAPSS()
		return k.setScheme(s.Scheme, (*gotpm.TPMSSchemeHash)(details), err)
	default:
		return attest.Refuse(attest.ReasonKey, "RSA key signs by scheme %#x", uint16(s.Scheme))
	}
}

func (k *key) readECC(t *gotpm.TPMTPublic) error {
	parameters, err := t.Parameters.ECCDetail()
	if err != nil {
		return attest.Refuse(attest.ReasonMalformed, "elliptic key without parameters")
	}
	public, err := gotpm.Pub(*t)
	if err != nil {
		return attest.Refuse(attest.ReasonKey, "elliptic curve is none of P-256, P-384, P-521")
	}
	ecKey := public.(*ecdsa.PublicKey)
	if _, err := ecKey.ECDH(); err != nil { // the library does not look whether the point is on the curve
		return attest.Refuse(attest.ReasonKey, "not a point of the curve")
	}
	if parameters.Symmetric.Algorithm != gotpm.TPMAlgNull {
		return attest.Refuse(attest.ReasonKey, "key is made for wrapping others")
	}
	k.public = ecKey
	switch s := parameters.Scheme; s.Scheme {
	case gotpm.TPMAlgNull:
		return nil
	case gotpm.TPMAlgECDSA:
		details, err := s.Details.ECDSA()
		return k.setScheme(s.Scheme, (*gotpm.TPMSSchemeHash)(details), err)
	default:
		return attest.Refuse(attest.ReasonKey, "elliptic key signs by scheme %#x", uint16(s.Scheme))
	}
}

func (k *key) setScheme(algorithm gotpm.TPMAlgID, details *gotpm.TPMSSchemeHash, err error) error {
	if err != nil {
		return attest.Refuse(attest.ReasonMalformed, "scheme without parameters")
	}
	hash, strong := hashes[details.HashAlg]
	if !strong {
		return attest.Refuse(attest.ReasonKey, "key signs with hash %#x", uint16(details.HashAlg))
	}
	k.scheme = scheme{algorithm, hash}
	return nil
}

// spki is the SubjectPublicKeyInfo of the key, and its SHA-256.
func (k *key) spki() (der []byte, sum [sha256.Size]byte, err error) {
	der, err = x509.MarshalPKIXPublicKey(k.public)
	if err != nil {
		return nil, sum, attest.Refuse(attest.ReasonKey, "key has no SubjectPublicKeyInfo")
	}
	return der, sha256.Sum256(der), nil
}

// algorithms names the schemes for the store, as RFC 7518 does.
var algorithms = map[scheme]string{
	{gotpm.TPMAlgECDSA, crypto.SHA256}:  "ES256",
	{gotpm.TPMAlgECDSA, crypto.SHA384}:  "ES384",
	{gotpm.TPMAlgECDSA, crypto.SHA512}:  "ES512",
	{gotpm.TPMAlgRSASSA, crypto.SHA256}: "RS256",
	{gotpm.TPMAlgRSASSA, crypto.SHA384}: "RS384",
	{gotpm.TPMAlgRSASSA, crypto.SHA512}: "RS512",
	{gotpm.TPMAlgRSAPSS, crypto.SHA256}: "PS256",
	{gotpm.TPMAlgRSAPSS, crypto.SHA384}: "PS384",
	{gotpm.TPMAlgRSAPSS, crypto.SHA512}: "PS512",
}

func (k *key) is(other *key) bool { return slices.Equal(k.area, other.area) }
