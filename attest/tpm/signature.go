package tpm

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"math/big"

	gotpm "github.com/google/go-tpm/tpm2"

	"github.com/regrant/regrant/attest"
)

// verify checks a TPMT_SIGNATURE over message. The key alone says how it signs: a signature that names another algorithm or hash is
// refused before any of it is computed.
func (k *key) verify(message, signature []byte) error {
	s, err := decode[gotpm.TPMTSignature](signature)
	if err != nil {
		return attest.Refuse(attest.ReasonMalformed, "signature: %v", err)
	}
	if s.SigAlg != k.scheme.algorithm || !k.scheme.hash.Available() {
		return attest.Refuse(attest.ReasonSignature, "signature is not of the key's scheme")
	}
	h := k.scheme.hash.New()
	h.Write(message)
	if !k.verifyDigest(h.Sum(nil), s) {
		return attest.Refuse(attest.ReasonSignature, "signature does not verify")
	}
	return nil
}

func (k *key) verifyDigest(digest []byte, s *gotpm.TPMTSignature) bool {
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		return k.verifyRSA(public, digest, s)
	case *ecdsa.PublicKey:
		value, err := s.Signature.ECDSA()
		if err != nil || hashes[value.Hash] != k.scheme.hash {
			return false
		}
		r, rest := new(big.Int).SetBytes(value.SignatureR.Buffer), new(big.Int).SetBytes(value.SignatureS.Buffer)
		return ecdsa.Verify(public, digest, r, rest)
	}
	return false
}

func (k *key) verifyRSA(public *rsa.PublicKey, digest []byte, s *gotpm.TPMTSignature) bool {
	if s.SigAlg == gotpm.TPMAlgRSAPSS {
		value, err := s.Signature.RSAPSS()
		// TPM 2.0 Part 1 annex B.7: the salt is as long as it can be, or as the hash where FIPS mode asks for that.
		return err == nil && hashes[value.Hash] == k.scheme.hash &&
			rsa.VerifyPSS(public, k.scheme.hash, digest, value.Sig.Buffer, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto}) == nil
	}
	value, err := s.Signature.RSASSA()
	return err == nil && hashes[value.Hash] == k.scheme.hash &&
		rsa.VerifyPKCS1v15(public, k.scheme.hash, digest, value.Sig.Buffer) == nil
}
