package certpath_test

import (
	"encoding/asn1"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/regrant/regrant/attest/certpath"
)

func name(t *testing.T, tag tags.Tag, value string) certpath.Name {
	t.Helper()
	var b cryptobyte.Builder
	b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(tags.SET, func(b *cryptobyte.Builder) {
			b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{2, 5, 4, 3})
				b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes([]byte(value)) })
			})
		})
	})
	n, err := certpath.ParseName(b.BytesOrPanic())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// RFC 5280 section 7.1.
func TestNamesAreComparedWithoutCaseSpaceAndType(t *testing.T) {
	base := name(t, tags.PrintableString, "Good CA Root")
	for label, tt := range map[string]struct {
		other certpath.Name
		same  bool
	}{
		"other case":     {name(t, tags.PrintableString, "gOOD ca rOOT"), true},
		"other space":    {name(t, tags.PrintableString, "  Good   CA Root "), true},
		"other type":     {name(t, tags.UTF8String, "Good CA Root"), true},
		"16-bit type":    {name(t, tags.Tag(30), "\x00G\x00o\x00o\x00d\x00 \x00C\x00A\x00 \x00R\x00o\x00o\x00t"), true},
		"no space":       {name(t, tags.PrintableString, "GoodCARoot"), false},
		"longer":         {name(t, tags.PrintableString, "Good CA Root 2"), false},
		"not characters": {name(t, tags.OCTET_STRING, "Good CA Root"), false},
	} {
		if base.Equal(tt.other) != tt.same {
			t.Errorf("%s: equal is not %v", label, tt.same)
		}
	}
	if !name(t, tags.UTF8String, "STRASSE Ä").Equal(name(t, tags.UTF8String, "straße a\u0308")) {
		t.Error("case and composition of letters that are not ASCII count")
	}
}

func TestNameThatIsNotWellFormedIsRefused(t *testing.T) {
	for label, der := range map[string]string{
		"nothing":       "",
		"empty SET":     "\x30\x02\x31\x00",
		"rest":          "\x30\x00\x00",
		"no value":      "\x30\x09\x31\x07\x30\x05\x06\x03\x55\x04\x03",
		"rest in value": "\x30\x0e\x31\x0c\x30\x0a\x06\x03\x55\x04\x03\x0c\x01a\x05\x00",
	} {
		if _, err := certpath.ParseName([]byte(der)); err == nil {
			t.Errorf("%s: accepted", label)
		}
	}
}
