package webauthn_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/certpath"
	"github.com/regrant/regrant/attest/webauthn"
)

// refusal starts from a good attestation and changes one thing.
type refusal struct {
	name   string
	reason attest.Reason
	change func(*attesttest.Attester)
}

func refuseAll(t *testing.T, format string, refusals []refusal) {
	t.Helper()
	for _, tt := range refusals {
		t.Run(tt.name, func(t *testing.T) {
			for _, demand := range []webauthn.Demand{webauthn.Required, webauthn.Any} { // what is false is false whatever is demanded
				s := newScene(t, format)
				s.registration.Demand, s.registration.Algorithms = demand, everyAlgorithm
				s.mustRegister(t, nil)
				tt.change(&s.attester)
				s.mustNotRegister(t, tt.reason, nil)
			}
		})
	}
}

// member replaces a member of the statement, or takes it out.
func member(name string, value any) func(*attesttest.Attester) {
	return func(a *attesttest.Attester) {
		a.Statement = func(p pairs) pairs { return p.With(name, value) }
	}
}

func certificate(change func(*x509.Certificate)) func(*attesttest.Attester) {
	return func(a *attesttest.Attester) { a.Certificate = change }
}

// chain changes x5c.
func chain(change func([]any) []any) func(*attesttest.Attester) {
	return func(a *attesttest.Attester) {
		a.Statement = func(p pairs) pairs { return p.With("x5c", change(p.Value("x5c").([]any))) }
	}
}

// forgery flips a bit of the signature.
func forgery(a *attesttest.Attester) {
	a.Statement = func(p pairs) pairs {
		sig := slices.Clone(p.Value("sig").([]byte))
		sig[len(sig)-1] ^= 1
		return p.With("sig", sig)
	}
}

// common are refusals of every statement with certificates and a signature.
var common = []refusal{
	{"another signature", attest.ReasonSignature, forgery},
	{"empty signature", attest.ReasonSignature, member("sig", []byte{})},
	{"no signature", attest.ReasonMalformed, member("sig", nil)},
	{"signature that is text", attest.ReasonMalformed, member("sig", "sig")},
	{"signature that is null", attest.ReasonMalformed, member("sig", attesttest.Raw{0xf6})},
	{"member of no use", attest.ReasonMalformed, member("x", 1)},
	{"x5c that is a certificate", attest.ReasonMalformed, member("x5c", []byte{0x30, 0})},
	{"x5c that is null", attest.ReasonMalformed, member("x5c", attesttest.Raw{0xf6})},
	{"no certificate", attest.ReasonMalformed, member("x5c", []any{})},
	{"certificate that is text", attest.ReasonMalformed, chain(func([]any) []any { return []any{"x"} })},
	{"certificate that is null", attest.ReasonMalformed, chain(func([]any) []any { return []any{attesttest.Raw{0xf6}} })},
	{"certificate that is none", attest.ReasonMalformed, chain(func([]any) []any { return []any{[]byte{0x30, 0}} })},
	{"certificate and a byte", attest.ReasonMalformed, chain(func(x []any) []any { return []any{append(slices.Clone(x[0].([]byte)), 0)} })},
	{"many certificates", attest.ReasonMalformed, chain(func(x []any) []any { return slices.Repeat(x, 100) })},
	{"certificate of a later day", attest.ReasonExpired, certificate(func(c *x509.Certificate) { c.NotBefore = now.Add(time.Second) })},
	{"certificate of an earlier day", attest.ReasonExpired, certificate(func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) })},
}

// withAlgorithm are refusals of those that name an algorithm.
var withAlgorithm = []refusal{
	{"algorithm of another curve", attest.ReasonKey, member("alg", -35)},
	{"algorithm of another type", attest.ReasonKey, member("alg", -257)},
	{"SHA-1", attest.ReasonUnsupported, member("alg", -65535)},
	{"algorithm above zero", attest.ReasonMalformed, member("alg", 7)},
	{"algorithm in words", attest.ReasonMalformed, member("alg", "ES256")},
	{"no algorithm", attest.ReasonMalformed, member("alg", nil)},
}

