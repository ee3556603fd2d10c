package webauthn_test

import (
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/webauthn"
)

// extended has extensions of that many bytes: the rest of authenticator data without a credential is 37.
func extended(bytes int) func(*ceremony) {
	const head = 6 // of a map with the member "x"
	return func(c *ceremony) { c.Extensions = attesttest.CBOR(pairs{{"x", make([]byte, bytes-head)}}) }
}

func TestAuthenticatorDataIsBounded(t *testing.T) {
	const most = 64 << 10
	s := newScene(t, "packed")
	s.mustAssert(t, extended(most-37))
	s.mustNotAssert(t, attest.ReasonMalformed, extended(most-37+1))
	s.mustRegister(t, extended(most-4096)) // the rest of the object is smaller
	s.mustNotRegister(t, attest.ReasonMalformed, extended(most))
}

func TestMetadataIsBounded(t *testing.T) {
	service := attesttest.NewCA(t)
	good := service.Metadata(t, nil, nil, nil)
	tooMuch := good + strings.Repeat("\n", 64<<20+1-len(good)) // white space is allowed around it
	if _, err := webauthn.ParseMetadata(tooMuch[:64<<20], roots(service), now); err != nil {
		t.Fatal(err)
	}
	_, err := webauthn.ParseMetadata(tooMuch, roots(service), now)
	mustRefuse(t, nil, err, attest.ReasonMalformed)
}
