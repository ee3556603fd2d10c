package webauthn

import (
	"bytes"
	"encoding/binary"

	gotpm "github.com/google/go-tpm/tpm2"

	"github.com/regrant/regrant/attest"
)

// tpm verifies a statement of section 8.3: an attestation key of a TPM certified the credential's key.
func tpm(s subject) (statement, error) {
	if s.statement.has("ecdaaKeyId") { // of Level 1
		return statement{}, attest.Refuse(attest.ReasonUnsupported, "ECDAA")
	}
	if err := s.statement.only("ver", "alg", "x5c", "sig", "certInfo", "pubArea"); err != nil {
		return statement{}, err
	}
	if version, err := s.statement.text("ver"); err != nil || version != "2.0" {
		return statement{}, attest.Refuse(attest.ReasonUnsupported, "TPM is not of version 2.0")
	}
	area, err := s.pubArea()
	if err != nil {
		return statement{}, err
	}
	alg, err := s.statement.algorithm()
	if err != nil {
		return statement{}, err
	}
	info, err := s.certInfo(alg, area)
	if err != nil {
		return statement{}, err
	}
	sig, err := s.statement.bytes("sig")
	if err != nil {
		return statement{}, err
	}
	chain, err := s.statement.certificates()
	if err != nil {
		return statement{}, err
	}
	if err := certified(chain[0], alg, info, sig); err != nil {
		return statement{}, err
	}
	if err := attestationKeyCertificate(chain[0], s.anyTPMVendor); err != nil {
		return statement{}, err
	}
	return statement{kind: TypeAttCA, chain: chain, hardware: area.stays()}, namesModel(chain[0], s.data.AttData.AAGUID)
}

// tpmKey is the key that the TPM certified.
type tpmKey struct {
	publicArea
	name []byte // TPM 2.0 part 1 section 16: its hash, with the algorithm in front
}

// pubArea reads the key that the TPM certified, which must be that of the credential.
func (s subject) pubArea() (tpmKey, error) {
	raw, err := s.statement.bytes("pubArea")
	if err != nil {
		return tpmKey{}, err
	}
	area, err := readPublicArea(raw)
	if err != nil {
		return tpmKey{}, err
	}
	if !s.key.is(area.key) {
		return tpmKey{}, attest.Refuse(attest.ReasonIdentity, "TPM certified another key")
	}
	hash, err := area.nameAlg.Hash()
	if err != nil || hash.Size() < 32 {
		return tpmKey{}, attest.Refuse(attest.ReasonKey, "TPM key has a weak name")
	}
	h := hash.New()
	h.Write(raw)
	return tpmKey{area, h.Sum(binary.BigEndian.AppendUint16(nil, uint16(area.nameAlg)))}, nil
}

// certInfo reads what the TPM signed: that it certified that key, and over this challenge.
func (s subject) certInfo(alg Algorithm, key tpmKey) ([]byte, error) {
	raw, err := s.statement.bytes("certInfo")
	if err != nil {
		return nil, err
	}
	info, err := readCertification(raw)
	if err != nil {
		return nil, err
	}
	scheme := schemes[alg]
	if scheme.hash == 0 {
		return nil, attest.Refuse(attest.ReasonUnsupported, "TPM signs with algorithm %d", alg)
	}
	switch {
	case info.magic != uint32(gotpm.TPMGeneratedValue): // else it may be anything that the TPM was given to sign
		return nil, attest.Refuse(attest.ReasonMalformed, "not made inside a TPM")
	case info.kind != uint16(gotpm.TPMSTAttestCertify):
		return nil, attest.Refuse(attest.ReasonPurpose, "TPM attested something else than a key")
	case !bytes.Equal(info.extra, scheme.digest(s.signedData())):
		return nil, attest.Refuse(attest.ReasonChallenge, "TPM attested for something else")
	}
	name, err := info.certifiedName()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(name, key.name) {
		return nil, attest.Refuse(attest.ReasonIdentity, "TPM certified another key")
	}
	return raw, nil
}
