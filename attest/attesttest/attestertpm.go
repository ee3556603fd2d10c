package attesttest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"slices"
	"testing"
)

// TPMStatement is what a TPM says about a key that it certified (TPM 2.0 part 2), before it signs that.
type TPMStatement struct {
	Magic      uint32
	Type       uint16 // of the attestation
	Extra      []byte // qualifying data
	PubArea    []byte // TPMT_PUBLIC
	Attributes uint32 // of the key
	NameAlg    uint16
	Name       []byte // of the key; nil: that of PubArea
	Tail       []byte // behind the structure
}

// Attributes of a key that was made in a TPM and stays there: fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, sign.
const tpmAttributes = 1<<1 | 1<<4 | 1<<5 | 1<<6 | 1<<18

const sha256ID = 0x000b // TPM_ALG_SHA256

func (a Attester) tpm(t testing.TB, s *signing) Pairs {
	key := a.key(t)
	alg := coseAlgorithm(key.Public())
	hash := map[int]crypto.Hash{-7: crypto.SHA256, -257: crypto.SHA256, -35: crypto.SHA384, -36: crypto.SHA512}[alg]
	st := TPMStatement{
		Magic: 0xff544347, Type: 0x8017, Attributes: tpmAttributes, NameAlg: sha256ID, Extra: digest(hash, s.signedData()),
	}
	if a.TPM != nil {
		a.TPM(&st)
	}
	if st.PubArea == nil {
		st.PubArea = TPMPublic(s.passkey.Key.Public(), st.NameAlg, st.Attributes)
	}
	info := st.attest()
	x5c := a.chain(t, key.Public(), func(c *x509.Certificate) {
		c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{2, 23, 133, 8, 3}}
		c.ExtraExtensions = []pkix.Extension{TPMName("id:494E5443", "Test", "id:0001")}
	})
	return Pairs{{"ver", "2.0"}, {"alg", alg}, {"x5c", x5c}, {"sig", sign(key, alg, info)}, {"certInfo", info}, {"pubArea", st.PubArea}}
}

// attest encodes a TPMS_ATTEST.
func (st TPMStatement) attest() []byte {
	name := st.Name
	if name == nil {
		name = append(binary.BigEndian.AppendUint16(nil, st.NameAlg), digest(crypto.SHA256, st.PubArea)...)
	}
	out := binary.BigEndian.AppendUint32(nil, st.Magic)
	out = binary.BigEndian.AppendUint16(out, st.Type)
	out = append(out, sized([]byte("signer"))...)
	out = append(out, sized(st.Extra)...)
	out = append(out, make([]byte, 8+4+4+1+8)...) // clock and firmware
	return slices.Concat(out, sized(name), sized(nil), st.Tail)
}

// TPMPublic encodes a P-256 or RSA key as TPMT_PUBLIC.
func TPMPublic(key crypto.PublicKey, nameAlg uint16, attributes uint32) []byte {
	kind := uint16(0x0023) // TPM_ALG_ECC
	if _, ok := key.(*rsa.PublicKey); ok {
		kind = 0x0001
	}
	out := binary.BigEndian.AppendUint16(nil, kind)
	out = binary.BigEndian.AppendUint16(out, nameAlg)
	out = binary.BigEndian.AppendUint32(out, attributes)
	out = append(out, sized(nil)...) // policy
	null := []byte{0x00, 0x10}
	switch key := key.(type) {
	case *rsa.PublicKey:
		return slices.Concat(out, null, null, short(key.N.BitLen()), binary.BigEndian.AppendUint32(nil, 0), sized(key.N.Bytes())) // 0: 65537
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			point := checked(key.Bytes())
			return slices.Concat(out, null, null, []byte{0x00, 0x03}, null, sized(point[1:33]), sized(point[33:]))
		}
	}
	panic("no TPM key of this kind")
}

// sized puts a length of two octets in front.
func sized(b []byte) []byte { return append(short(len(b)), b...) }

// short is a number in two octets.
func short(n int) []byte {
	return binary.BigEndian.AppendUint16(nil, uint16(n)) //nolint:gosec // no test has one that is larger
}

// TPMName names a TPM in the certificate of an attestation key, which has no other name.
func TPMName(maker, model, version string) pkix.Extension {
	name := checked(asn1.Marshal(pkix.RDNSequence{{
		{Type: asn1.ObjectIdentifier{2, 23, 133, 2, 1}, Value: maker},
		{Type: asn1.ObjectIdentifier{2, 23, 133, 2, 2}, Value: model},
		{Type: asn1.ObjectIdentifier{2, 23, 133, 2, 3}, Value: version},
	}}))
	value := checked(asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: name}}))
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Critical: true, Value: value}
}
