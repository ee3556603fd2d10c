package revocation_test

import (
	"bytes"
	"crypto/x509"
	"math/big"
	"slices"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/revocation"
)

// mustParseResponse tells whether a response is read. What it says is not asked: one that is not read says nothing.
func mustParseResponse(t *testing.T, der []byte, good bool) {
	t.Helper()
	if _, err := revocation.ParseResponse(der); (err == nil) != good {
		t.Errorf("error %v, good %v", err, good)
	}
}

func mustParseCRL(t *testing.T, der []byte, good bool) {
	t.Helper()
	if _, err := revocation.ParseCRL(der); (err == nil) != good {
		t.Errorf("error %v, good %v", err, good)
	}
}

func TestResponseIsBounded(t *testing.T) {
	s := newScene(t)
	singles := func(n int) []byte {
		return s.issuing.OCSP(t, now, s.device.Certificate, func(r *attesttest.OCSP) { r.Singles = slices.Repeat(r.Singles, n) })
	}
	mustParseResponse(t, singles(256), true)
	mustParseResponse(t, singles(257), false)
	responders := func(n int) []byte {
		return s.issuing.OCSP(t, now, s.device.Certificate, func(r *attesttest.OCSP) {
			r.Certificates = slices.Repeat([]*x509.Certificate{s.device.Certificate}, n)
		})
	}
	mustParseResponse(t, responders(8), true)
	mustParseResponse(t, responders(9), false)
	padded := func(size int) []byte {
		return s.issuing.OCSP(t, now, s.device.Certificate, func(r *attesttest.OCSP) {
			e := unknown
			e.Critical, e.Value = false, make([]byte, size)
			r.Singles[0].Extensions = append(r.Singles[0].Extensions, e)
		})
	}
	frame := len(padded(200<<10)) - 200<<10
	mustParseResponse(t, padded(revocation.MaxResponse-frame-8), true) // the length of a signature is not always the same
	mustParseResponse(t, padded(revocation.MaxResponse-frame+8), false)
}

func TestCRLIsBounded(t *testing.T) {
	s := newScene(t)
	padded := func(size int) []byte {
		return s.issuing.CRL(t, now, func(l *attesttest.CRL) {
			e := unknown
			e.Critical, e.Value = false, make([]byte, size)
			l.Extensions = append(slices.Clone(l.Extensions), e)
		})
	}
	frame := len(padded(15<<20)) - 15<<20
	mustParseCRL(t, padded(revocation.MaxCRL-frame-8), true)
	mustParseCRL(t, padded(revocation.MaxCRL-frame+8), false)
}

// The answers of RFC 6960 section 4.2.1 that are none, each around what would be a good one.
func TestResponseThatIsNotSuccessfulIsRefused(t *testing.T) {
	s := newScene(t)
	good := s.issuing.OCSP(t, now, s.device.Certificate, nil)
	at := bytes.Index(good, []byte{10, 1, 0}) // ENUMERATED, the first thing in it
	if at < 0 || at > 6 {
		t.Fatalf("status at %d", at)
	}
	mustParseResponse(t, good, true)
	for _, status := range []byte{1, 2, 3, 4, 5, 6, 255} {
		other := slices.Clone(good)
		other[at+2] = status
		mustParseResponse(t, other, false)
	}
	var alone cryptobyte.Builder
	alone.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1Enum(3) })
	mustParseResponse(t, alone.BytesOrPanic(), false) // as a responder says that it is busy
}

func TestResponseOfAnotherFormIsRefused(t *testing.T) {
	s := newScene(t)
	sign := func(mutate func(*attesttest.OCSP)) []byte {
		return s.issuing.OCSP(t, now, s.device.Certificate, mutate)
	}
	for name, tt := range map[string]struct {
		mutate func(*attesttest.OCSP)
		good   bool
	}{
		"no version":            {nil, true},
		"version 1":             {func(r *attesttest.OCSP) { r.Version = []byte{0xa0, 3, 2, 1, 0} }, true},
		"version 2":             {func(r *attesttest.OCSP) { r.Version = []byte{0xa0, 3, 2, 1, 1} }, false},
		"version in two octets": {func(r *attesttest.OCSP) { r.Version = []byte{0xa0, 4, 2, 2, 0, 0} }, false},
		"produced at a UTCTime": {func(r *attesttest.OCSP) { r.UTC = true }, false},
	} {
		t.Run(name, func(t *testing.T) { mustParseResponse(t, sign(tt.mutate), tt.good) })
	}
}

// RFC 5280 section 5.1.1.2.
func TestListOfTwoAlgorithmsIsRefused(t *testing.T) {
	s := newScene(t)
	good := s.issuing.CRL(t, now, nil)
	sha256 := []byte("\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02")
	first, last := bytes.Index(good, sha256), bytes.LastIndex(good, sha256)
	if first < 0 || first == last {
		t.Fatalf("algorithms at %d and %d", first, last)
	}
	mustParseCRL(t, good, true)
	for _, at := range []int{first, last} {
		other := slices.Clone(good)
		other[at+len(sha256)-1] = 3 // SHA-384
		mustParseCRL(t, other, false)
	}
}

// RFC 5280 section 5.1.2.6: a list of nothing is left out.
func TestEmptyListOfRevokedCertificatesIsRefused(t *testing.T) {
	s := newScene(t)
	mustParseCRL(t, s.issuing.CRL(t, now, nil), true)
	mustParseCRL(t, s.issuing.CRL(t, now, func(l *attesttest.CRL) { l.Revoked = []attesttest.Revoked{{Serial: big.NewInt(7)}} }), true)
	mustParseCRL(t, s.issuing.CRL(t, now, func(l *attesttest.CRL) { l.Revoked = []attesttest.Revoked{} }), false)
}
