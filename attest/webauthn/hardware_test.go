package webauthn_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
)

func TestAndroidKeyStatementIsJudged(t *testing.T) {
	described := func(change func(*attesttest.KeyDescription)) func(*attesttest.Attester) {
		return func(a *attesttest.Attester) { a.Description = change }
	}
	hardware := func(tag int, value []byte) func(*attesttest.Attester) {
		return described(func(d *attesttest.KeyDescription) { d.Hardware = d.Hardware.With(tag, value) })
	}
	// moved has software say what hardware does not.
	moved := func(tag int, value []byte) func(*attesttest.Attester) {
		return described(func(d *attesttest.KeyDescription) {
			d.Hardware, d.Software = d.Hardware.With(tag, nil), d.Software.With(tag, value)
		})
	}
	raw := func(value []byte) func(*attesttest.Attester) {
		return certificate(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: attesttest.AndroidAttestation, Value: value}}
		})
	}
	const purpose, allApplications, origin = 1, 600, 702
	refuseAll(t, "android-key", slices.Concat(common, withAlgorithm, []refusal{
		{"another challenge", attest.ReasonChallenge, described(func(d *attesttest.KeyDescription) { d.Challenge = make([]byte, 32) })},
		{"no challenge", attest.ReasonChallenge, described(func(d *attesttest.KeyDescription) { d.Challenge = nil })},
		{"all applications, hardware", attest.ReasonKey, hardware(allApplications, attesttest.Null())},
		{"all applications, software", attest.ReasonKey, moved(allApplications, attesttest.Null())},
		{"imported", attest.ReasonKey, hardware(origin, attesttest.Integer(2))},
		{"no origin", attest.ReasonKey, hardware(origin, nil)},
		{"origin as software says", attest.ReasonKey, moved(origin, attesttest.Integer(0))},
		{"for decrypting", attest.ReasonKey, hardware(purpose, attesttest.Set(1))},
		{"no purpose", attest.ReasonKey, hardware(purpose, nil)},
		{"purpose as software says", attest.ReasonKey, moved(purpose, attesttest.Set(2))},
		{"entry that is unknown", attest.ReasonUnsupported, hardware(999, attesttest.Null())},
		{"entry of another kind", attest.ReasonMalformed, hardware(origin, attesttest.Null())},
		{"no description", attest.ReasonMalformed, certificate(func(c *x509.Certificate) { c.ExtraExtensions = nil })},
		{"description that is none", attest.ReasonMalformed, raw([]byte{0x30, 0})},
	}))
	s := newScene(t, "android-key")
	other := attesttest.NewPasskey(t, rpID)
	s.mustNotRegister(t, attest.ReasonIdentity, func(c *ceremony) { c.Key = attesttest.CBOR(other.COSE()) })
}

// what is not evident is not claimed.
func TestKeyOfSoftwareIsNotSaidToBeInHardware(t *testing.T) {
	for _, change := range []func(*attesttest.KeyDescription){
		func(d *attesttest.KeyDescription) { d.AttestationLevel = 0 },
		func(d *attesttest.KeyDescription) { d.KeyLevel = 0 },
	} {
		s := newScene(t, "android-key")
		s.attester.Description = change
		s.mustNotRegister(t, attest.ReasonKey, nil)
	}
	for _, attributes := range []uint32{0, 1<<4 | 1<<5, 1<<1 | 1<<5, 1<<1 | 1<<4} {
		s := newScene(t, "tpm")
		s.attester.TPM = func(st *attesttest.TPMStatement) { st.Attributes = attributes }
		if s.mustRegister(t, nil).Hardware {
			t.Errorf("attributes %x said to stay in hardware", attributes)
		}
	}
}

