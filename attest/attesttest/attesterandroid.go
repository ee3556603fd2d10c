package attesttest

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"testing"
)

func (a Attester) android(t testing.TB, s *signing) Pairs {
	d := NewKeyDescription(300, s.clientDataHash)
	if a.Description != nil {
		a.Description(d)
	}
	x5c := a.chain(t, s.passkey.Key.Public(), func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: "Android Keystore Key"}
		c.ExtraExtensions = []pkix.Extension{{Id: AndroidAttestation, Value: d.Encode()}}
	})
	return Pairs{{"alg", s.passkey.Algorithm}, {"sig", sign(s.passkey.Key, s.passkey.Algorithm, s.signedData())}, {"x5c", x5c}}
}
