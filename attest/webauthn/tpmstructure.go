package webauthn

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"math/big"

	gotpm "github.com/google/go-tpm/tpm2"
	"golang.org/x/crypto/cryptobyte"

	"github.com/regrant/regrant/attest"
)

// The two structures of TPM 2.0 part 2 that a statement consists of are read here and not by the library, which goes about it by reflection and takes as long for
// it as the signatures do.

var errStructure = attest.Refuse(attest.ReasonMalformed, "structure of the TPM is not built as it must be")

// publicArea is what is judged of a TPMT_PUBLIC (section 12.2.4).
type publicArea struct {
	nameAlg    gotpm.TPMAlgID
	attributes uint32
	key        crypto.PublicKey
}

// Attributes of a key (TPMA_OBJECT, section 8.3): it cannot leave its TPM, nor its parent, and was made there.
const staying = 1<<1 | 1<<4 | 1<<5

// stays tells whether the key was made in the TPM and cannot leave it.
func (a publicArea) stays() bool { return a.attributes&staying == staying }

// readPublicArea reads a key that can sign, of which nothing is left over.
func readPublicArea(raw []byte) (a publicArea, err error) {
	s := cryptobyte.String(raw)
	var kind, nameAlg uint16
	var policy cryptobyte.String
	ok := s.ReadUint16(&kind) && s.ReadUint16(&nameAlg) && s.ReadUint32(&a.attributes) && s.ReadUint16LengthPrefixed(&policy) &&
		readNull(&s) && readScheme(&s) // symmetric: only keys above others have that
	if !ok {
		return a, errStructure
	}
	a.nameAlg = gotpm.TPMAlgID(nameAlg)
	switch gotpm.TPMAlgID(kind) {
	case gotpm.TPMAlgRSA:
		a.key, ok = readModulus(&s)
	case gotpm.TPMAlgECC:
		a.key, ok = readPoint(&s)
	default:
		ok = false
	}
	if !ok || !s.Empty() {
		return a, errStructure
	}
	return a, nil
}

// readNull reads the absence of an algorithm.
func readNull(s *cryptobyte.String) bool {
	var algorithm uint16
	return s.ReadUint16(&algorithm) && gotpm.TPMAlgID(algorithm) == gotpm.TPMAlgNull
}

// readScheme reads how the key signs (TPMT_ASYM_SCHEME): one scheme with its hash, or any.
func readScheme(s *cryptobyte.String) bool {
	var scheme uint16
	if !s.ReadUint16(&scheme) {
		return false
	}
	switch gotpm.TPMAlgID(scheme) {
	case gotpm.TPMAlgNull:
		return true
	case gotpm.TPMAlgRSASSA, gotpm.TPMAlgRSAPSS, gotpm.TPMAlgECDSA:
		return s.Skip(2)
	}
	return false
}

// readModulus reads parameters and key of RSA. An exponent of 0 stands for 65537.
func readModulus(s *cryptobyte.String) (*rsa.PublicKey, bool) {
	var bits uint16
	var exponent uint32
	var modulus cryptobyte.String
	if !s.ReadUint16(&bits) || !s.ReadUint32(&exponent) || !s.ReadUint16LengthPrefixed(&modulus) {
		return nil, false
	}
	if exponent == 0 {
		exponent = minExponent
	}
	n := new(big.Int).SetBytes(modulus)
	return &rsa.PublicKey{N: n, E: int(exponent)}, n.BitLen() == int(bits)
}

var tpmCurves = map[gotpm.TPMECCCurve]elliptic.Curve{
	gotpm.TPMECCNistP256: elliptic.P256(), gotpm.TPMECCNistP384: elliptic.P384(), gotpm.TPMECCNistP521: elliptic.P521(),
}

// readPoint reads parameters and key of an elliptic curve. Some TPMs leave zeros in front of a coordinate out.
func readPoint(s *cryptobyte.String) (*ecdsa.PublicKey, bool) {
	var id uint16
	var x, y cryptobyte.String
	if !s.ReadUint16(&id) || !readNull(s) || !s.ReadUint16LengthPrefixed(&x) || !s.ReadUint16LengthPrefixed(&y) {
		return nil, false
	}
	curve, known := tpmCurves[gotpm.TPMECCCurve(id)]
	if !known {
		return nil, false
	}
	size := (curve.Params().BitSize + 7) / 8
	if len(x) > size || len(y) > size {
		return nil, false
	}
	point := make([]byte, 1+2*size)
	point[0] = 4 // not compressed
	copy(point[1+size-len(x):], x)
	copy(point[1+2*size-len(y):], y)
	key, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	return key, err == nil
}

// certification is what is judged of a TPMS_ATTEST (section 10.12.12).
type certification struct {
	magic uint32
	kind  uint16
	extra []byte
	body  cryptobyte.String
}

// readCertification reads up to what depends on the kind.
func readCertification(raw []byte) (c certification, err error) {
	const clockAndFirmware = 8 + 4 + 4 + 1 + 8
	c.body = raw
	var signer, extra cryptobyte.String
	if !c.body.ReadUint32(&c.magic) || !c.body.ReadUint16(&c.kind) || !c.body.ReadUint16LengthPrefixed(&signer) ||
		!c.body.ReadUint16LengthPrefixed(&extra) || !c.body.Skip(clockAndFirmware) {
		return c, errStructure
	}
	c.extra = extra
	return c, nil
}

// certifiedName reads the name of the key (TPMS_CERTIFY_INFO, section 10.12.3), of which nothing is left over.
func (c certification) certifiedName() ([]byte, error) {
	var name, qualified cryptobyte.String
	if !c.body.ReadUint16LengthPrefixed(&name) || !c.body.ReadUint16LengthPrefixed(&qualified) || !c.body.Empty() {
		return nil, errStructure
	}
	return name, nil
}
