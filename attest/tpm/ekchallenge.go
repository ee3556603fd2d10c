package tpm

import (
	goattest "github.com/google/go-attestation/attest"
	gotpm "github.com/google/go-tpm/tpm2"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/strictjson"
)

// ekChallenge is a key for HMAC, wrapped for one EK (TCG, EK-Based Key Attestation). The chip with the EK alone can load it, and certify
// with it that an AK lives beside it. So the AK need not be known before, as for a credential.
type ekChallenge struct {
	Object    string `json:"object_public"` // TPMT_PUBLIC
	Duplicate string `json:"duplicate"`     // content of a TPM2B_PRIVATE
	Seed      string `json:"in_sym_seed"`   // content of a TPM2B_ENCRYPTED_SECRET
}

// challenge makes an EK challenge. Its randomness is the library's own.
func (k *kept) challenge(ek *endorsement, o *offered) error {
	area, err := endorsementArea(ek.public)
	if err != nil {
		return err
	}
	if area.NameAlg != gotpm.TPMAlgSHA256 { // the library takes that of the other templates for granted
		return attest.Refuse(attest.ReasonUnsupported, "endorsement key is neither RSA-2048 nor P-256: send the attestation key with its certificates")
	}
	made, secret, err := goattest.GenerateEkChallenge(ek.public)
	if err != nil {
		return err
	}
	k.Challenge, k.Secret = true, secret[:]
	o.Challenge = &ekChallenge{encodeBytes(made.ObjectPublic), encodeBytes(made.Duplicate), encodeBytes(made.InSymSeed)}
	return nil
}

// solved checks that the chip certified the AK with the key of the challenge, and the AK the application key.
func (k *kept) solved(body []byte) (*quoteMembers, error) {
	var m struct {
		Attest    string `json:"ek_attest"`    // TPMS_ATTEST
		Signature string `json:"ek_signature"` // TPMT_SIGNATURE
		keyMembers
		quoteMembers
	}
	if err := strictjson.Decode(body, &m); err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "%v", err)
	}
	c, err := m.keyMembers.parse()
	if err != nil {
		return nil, err
	}
	ak, err := parseAK(c.AK)
	if err != nil {
		return nil, err
	}
	var solution goattest.CertificationParameters
	if solution.CreateAttestation, err = decodeStructure[gotpm.TPMSAttest]("ek_attest", m.Attest); err != nil {
		return nil, err
	}
	if solution.CreateSignature, err = decodeStructure[gotpm.TPMTSignature]("ek_signature", m.Signature); err != nil {
		return nil, err
	}
	if goattest.VerifySolvedDecryptionEkChallenge(ak.area, &solution, goattest.HMAC(k.Secret)) != nil {
		return nil, attest.Refuse(attest.ReasonIdentity, "the chip of this endorsement key did not certify the attestation key")
	}
	app, err := c.Verify(nil)
	if err != nil {
		return nil, err
	}
	k.AK, k.Key = ak.area, app.SPKI
	return &m.quoteMembers, nil
}

// decodeStructure reads bytes that are one structure of that kind and nothing more, for a library that does not look.
func decodeStructure[T gotpm.Marshallable, P structure[T]](member, text string) ([]byte, error) {
	data, err := decodeBytes(member, text, maxStructure)
	if err != nil {
		return nil, err
	}
	if _, err := decode[T, P](data); err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "%s: %v", member, err)
	}
	return data, nil
}
