package certpath

import (
	"crypto/x509"
	"errors"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

var (
	errForm = errors.New("certificate is not encoded as it must be")
	errTime = errors.New("time is not in the one form that RFC 5280 allows")
)

// checkForm walks the outer structure (RFC 5280 section 4.1), which crypto/x509 reads loosely: it leaves out of account what follows
// the last field it knows, and so an extension in a certificate that says it is of version 1.
func checkForm(c *x509.Certificate) error {
	var outer, tbs, algorithm, validity, bits cryptobyte.String
	raw := cryptobyte.String(c.Raw)
	if !raw.ReadASN1(&outer, asn1.SEQUENCE) || !raw.Empty() ||
		!outer.ReadASN1(&tbs, asn1.SEQUENCE) || !outer.ReadASN1(&algorithm, asn1.SEQUENCE) ||
		!outer.ReadASN1(&bits, asn1.BIT_STRING) || !outer.Empty() {
		return errForm
	}
	if len(bits) == 0 || bits[0] != 0 { // a signature is whole octets
		return errForm
	}
	if !tbs.SkipOptionalASN1(explicit(0)) ||
		!tbs.SkipASN1(asn1.INTEGER) || // serialNumber
		!tbs.SkipASN1(asn1.SEQUENCE) || // signature
		!tbs.SkipASN1(asn1.SEQUENCE) || // issuer
		!tbs.ReadASN1(&validity, asn1.SEQUENCE) ||
		!tbs.SkipASN1(asn1.SEQUENCE) || // subject
		!tbs.SkipASN1(asn1.SEQUENCE) { // subjectPublicKeyInfo
		return errForm
	}
	_, begins := ReadTime(&validity)
	_, ends := ReadTime(&validity)
	if !begins || !ends || !validity.Empty() {
		return errTime
	}
	if c.Version >= 2 && (!tbs.SkipOptionalASN1(implicit(1)) || !tbs.SkipOptionalASN1(implicit(2))) {
		return errForm
	}
	if c.Version == 3 && !tbs.SkipOptionalASN1(explicit(3)) {
		return errForm
	}
	if !tbs.Empty() {
		return errForm
	}
	return nil
}

// ReadTime reads a Time that has seconds and ends in Z (RFC 5280 section 4.1.2.5). Libraries also read other offsets and times without
// seconds, on which two readers need not agree.
func ReadTime(s *cryptobyte.String) (time.Time, bool) {
	var text cryptobyte.String
	var tag asn1.Tag
	if !s.ReadAnyASN1(&text, &tag) {
		return time.Time{}, false
	}
	digits := string(text)
	switch {
	case tag == asn1.UTCTime && len(text) == len("YYMMDDhhmmssZ") && text[0] < '5':
		digits = "20" + digits
	case tag == asn1.UTCTime && len(text) == len("YYMMDDhhmmssZ"):
		digits = "19" + digits
	case tag != asn1.GeneralizedTime:
		return time.Time{}, false
	}
	const form = "20060102150405Z"
	t, err := time.Parse(form, digits)
	return t, err == nil && t.Format(form) == digits // the parser also takes a fraction
}

func implicit(n uint8) asn1.Tag { return asn1.Tag(n).ContextSpecific() }

func explicit(n uint8) asn1.Tag { return asn1.Tag(n).ContextSpecific().Constructed() }