func TestChainIsJudgedByTheGivenTimeAndRoots(t *testing.T) {
	for _, format := range []string{"packed", "fido-u2f", "tpm", "android-key", "apple"} {
		t.Run(format, func(t *testing.T) {
			s := newScene(t, format)
			s.mustRegister(t, nil)
			s.registration.Now = attesttest.NotAfter
			s.mustRegister(t, nil)
			s.registration.Now = attesttest.NotAfter.Add(time.Second)
			s.mustNotRegister(t, attest.ReasonExpired, nil)
			s.registration.Demand = webauthn.Verified
			s.mustNotRegister(t, attest.ReasonExpired, nil)
			s.registration.Now, s.registration.Demand = now, webauthn.Required
			s.registration.Roots = nil
			s.mustNotRegister(t, attest.ReasonUntrusted, nil)
			twin := attesttest.NewCAWith(t, func(c *x509.Certificate) { c.RawSubject = s.root.Certificate.RawSubject })
			s.registration.Roots = roots(twin) // trust follows keys, not names
			s.mustNotRegister(t, attest.ReasonUntrusted, nil)
		})
	}
}

func TestChainMayHaveCertificatesBetween(t *testing.T) {
	for _, format := range []string{"packed", "tpm", "android-key", "apple"} {
		t.Run(format, func(t *testing.T) {
			s := newScene(t, format)
			s.attester.CA = s.root.Intermediate(t, nil)
			s.mustRegister(t, nil)
			whole := s.attester
			chain(func(x []any) []any { return append(x, s.root.Certificate.Raw) })(&s.attester) // the root sent along does no harm
			s.mustRegister(t, nil)
			s.attester = whole
			chain(func(x []any) []any { return x[:1] })(&s.attester)
			s.mustNotRegister(t, attest.ReasonUntrusted, nil)
			s.attester = whole
			s.attester.CA = s.root.Intermediate(t, func(c *x509.Certificate) { c.IsCA = false })
			s.mustNotRegister(t, attest.ReasonUntrusted, nil)
			s.attester.CA = s.root.Intermediate(t, func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Hour) })
			s.mustNotRegister(t, attest.ReasonExpired, nil)
		})
	}
}

// Section 7.1 step 24: the attestation certificate may itself be what is trusted.
func TestAttestationCertificateMayItselfBeTrusted(t *testing.T) {
	s := newScene(t, "packed")
	var own []byte
	s.attester.Statement = func(p pairs) pairs { own = p.Value("x5c").([]any)[0].([]byte); return p }
	if _, err := s.register(t, nil); err != nil {
		t.Fatal(err)
	}
	c, err := certpath.Parse(own)
	if err != nil {
		t.Fatal(err)
	}
	s.registration.Roots = []*certpath.Certificate{c}
	if got, err := webauthn.Register(s.registration); err != nil || !got.Attested {
		t.Errorf("%+v, %v", got, err)
	}
	s.registration.Now = attesttest.NotAfter.Add(time.Second)
	_, err = webauthn.Register(s.registration)
	mustRefuse(t, nil, err, attest.ReasonExpired)
}

func TestPackedStatementIsJudged(t *testing.T) {
	name := func(change func(*pkix.Name)) func(*attesttest.Attester) {
		return certificate(func(c *x509.Certificate) { change(&c.Subject) })
	}
	extension := func(value []byte, critical bool) func(*attesttest.Attester) {
		return certificate(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: attesttest.OIDModel, Value: value, Critical: critical}}
		})
	}
	refuseAll(t, "packed", slices.Concat(common, withAlgorithm, []refusal{
		{"ECDAA", attest.ReasonUnsupported, member("ecdaaKeyId", []byte{1})},
		{"chain taken out", attest.ReasonSignature, member("x5c", nil)}, // then the credential's own key must have signed
		{"no country", attest.ReasonPurpose, name(func(n *pkix.Name) { n.Country = nil })},
		{"country in full", attest.ReasonPurpose, name(func(n *pkix.Name) { n.Country = []string{"Atlantis"} })},
		{"country in another case", attest.ReasonPurpose, name(func(n *pkix.Name) { n.Country = []string{"aa"} })},
		{"no organization", attest.ReasonPurpose, name(func(n *pkix.Name) { n.Organization = nil })},
		{"no unit", attest.ReasonPurpose, name(func(n *pkix.Name) { n.OrganizationalUnit = nil })},
		{"another unit", attest.ReasonPurpose, name(func(n *pkix.Name) { n.OrganizationalUnit = []string{"authenticator attestation"} })},
		{"unit and another", attest.ReasonPurpose, name(func(n *pkix.Name) { n.OrganizationalUnit = append(n.OrganizationalUnit, "x") })},
		{"no common name", attest.ReasonPurpose, name(func(n *pkix.Name) { n.CommonName = "" })},
		{"CA", attest.ReasonPurpose, certificate(func(c *x509.Certificate) {
			c.IsCA = true
			c.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
		})},
		{"no basic constraints", attest.ReasonPurpose, certificate(func(c *x509.Certificate) { c.BasicConstraintsValid = false })},
		{"another model", attest.ReasonIdentity, certificate(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{attesttest.ModelExtension(make([]byte, 16))}
		})},
		{"short model", attest.ReasonIdentity, certificate(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{attesttest.ModelExtension(make([]byte, 15))}
		})},
		{"model without its inner string", attest.ReasonMalformed, extension(make([]byte, 16), false)},
		{"model and a byte", attest.ReasonMalformed, extension(append(attesttest.ModelExtension(make([]byte, 16)).Value, 0), false)},
	}))
	s := newScene(t, "packed")
	s.attester.Certificate = func(c *x509.Certificate) { c.ExtraExtensions[0].Critical = true }
	s.mustNotRegister(t, attest.ReasonMalformed, nil)
	s.attester.Certificate = func(c *x509.Certificate) { c.ExtraExtensions = nil } // a CA for one model need not say which
	s.mustRegister(t, nil)
}

