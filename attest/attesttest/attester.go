package attesttest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"testing"
)

// Attester makes attestation statements. The zero value makes none.
type Attester struct {
	Format      string                  // "", "self", "packed", "fido-u2f", "tpm", "android-key", "apple"
	CA          *CA                     // issues the attestation certificate
	Key         crypto.Signer           // of the attestation certificate; nil: a fresh P-256 key, or that of the credential
	Certificate func(*x509.Certificate) // changes the attestation certificate
	Statement   func(Pairs) Pairs       // changes the statement
	Description func(*KeyDescription)   // changes what Android says about the key
	TPM         func(*TPMStatement)     // changes what the TPM says
}

// signing is what an attester sees of a ceremony.
type signing struct {
	*Ceremony
	passkey                  *Passkey
	authData, clientDataHash []byte
}

func (s *signing) signedData() []byte { return slices.Concat(s.authData, s.clientDataHash) }

func (a Attester) statement(t testing.TB, s *signing) (format string, statement Pairs) {
	t.Helper()
	format = a.Format
	switch a.Format {
	case "":
		format = "none"
	case "self":
		format = "packed"
		statement = Pairs{{"alg", s.passkey.Algorithm}, {"sig", sign(s.passkey.Key, s.passkey.Algorithm, s.signedData())}}
	case "packed":
		statement = a.packed(t, s)
	case "fido-u2f":
		statement = a.u2f(t, s)
	case "tpm":
		statement = a.tpm(t, s)
	case "android-key":
		statement = a.android(t, s)
	case "apple":
		statement = a.apple(t, s)
	default:
		t.Fatalf("no attestation of format %q", a.Format)
	}
	if a.Statement != nil {
		statement = a.Statement(statement)
	}
	return format, statement
}

// OIDModel is id-fido-gen-ce-aaguid.
var OIDModel = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4}

// ModelExtension names a model in an attestation certificate.
func ModelExtension(aaguid []byte) pkix.Extension {
	return pkix.Extension{Id: OIDModel, Value: checked(asn1.Marshal(aaguid))}
}

func (a Attester) packed(t testing.TB, s *signing) Pairs {
	key := a.key(t)
	alg := coseAlgorithm(key.Public())
	x5c := a.chain(t, key.Public(), func(c *x509.Certificate) {
		c.Subject = pkix.Name{
			Country: []string{"AA"}, Organization: []string{"Test"}, OrganizationalUnit: []string{"Authenticator Attestation"}, CommonName: "Test Batch",
		}
		c.ExtraExtensions = []pkix.Extension{ModelExtension(s.AAGUID)}
	})
	return Pairs{{"alg", alg}, {"sig", sign(key, alg, s.signedData())}, {"x5c", x5c}}
}

func (a Attester) u2f(t testing.TB, s *signing) Pairs {
	key := a.key(t)
	var point []byte
	if public, ok := s.passkey.Key.Public().(*ecdsa.PublicKey); ok {
		point = checked(public.Bytes())
	}
	message := slices.Concat([]byte{0}, s.RPIDHash, s.clientDataHash, s.ID, point)
	x5c := a.chain(t, key.Public(), func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: "Test U2F"} })
	return Pairs{{"sig", sign(key, coseAlgorithm(key.Public()), message)}, {"x5c", x5c}}
}

func (a Attester) apple(t testing.TB, s *signing) Pairs {
	nonce := sha256.Sum256(s.signedData())
	x5c := a.chain(t, s.passkey.Key.Public(), func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: "Test credential"}
		c.ExtraExtensions = []pkix.Extension{AppleNonce(nonce[:])}
	})
	return Pairs{{"x5c", x5c}}
}

// AppleNonce is the extension in which Apple repeats what it vouches for.
func AppleNonce(nonce []byte) pkix.Extension {
	value := checked(asn1.Marshal(struct {
		Nonce []byte `asn1:"tag:1,explicit"`
	}{nonce}))
	return pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 8, 2}, Value: value}
}

func (a Attester) key(t testing.TB) crypto.Signer {
	t.Helper()
	if a.Key != nil {
		return a.Key
	}
	return NewKey(t)
}

// chain issues an attestation certificate, and returns it with the CAs below the root.
func (a Attester) chain(t testing.TB, key crypto.PublicKey, form func(*x509.Certificate)) []any {
	t.Helper()
	tmpl := &x509.Certificate{
		SerialNumber: serial(t), NotBefore: NotBefore, NotAfter: NotAfter, KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	form(tmpl)
	if a.Certificate != nil {
		a.Certificate(tmpl)
	}
	x5c := []any{issue(t, tmpl, a.CA.Certificate, key, a.CA.Key).Raw}
	for _, text := range a.CA.above {
		x5c = append(x5c, FromPEM(t, text).Raw)
	}
	return x5c
}
