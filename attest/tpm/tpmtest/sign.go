package tpmtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"maps"
	"slices"

	gotpm "github.com/google/go-tpm/tpm2"
)

// Sign makes the TPMT_SIGNATURE of a message by the scheme of the key, with SHA-256.
func (k *Key) Sign(message []byte) []byte {
	h := crypto.SHA256.New()
	h.Write(message)
	digest := h.Sum(nil)
	switch private := k.Private.(type) {
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, private, digest)
		if err != nil {
			panic(err)
		}
		return signature(gotpm.TPMAlgECDSA, &gotpm.TPMSSignatureECC{
			Hash:       gotpm.TPMAlgSHA256,
			SignatureR: gotpm.TPM2BECCParameter{Buffer: r.Bytes()}, SignatureS: gotpm.TPM2BECCParameter{Buffer: s.Bytes()},
		})
	case *rsa.PrivateKey:
		return k.signRSA(private, digest)
	}
	panic("no such key")
}

func (k *Key) signRSA(private *rsa.PrivateKey, digest []byte) []byte {
	var value []byte
	var err error
	parameters, _ := k.Public.Parameters.RSADetail()
	scheme := parameters.Scheme.Scheme
	if scheme == gotpm.TPMAlgRSAPSS {
		value, err = rsa.SignPSS(rand.Reader, private, crypto.SHA256, digest, nil)
	} else {
		value, err = rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, digest)
	}
	if err != nil {
		panic(err)
	}
	return signature(scheme, &gotpm.TPMSSignatureRSA{Hash: gotpm.TPMAlgSHA256, Sig: gotpm.TPM2BPublicKeyRSA{Buffer: value}})
}

func signature[C gotpm.SignatureContents](algorithm gotpm.TPMAlgID, contents C) []byte {
	return gotpm.Marshal(gotpm.TPMTSignature{SigAlg: algorithm, Signature: gotpm.NewTPMUSignature(algorithm, contents)})
}

// Attestation is what a key attests, and its signature.
type Attestation struct{ Attest, Signature []byte }

// Attest signs a TPMS_ATTEST.
func (k *Key) Attest(a gotpm.TPMSAttest) Attestation {
	text := gotpm.Marshal(a)
	return Attestation{text, k.Sign(text)}
}

// Quote quotes values of PCRs in the bank of SHA-256, which differ from the good as mutate says; it may be nil.
func (k *Key) Quote(challenge []byte, pcrs map[int][]byte, mutate func(*gotpm.TPMSAttest, *gotpm.TPMSQuoteInfo)) Attestation {
	h := crypto.SHA256.New()
	bits := make([]byte, 3)
	for _, i := range slices.Sorted(maps.Keys(pcrs)) {
		bits[i/8] |= 1 << (i % 8)
		h.Write(pcrs[i])
	}
	info := &gotpm.TPMSQuoteInfo{
		PCRSelect: gotpm.TPMLPCRSelection{PCRSelections: []gotpm.TPMSPCRSelection{{Hash: gotpm.TPMAlgSHA256, PCRSelect: bits}}},
		PCRDigest: gotpm.TPM2BDigest{Buffer: h.Sum(nil)},
	}
	a := k.attest(gotpm.TPMSTAttestQuote, challenge)
	if mutate != nil {
		mutate(&a, info)
	}
	a.Attested = gotpm.NewTPMUAttest(gotpm.TPMSTAttestQuote, info)
	return k.Attest(a)
}

// Certify certifies a key, by its name as it is now.
func (k *Key) Certify(other *Key, challenge []byte, mutate func(*gotpm.TPMSAttest, *gotpm.TPMSCertifyInfo)) Attestation {
	info := &gotpm.TPMSCertifyInfo{Name: gotpm.TPM2BName{Buffer: other.Name()}, QualifiedName: gotpm.TPM2BName{Buffer: []byte{0, 11, 1}}}
	a := k.attest(gotpm.TPMSTAttestCertify, challenge)
	if mutate != nil {
		mutate(&a, info)
	}
	a.Attested = gotpm.NewTPMUAttest(gotpm.TPMSTAttestCertify, info)
	return k.Attest(a)
}

func (k *Key) attest(kind gotpm.TPMST, challenge []byte) gotpm.TPMSAttest {
	return gotpm.TPMSAttest{
		Magic: gotpm.TPMGeneratedValue, Type: kind, QualifiedSigner: gotpm.TPM2BName{Buffer: k.Name()},
		ExtraData: gotpm.TPM2BData{Buffer: challenge},
		ClockInfo: gotpm.TPMSClockInfo{Clock: 1000, ResetCount: 7, RestartCount: 2, Safe: true}, FirmwareVersion: 0x2017002400000000,
	}
}
