package tpm

import (
	"bytes"
	"crypto/sha256"

	gotpm "github.com/google/go-tpm/tpm2"

	"github.com/regrant/regrant/attest"
)

// Certification is the word of an attestation key that another key lives in its TPM. Nothing in it is verified.
type Certification struct {
	AK        []byte // TPMT_PUBLIC or TPM2B_PUBLIC
	Key       []byte // of the application key, as AK
	Attest    []byte // TPMS_ATTEST
	Signature []byte // TPMT_SIGNATURE
}

// Certified is a key that an attestation key vouches for.
type Certified struct {
	Name       []byte
	SPKI       []byte // SubjectPublicKeyInfo
	SPKISHA256 [sha256.Size]byte
}

// Verify checks that AK certified Key (TPM 2.0 Part 3 section 18.2). With a challenge that is not nil, the qualifying data must be it.
func (c Certification) Verify(challenge []byte) (Certified, error) {
	ak, err := parseAK(c.AK)
	if err != nil {
		return Certified{}, err
	}
	k, err := parseApplicationKey(c.Key)
	if err != nil {
		return Certified{}, err
	}
	a, err := attestation(ak, gotpm.TPMSTAttestCertify, c.Attest, c.Signature)
	if err != nil {
		return Certified{}, err
	}
	if challenge != nil {
		if err := checkChallenge(a, challenge); err != nil {
			return Certified{}, err
		}
	}
	info, err := a.Attested.Certify()
	if err != nil {
		return Certified{}, attest.Refuse(attest.ReasonMalformed, "certification without its content")
	}
	if !bytes.Equal(info.Name.Buffer, k.name) {
		return Certified{}, attest.Refuse(attest.ReasonIdentity, "another key was certified")
	}
	der, sum, err := k.spki()
	return Certified{k.name, der, sum}, err
}
