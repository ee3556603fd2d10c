package webauthn

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of the algorithms
	_ "crypto/sha512"

	"github.com/go-webauthn/webauthn/protocol/webauthncose"
)

// Algorithm is a COSE algorithm identifier (RFC 9053, RFC 8812, RFC 9864).
type Algorithm int64

// DefaultAlgorithms are asked for and accepted where nothing else is said: EdDSA, ES256, RS256.
var DefaultAlgorithms = []Algorithm{-8, -7, -257}

// scheme is how signatures of an algorithm are made. Exactly one of curve, edwards and rsa says with which keys.
type scheme struct {
	curve   elliptic.Curve
	edwards bool
	rsa     bool
	pss     bool
	hash    crypto.Hash // 0: the algorithm has its own
}

// schemes is a list of the good, so that RS1 and whatever is not known fall out. An ECDSA algorithm goes with one curve
// (WebAuthn section 5.8.5).
var schemes = map[Algorithm]scheme{
	Algorithm(webauthncose.AlgES256):   {curve: elliptic.P256(), hash: crypto.SHA256},
	Algorithm(webauthncose.AlgES384):   {curve: elliptic.P384(), hash: crypto.SHA384},
	Algorithm(webauthncose.AlgES512):   {curve: elliptic.P521(), hash: crypto.SHA512},
	Algorithm(webauthncose.AlgESP256):  {curve: elliptic.P256(), hash: crypto.SHA256},
	Algorithm(webauthncose.AlgESP384):  {curve: elliptic.P384(), hash: crypto.SHA384},
	Algorithm(webauthncose.AlgESP512):  {curve: elliptic.P521(), hash: crypto.SHA512},
	Algorithm(webauthncose.AlgEdDSA):   {edwards: true},
	Algorithm(webauthncose.AlgEd25519): {edwards: true},
	Algorithm(webauthncose.AlgRS256):   {rsa: true, hash: crypto.SHA256},
	Algorithm(webauthncose.AlgRS384):   {rsa: true, hash: crypto.SHA384},
	Algorithm(webauthncose.AlgRS512):   {rsa: true, hash: crypto.SHA512},
	Algorithm(webauthncose.AlgPS256):   {rsa: true, pss: true, hash: crypto.SHA256},
	Algorithm(webauthncose.AlgPS384):   {rsa: true, pss: true, hash: crypto.SHA384},
	Algorithm(webauthncose.AlgPS512):   {rsa: true, pss: true, hash: crypto.SHA512},
}

// Known tells whether signatures of a can be verified here.
func (a Algorithm) Known() bool {
	_, known := schemes[a]
	return known
}

// takes tells whether key is one for this scheme.
func (s scheme) takes(key crypto.PublicKey) bool {
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		return s.curve != nil && key.Curve == s.curve
	case ed25519.PublicKey:
		return s.edwards
	case *rsa.PublicKey:
		return s.rsa
	}
	return false
}

func (s scheme) digest(message []byte) []byte {
	h := s.hash.New()
	h.Write(message)
	return h.Sum(nil)
}

// verify tells whether key, which the scheme takes, signed message.
func (s scheme) verify(key crypto.PublicKey, message, sig []byte) bool {
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, s.digest(message), sig)
	case ed25519.PublicKey:
		return ed25519.Verify(key, message, sig)
	case *rsa.PublicKey:
		if s.pss {
			// RFC 8230 section 2: the salt is as long as the hash.
			return rsa.VerifyPSS(key, s.hash, s.digest(message), sig, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
		return rsa.VerifyPKCS1v15(key, s.hash, s.digest(message), sig) == nil
	}
	return false
}
