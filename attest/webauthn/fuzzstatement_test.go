package webauthn

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"strings"
	"testing"
	"time"

	gotpm "github.com/google/go-tpm/tpm2"

	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/certpath"
)

// goodTPM is a registration with a key in a TPM: on P-256, of RSA, and on P-256 with a policy and a scheme of its own.
func goodTPM(t testing.TB) (registrations [][]byte) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	create := func(p *attesttest.Passkey, change func(*attesttest.TPMStatement)) {
		a := attesttest.Attester{Format: "tpm", CA: attesttest.NewCA(t), TPM: change}
		registrations = append(registrations, p.Create(t, []byte("x"), "https://example.org", a, nil))
	}
	p256 := attesttest.NewPasskey(t, "example.org")
	create(p256, nil)
	create(attesttest.NewPasskeyWith(key, "example.org"), nil)
	create(p256, func(st *attesttest.TPMStatement) {
		area := attesttest.TPMPublic(p256.Key.Public(), st.NameAlg, st.Attributes)
		st.PubArea = slices.Concat(area[:8], []byte{0, 32}, make([]byte, 32), area[10:12], []byte{0, 0x18, 0, 0x0b}, area[14:])
	})
	return registrations
}

// FuzzAttestationObject also verifies the statement, whatever it says, over the client data that came with it. A good one stops at the anchors alone.
func FuzzAttestationObject(f *testing.F) {
	registrations, _, _ := good(f)
	for _, seed := range append(registrations, goodTPM(f)...) {
		f.Add(member(f, seed, "attestationObject"), member(f, seed, "clientDataJSON"))
	}
	now := time.Date(2026, 11, 21, 20, 20, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, raw, clientData []byte) {
		o, err := parseObject(raw)
		attesttest.MustRefuse(t, err)
		if err != nil {
			return
		}
		key, err := parseKey(o.data.AttData.CredentialPublicKey)
		attesttest.MustRefuse(t, err)
		if err != nil {
			return
		}
		hash := sha256.Sum256(clientData)
		_, err = (&Attestation{Demand: Required}).attest(o, key, hash[:], now)
		attesttest.MustRefuse(t, err)
		if err == nil {
			t.Error("accepted without an anchor")
		}
		got, err := (&Attestation{Demand: Any}).attest(o, key, hash[:], now)
		attesttest.MustRefuse(t, err)
		if got.attested || got.hardware || got.aaguid != "" {
			t.Errorf("vouched for without an anchor: %+v", got)
		}
	})
}

// FuzzTPMStructures reads what a TPM writes. The key that is read is one that the library, which takes more, reads too.
func FuzzTPMStructures(f *testing.F) {
	for _, seed := range goodTPM(f) {
		o, err := parseObject(member(f, seed, "attestationObject"))
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range []string{"pubArea", "certInfo"} {
			raw, err := o.statement.bytes(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		area, err := readPublicArea(raw)
		attesttest.MustRefuse(t, err)
		if err == nil {
			if public, err := gotpm.Unmarshal[gotpm.TPMTPublic](raw); err != nil || public.NameAlg != area.nameAlg || area.key == nil {
				t.Errorf("key %+v, to the library %v", area, err)
			}
		}
		info, err := readCertification(raw)
		attesttest.MustRefuse(t, err)
		if err != nil {
			return
		}
		name, err := info.certifiedName()
		attesttest.MustRefuse(t, err)
		if err == nil && !bytes.HasPrefix(info.body[2:], name) {
			t.Errorf("certified %x, which is not what stands there", name)
		}
	})
}

// FuzzTPMVendor reads the alternative names of a certificate. It names a maker with an identifier only where that stands there.
func FuzzTPMVendor(f *testing.F) {
	good := attesttest.TPMName("id:494E5443", "Test", "id:0001")
	f.Add(good.Value)
	three, err := asn1.Marshal(pkix.RDNSequence{
		{{Type: oidManufacturer, Value: "id:494E5443"}}, {{Type: oidModelName, Value: "Test"}}, {{Type: oidVersion, Value: "id:0001"}},
	})
	if err != nil {
		f.Fatal(err)
	}
	for _, names := range [][]asn1.RawValue{
		{{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: three}},
		{{Class: asn1.ClassContextSpecific, Tag: 2, Bytes: []byte("example.org")}, {Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: three}},
	} {
		value, err := asn1.Marshal(names)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(value)
	}
	c := attesttest.NewCA(f).Device(f, nil).Certificate
	f.Fuzz(func(t *testing.T, value []byte) {
		named := *c
		named.Extensions = []pkix.Extension{{Id: oidAltName, Value: value}}
		vendor, ok := tpmVendor(&certpath.Certificate{X509: &named})
		if ok && (vendor == "" || !strings.Contains(string(value), "id:"+vendor)) {
			t.Errorf("maker %q of %x", vendor, value)
		}
	})
}