func TestKeyOfTheAttestationMustBeGood(t *testing.T) {
	for name, key := range keys(t) {
		s := newScene(t, "packed")
		s.attester.Key = key
		t.Run(name, func(t *testing.T) { s.mustRegister(t, nil) })
	}
	s := newScene(t, "packed")
	s.attester.Key = rsaKey(t, 1024)
	s.mustNotRegister(t, attest.ReasonKey, nil)
	s.registration.Demand = webauthn.Verified
	s.mustNotRegister(t, attest.ReasonKey, nil)
}

func TestSelfAttestationIsJudged(t *testing.T) {
	for _, tt := range []refusal{
		{"another signature", attest.ReasonSignature, forgery},
		{"another algorithm", attest.ReasonKey, member("alg", -35)},
		{"other spelling of the algorithm", attest.ReasonKey, member("alg", -9)},
		{"no algorithm", attest.ReasonMalformed, member("alg", nil)},
		{"no signature", attest.ReasonMalformed, member("sig", nil)},
		{"member of no use", attest.ReasonMalformed, member("x", 1)},
		{"x5c that is null", attest.ReasonMalformed, member("x5c", attesttest.Raw{0xf6})},
		{"empty x5c", attest.ReasonMalformed, member("x5c", []any{})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, "self")
			s.registration.Algorithms = everyAlgorithm
			tt.change(&s.attester)
			s.mustNotRegister(t, tt.reason, nil)
		})
	}
}

func TestNoStatementSaysNothing(t *testing.T) {
	s := newScene(t, "")
	s.attester.Statement = func(pairs) pairs { return pairs{{"sig", []byte{1}}} }
	s.mustNotRegister(t, attest.ReasonMalformed, nil)
}

func TestAppleStatementIsJudged(t *testing.T) {
	nonce := func(e pkix.Extension) func(*attesttest.Attester) {
		return certificate(func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{e} })
	}
	oid := asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 8, 2}
	bare, _ := asn1.Marshal(make([]byte, 32))
	long := attesttest.AppleNonce(make([]byte, 32))
	long.Value = append(slices.Clone(long.Value), 0)
	refuseAll(t, "apple", []refusal{
		{"another nonce", attest.ReasonSignature, nonce(attesttest.AppleNonce(make([]byte, 32)))},
		{"empty nonce", attest.ReasonSignature, nonce(attesttest.AppleNonce(nil))},
		{"no nonce", attest.ReasonMalformed, certificate(func(c *x509.Certificate) { c.ExtraExtensions = nil })},
		{"bare nonce", attest.ReasonMalformed, nonce(pkix.Extension{Id: oid, Value: bare})},
		{"nonce and a byte", attest.ReasonMalformed, nonce(long)},
		{"CA", attest.ReasonPurpose, certificate(func(c *x509.Certificate) { c.IsCA = true })},
		{"member of no use", attest.ReasonMalformed, member("sig", []byte{1})},
		{"no certificates", attest.ReasonMalformed, member("x5c", nil)},
	})
	s := newScene(t, "apple")
	member("alg", -7)(&s.attester) // early clients said so
	s.mustRegister(t, nil)
	other := attesttest.NewPasskey(t, rpID)
	s = newScene(t, "apple")
	s.mustNotRegister(t, attest.ReasonIdentity, func(c *ceremony) { c.Key = attesttest.CBOR(other.COSE()) })
}
