package tpm

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"io"

	gotpm "github.com/google/go-tpm/tpm2"

	"github.com/regrant/regrant/attest"
)

// secretSize is how many bytes a chip must bring back: as many as every EK can carry.
const secretSize = 32

// credential is a secret that only the chip with the EK can read, and it does so only for the AK with the name (TPM 2.0 Part 1 section 24).
type credential struct {
	Blob   []byte // TPM2B_ID_OBJECT
	Secret []byte // TPM2B_ENCRYPTED_SECRET
}

// makeCredential is TPM2_MakeCredential in software.
func makeCredential(random io.Reader, ek any, name, secret []byte) (*credential, error) {
	area, err := endorsementArea(ek)
	if err != nil {
		return nil, err
	}
	public, err := gotpm.ImportEncapsulationKey(area)
	if err != nil {
		return nil, attest.Refuse(attest.ReasonKey, "endorsement key cannot be encrypted to")
	}
	blob, seed, err := gotpm.CreateCredential(random, public, name, secret)
	if err != nil {
		return nil, err
	}
	return &credential{gotpm.Marshal(gotpm.TPM2BData{Buffer: blob}), gotpm.Marshal(gotpm.TPM2BData{Buffer: seed})}, nil
}

// endorsementArea is the public area of an EK. A certificate has the key alone; hash and cipher are those of the templates of the EK
// Credential Profile, one for each kind of key.
func endorsementArea(ek any) (*gotpm.TPMTPublic, error) {
	switch public := ek.(type) {
	case *rsa.PublicKey:
		area := gotpm.RSAEKTemplate
		if public.N.BitLen() == 2048 {
			area.Unique = gotpm.NewTPMUPublicID(gotpm.TPMAlgRSA, &gotpm.TPM2BPublicKeyRSA{Buffer: public.N.Bytes()})
			return &area, nil
		}
	case *ecdsa.PublicKey:
		switch public.Curve {
		case elliptic.P256():
			return ellipticArea(public, gotpm.TPMECCNistP256, gotpm.TPMAlgSHA256, 128)
		case elliptic.P384():
			return ellipticArea(public, gotpm.TPMECCNistP384, gotpm.TPMAlgSHA384, 256)
		}
	}
	return nil, attest.Refuse(attest.ReasonUnsupported, "endorsement key is none of RSA-2048, P-256, P-384")
}

func ellipticArea(public *ecdsa.PublicKey, curve gotpm.TPMECCCurve, name gotpm.TPMAlgID, cipherBits gotpm.TPMKeyBits) (*gotpm.TPMTPublic, error) {
	point, err := public.Bytes()
	if err != nil {
		return nil, attest.Refuse(attest.ReasonKey, "endorsement key is not a point of its curve")
	}
	x, y := point[1:1+len(point)/2], point[1+len(point)/2:]
	return &gotpm.TPMTPublic{
		Type:    gotpm.TPMAlgECC,
		NameAlg: name,
		Parameters: gotpm.NewTPMUPublicParms(gotpm.TPMAlgECC, &gotpm.TPMSECCParms{
			Symmetric: gotpm.TPMTSymDefObject{
				Algorithm: gotpm.TPMAlgAES,
				KeyBits:   gotpm.NewTPMUSymKeyBits(gotpm.TPMAlgAES, cipherBits),
				Mode:      gotpm.NewTPMUSymMode(gotpm.TPMAlgAES, gotpm.TPMAlgCFB),
			},
			CurveID: curve,
		}),
		Unique: gotpm.NewTPMUPublicID(gotpm.TPMAlgECC, &gotpm.TPMSECCPoint{
			X: gotpm.TPM2BECCParameter{Buffer: x}, Y: gotpm.TPM2BECCParameter{Buffer: y},
		}),
	}, nil
}
