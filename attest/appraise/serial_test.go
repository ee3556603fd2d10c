package appraise_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
)

// resigned is a certificate of ca in which one run of octets is another of the same length.
func resigned(t testing.TB, ca *attesttest.CA, c *x509.Certificate, from, to string) string {
	t.Helper()
	tbs := bytes.Replace(c.RawTBSCertificate, []byte(from), []byte(to), 1)
	if bytes.Equal(tbs, c.RawTBSCertificate) {
		t.Fatal("nothing was replaced")
	}
	sum := sha256.Sum256(tbs)
	sig, err := ca.Key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	der, err := asn1.Marshal(struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{
		asn1.RawValue{FullBytes: tbs},
		pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}},
		asn1.BitString{Bytes: sig, BitLength: 8 * len(sig)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// RFC 5280 section 4.1.2.2: such certificates exist. The number with the same octets after a zero is another one.
func TestNegativeSerialNumberIsLookedUpAsItIs(t *testing.T) {
	s := newScene(t)
	s.device = s.issuing.Device(t, func(c *x509.Certificate) { c.SerialNumber = big.NewInt(0x7011223344556677) })
	s.device.Chain[0] = resigned(t, s.issuing, s.device.Certificate, "\x02\x08\x70\x11", "\x02\x08\xf0\x11")
	negative := big.NewInt(0x7011223344556677 - 1<<63) // f011… in two's complement
	positive := new(big.Int).Add(negative, new(big.Int).Lsh(big.NewInt(1), 64))
	with := func(revoked ...attesttest.Revoked) object {
		crls := []string{crlPEM(s.root.CRL(t, now, nil)), crlPEM(s.issuing.CRL(t, now, func(l *attesttest.CRL) { l.Revoked = revoked }))}
		return in(in(s.chain(), "expect", object{"revocation": nil}), "trust", object{"crls": crls})
	}
	mustAccept(t, with())
	mustAccept(t, with(attesttest.Revoked{Serial: positive}))
	mustRefuse(t, with(attesttest.Revoked{Serial: negative}), attest.ReasonRevoked)

	other := with()
	other["evidence"] = object{"certificates": append([]string{
		resigned(t, attesttest.NewCA(t), s.device.Certificate, "\x02\x08\x70\x11", "\x02\x08\xf0\x11"),
	}, s.device.Chain[1:]...)}
	mustRefuse(t, other, attest.ReasonUntrusted)
	zero := with()
	zero["evidence"] = object{"certificates": append([]string{
		resigned(t, s.issuing, s.issuing.Device(t, func(c *x509.Certificate) { c.SerialNumber = big.NewInt(0x70) }).Certificate, "\x02\x01\x70", "\x02\x01\x00"),
	}, s.device.Chain[1:]...)}
	mustRefuse(t, zero, attest.ReasonMalformed)
}
