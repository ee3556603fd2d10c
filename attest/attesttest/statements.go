package attesttest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // names a key in OCSP
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"
)

// CRL is what a CRL of a test says. Its signer has a P-256 key.
type CRL struct {
	Version    int64  // 1 stands for version 2; negative: left out
	Issuer     []byte // DER name
	ThisUpdate time.Time
	NextUpdate time.Time // zero: left out
	Revoked    []Revoked // nil: left out
	Extensions []pkix.Extension
	Signer     crypto.Signer
}

// Revoked is an entry of a CRL.
type Revoked struct {
	Serial     *big.Int
	Extensions []pkix.Extension
}

var ecdsaWithSHA256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}

// CRLNumber is the extension that every CRL has.
var CRLNumber = pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 20}, Value: []byte{2, 1, 7}}

// CRL makes a CRL in DER that is fresh for an hour before and after now and revokes nothing, except for what mutate changes.
func (ca *CA) CRL(t testing.TB, now time.Time, mutate func(*CRL)) []byte {
	t.Helper()
	l := &CRL{
		Version: 1, Issuer: ca.Certificate.RawSubject, ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(time.Hour),
		Extensions: []pkix.Extension{CRLNumber}, Signer: ca.Key,
	}
	if mutate != nil {
		mutate(l)
	}
	return signed(t, l.Signer, l.add, nil)
}

func (l *CRL) add(b *cryptobyte.Builder) {
	if l.Version >= 0 {
		b.AddASN1Int64(l.Version)
	}
	addAlgorithm(b)
	b.AddBytes(l.Issuer)
	addTime(b, l.ThisUpdate)
	if !l.NextUpdate.IsZero() {
		addTime(b, l.NextUpdate)
	}
	if l.Revoked != nil {
		b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, r := range l.Revoked {
				b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1BigInt(r.Serial)
					addTime(b, l.ThisUpdate)
					addExtensions(b, r.Extensions)
				})
			}
		})
	}
	if len(l.Extensions) > 0 {
		b.AddASN1(tags.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { addExtensions(b, l.Extensions) })
	}
}

// addTime is RFC 5280 section 5.1.2.4.
func addTime(b *cryptobyte.Builder, t time.Time) {
	if t.Year() < 2050 {
		b.AddASN1UTCTime(t)
	} else {
		b.AddASN1GeneralizedTime(t)
	}
}

// OCSP is what an OCSP response of a test says. Its signer has a P-256 key.
type OCSP struct {
	Version      []byte // DER with its tag; nil: left out
	Singles      []Single
	ProducedAt   time.Time
	UTC          bool // write ProducedAt as a UTCTime
	Extensions   []pkix.Extension
	Responder    *x509.Certificate
	ByKey        bool // name the responder by its key
	Certificates []*x509.Certificate
	Signer       crypto.Signer
}

// Single is what a response says about one certificate.
type Single struct {
	Certificate *x509.Certificate
	Issuer      *x509.Certificate
	Status      uint8 // 0 good, 1 revoked, 2 unknown
	ThisUpdate  time.Time
	NextUpdate  time.Time // zero: left out
	Extensions  []pkix.Extension
}

// OCSP makes a response in DER, signed by the CA itself, that is fresh for an hour before and after now and says good, except for what
// mutate changes.
func (ca *CA) OCSP(t testing.TB, now time.Time, c *x509.Certificate, mutate func(*OCSP)) []byte {
	t.Helper()
	r := &OCSP{
		Singles: []Single{{
			Certificate: c, Issuer: ca.Certificate, ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(time.Hour),
		}},
		ProducedAt: now.Add(-time.Hour), Responder: ca.Certificate, Signer: ca.Key,
	}
	if mutate != nil {
		mutate(r)
	}
	basic := signed(t, r.Signer, r.add, r.Certificates)
	var b cryptobyte.Builder
	b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Enum(0)
		b.AddASN1(tags.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
			b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1})
				b.AddASN1OctetString(basic)
			})
		})
	})
	return b.BytesOrPanic()
}

func (r *OCSP) add(b *cryptobyte.Builder) {
	b.AddBytes(r.Version)
	if r.ByKey {
		b.AddASN1(tags.Tag(2).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddASN1OctetString(keyHash(r.Responder)) })
	} else {
		b.AddASN1(tags.Tag(1).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddBytes(r.Responder.RawSubject) })
	}
	if r.UTC {
		b.AddASN1UTCTime(r.ProducedAt)
	} else {
		b.AddASN1GeneralizedTime(r.ProducedAt)
	}
	b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, s := range r.Singles {
			b.AddASN1(tags.SEQUENCE, s.add)
		}
	})
	if len(r.Extensions) > 0 {
		b.AddASN1(tags.Tag(1).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { addExtensions(b, r.Extensions) })
	}
}

func (s Single) add(b *cryptobyte.Builder) {
	b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26})
			b.AddASN1NULL()
		})
		name := sha1.Sum(s.Certificate.RawIssuer) //nolint:gosec // as above
		b.AddASN1OctetString(name[:])
		b.AddASN1OctetString(keyHash(s.Issuer))
		b.AddASN1BigInt(s.Certificate.SerialNumber)
	})
	status := tags.Tag(s.Status).ContextSpecific()
	if s.Status == 1 {
		b.AddASN1(status.Constructed(), func(b *cryptobyte.Builder) { b.AddASN1GeneralizedTime(s.ThisUpdate) })
	} else {
		b.AddASN1(status, func(*cryptobyte.Builder) {})
	}
	b.AddASN1GeneralizedTime(s.ThisUpdate)
	if !s.NextUpdate.IsZero() {
		b.AddASN1(tags.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddASN1GeneralizedTime(s.NextUpdate) })
	}
	if len(s.Extensions) > 0 {
		b.AddASN1(tags.Tag(1).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { addExtensions(b, s.Extensions) })
	}
}

// signed is the form that CRLs and basic OCSP responses share: content, algorithm, signature, and certificates if any.
func signed(t testing.TB, signer crypto.Signer, fill func(*cryptobyte.Builder), certificates []*x509.Certificate) []byte {
	t.Helper()
	var tbs, b cryptobyte.Builder
	tbs.AddASN1(tags.SEQUENCE, fill)
	content, err := tbs.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	sig, err := signer.Sign(rand.Reader, digest(crypto.SHA256, content), crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(content)
		addAlgorithm(b)
		b.AddASN1BitString(sig)
		if len(certificates) == 0 {
			return
		}
		b.AddASN1(tags.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
			b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
				for _, c := range certificates {
					b.AddBytes(c.Raw)
				}
			})
		})
	})
	return b.BytesOrPanic()
}

func addAlgorithm(b *cryptobyte.Builder) {
	b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(ecdsaWithSHA256) })
}

func addExtensions(b *cryptobyte.Builder, list []pkix.Extension) {
	if len(list) == 0 {
		return
	}
	b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, e := range list {
			b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(e.Id)
				if e.Critical {
					b.AddASN1Boolean(true)
				}
				b.AddASN1OctetString(e.Value)
			})
		}
	})
}

// keyHash names the P-256 key of a certificate.
func keyHash(c *x509.Certificate) []byte {
	point, err := c.PublicKey.(*ecdsa.PublicKey).Bytes()
	if err != nil {
		panic(err) // the library parsed it
	}
	sum := sha1.Sum(point) //nolint:gosec // as above
	return sum[:]
}