func TestTPMStatementIsJudged(t *testing.T) {
	said := func(change func(*attesttest.TPMStatement)) func(*attesttest.Attester) {
		return func(a *attesttest.Attester) { a.TPM = change }
	}
	named := func(maker, model, version string) func(*attesttest.Attester) {
		return certificate(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{attesttest.TPMName(maker, model, version)}
		})
	}
	other := attesttest.NewKey(t).Public()
	refuseAll(t, "tpm", slices.Concat(common, []refusal{
		{"no challenge", attest.ReasonChallenge, said(func(st *attesttest.TPMStatement) { st.Extra = nil })},
		{"another algorithm", attest.ReasonKey, member("alg", -257)},
		{"algorithm without a hash", attest.ReasonUnsupported, member("alg", -8)},
		{"SHA-1", attest.ReasonUnsupported, member("alg", -65535)},
		{"no algorithm", attest.ReasonMalformed, member("alg", nil)},
		{"TPM 1.2", attest.ReasonUnsupported, member("ver", "1.2")},
		{"no version", attest.ReasonMalformed, member("ver", nil)},
		{"ECDAA", attest.ReasonUnsupported, member("ecdaaKeyId", []byte{1})},
		{"no certInfo", attest.ReasonMalformed, member("certInfo", nil)},
		{"empty certInfo", attest.ReasonMalformed, member("certInfo", []byte{})},
		{"no pubArea", attest.ReasonMalformed, member("pubArea", nil)},
		{"empty pubArea", attest.ReasonMalformed, member("pubArea", []byte{})},
		{"not of a TPM", attest.ReasonMalformed, said(func(st *attesttest.TPMStatement) { st.Magic++ })},
		{"quote", attest.ReasonPurpose, said(func(st *attesttest.TPMStatement) { st.Type = 0x8018 })},
		{"another challenge", attest.ReasonChallenge, said(func(st *attesttest.TPMStatement) { st.Extra = make([]byte, 32) })},
		{"another name", attest.ReasonIdentity, said(func(st *attesttest.TPMStatement) { st.Name = make([]byte, 34) })},
		{"empty name", attest.ReasonIdentity, said(func(st *attesttest.TPMStatement) { st.Name = []byte{} })},
		{"bytes behind", attest.ReasonMalformed, said(func(st *attesttest.TPMStatement) { st.Tail = []byte{0} })},
		{"another key", attest.ReasonIdentity, said(func(st *attesttest.TPMStatement) { st.PubArea = attesttest.TPMPublic(other, 0x000b, 0) })},
		{"name by SHA-1", attest.ReasonKey, said(func(st *attesttest.TPMStatement) { st.NameAlg = 0x0004 })},
		{"name by SHA-3", attest.ReasonKey, said(func(st *attesttest.TPMStatement) { st.NameAlg = 0x0027 })},
		{"name by nothing", attest.ReasonKey, said(func(st *attesttest.TPMStatement) { st.NameAlg = 0x0010 })},
		{"subject", attest.ReasonPurpose, certificate(func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: "x"} })},
		{"no purpose", attest.ReasonPurpose, certificate(func(c *x509.Certificate) { c.UnknownExtKeyUsage = nil })},
		{"any purpose", attest.ReasonPurpose, certificate(func(c *x509.Certificate) {
			c.UnknownExtKeyUsage, c.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
		})},
		{"CA", attest.ReasonPurpose, certificate(func(c *x509.Certificate) { c.IsCA = true; c.KeyUsage |= x509.KeyUsageCertSign })},
		{"no basic constraints", attest.ReasonPurpose, certificate(func(c *x509.Certificate) { c.BasicConstraintsValid = false })},
		{"unknown maker", attest.ReasonUntrusted, named("id:00000000", "Test", "id:0001")},
		{"simulator", attest.ReasonUntrusted, named("id:53494D55", "Test", "id:0001")},
		{"maker without prefix", attest.ReasonMalformed, named("494E5443", "Test", "id:0001")},
		{"no model", attest.ReasonMalformed, named("id:494E5443", "", "id:0001")},
		{"no version", attest.ReasonMalformed, named("id:494E5443", "Test", "")},
		{"another model", attest.ReasonIdentity, certificate(func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, attesttest.ModelExtension(make([]byte, 16)))
		})},
		{"two names", attest.ReasonMalformed, certificate(func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{twoNames(t)} })},
	}))
}

// twoNames names a good TPM and another.
func twoNames(t *testing.T) pkix.Extension {
	t.Helper()
	var names []asn1.RawValue
	for _, maker := range []string{"id:494E5443", "id:00000000"} {
		var one []asn1.RawValue
		if _, err := asn1.Unmarshal(attesttest.TPMName(maker, "Test", "id:0001").Value, &one); err != nil {
			t.Fatal(err)
		}
		names = append(names, one...)
	}
	e := attesttest.TPMName("id:494E5443", "Test", "id:0001")
	e.Value, _ = asn1.Marshal(names)
	return e
}

func TestTPMOfAnyMakerIsAcceptedOnlyWhereThatIsSaid(t *testing.T) {
	s := newScene(t, "tpm")
	s.attester.Certificate = func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{attesttest.TPMName("id:00000000", "Test", "id:0001")}
	}
	s.mustNotRegister(t, attest.ReasonUntrusted, nil)
	s.registration.AnyTPMVendor = true
	s.mustRegister(t, nil)
	s.attester.Certificate = func(c *x509.Certificate) { // as some makers write it
		c.ExtraExtensions = []pkix.Extension{attesttest.TPMName("id:494e5443", "Test", "id:0001")}
	}
	s.registration.AnyTPMVendor = false
	s.mustRegister(t, nil)
}

func TestTPMCertifiesKeysOfBothTypes(t *testing.T) {
	rsa := keys(t)["RSA"]
	s := newScene(t, "tpm")
	s.passkey = attesttest.NewPasskeyWith(rsa, rpID)
	s.attester.Key = rsa
	s.mustRegister(t, nil)
	other := rsaKey(t, 2048)
	s.attester.TPM = func(st *attesttest.TPMStatement) { st.PubArea = attesttest.TPMPublic(other.Public(), 0x000b, 0) }
	s.mustNotRegister(t, attest.ReasonIdentity, nil)
}

// A key that is attested itself could sign a certificate that describes another key as it likes.
func TestAnAttestedKeyDescribesNoOther(t *testing.T) {
	s := newScene(t, "android-key")
	described := attesttest.NewKeyDescription(300, []byte("its own challenge")).Encode()
	s.attester.CA = s.root.Intermediate(t, func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: attesttest.AndroidAttestation, Value: described}}
	})
	s.mustNotRegister(t, attest.ReasonUntrusted, nil)
	s.attester.CA = s.root.Intermediate(t, nil)
	s.mustRegister(t, nil)
}

func TestAttestationCertificatesMaySignData(t *testing.T) {
	for _, format := range []string{"packed", "fido-u2f", "android-key"} {
		s := newScene(t, format)
		s.attester.Certificate = func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }
		s.mustNotRegister(t, attest.ReasonPurpose, nil)
	}
}
