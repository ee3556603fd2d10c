package certpath_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net"
	"net/url"
	"strconv"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/regrant/regrant/attest"
)

// subtree is one entry of a name constraints extension.
type subtree struct {
	excluded bool
	tag      uint8
	value    []byte
}

func permitDNS(s string) subtree  { return subtree{false, 2, []byte(s)} }
func excludeDNS(s string) subtree { return subtree{true, 2, []byte(s)} }

// permit and exclude make entries of any type.
func permit(tag uint8, value string) subtree  { return subtree{false, tag, []byte(value)} }
func exclude(tag uint8, value string) subtree { return subtree{true, tag, []byte(value)} }

func constraints(critical bool, subtrees ...subtree) pkix.Extension {
	var b cryptobyte.Builder
	b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
		for list := range uint8(2) {
			var inside cryptobyte.Builder
			n := 0
			for _, s := range subtrees {
				if s.excluded != (list == 1) {
					continue
				}
				n++
				inside.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(generalTag(s.tag), func(b *cryptobyte.Builder) { b.AddBytes(s.value) })
				})
			}
			if n > 0 {
				b.AddASN1(tags.Tag(list).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddBytes(inside.BytesOrPanic()) })
			}
		}
	})
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 30}, Critical: critical, Value: b.BytesOrPanic()}
}

func generalTag(n uint8) tags.Tag {
	tag := tags.Tag(n).ContextSpecific()
	if n == 0 || n == 3 || n == 4 || n == 5 {
		return tag.Constructed()
	}
	return tag
}

// rawNames is a subjectAltName of one name.
func rawNames(tag uint8, value string) change {
	var b cryptobyte.Builder
	b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(generalTag(tag), func(b *cryptobyte.Builder) { b.AddBytes([]byte(value)) })
	})
	return extra(pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: b.BytesOrPanic()})
}

func dn(names ...string) string {
	var sequence pkix.RDNSequence
	for _, n := range names {
		sequence = append(sequence, pkix.RelativeDistinguishedNameSET{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: n}})
	}
	der, err := asn1.Marshal(sequence)
	if err != nil {
		panic(err)
	}
	return string(der)
}

// otherNameOf is the content of an otherName with that type in DER and the text "x".
func otherNameOf(oid string) string { return oid + "\xa0\x03\x0c\x01x" }

func TestNamesStayWithinTheConstraintsOfTheirCAs(t *testing.T) {
	const (
		email, dnsName, directory, uri, ip = 1, 2, 4, 6, 7

		anyOther = "\x06\x03\x55\x04\x03"
		mailbox  = "\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x09"
	)
	for _, tt := range []struct {
		name   string
		by     subtree
		leaf   change
		reason attest.Reason // "": valid
	}{
		{"DNS equal", permitDNS("example.com"), rawNames(dnsName, "EXAMPLE.com"), ""},
		{"DNS below", permitDNS("example.com"), rawNames(dnsName, "a.b.example.com"), ""},
		{"DNS that only ends so", permitDNS("example.com"), rawNames(dnsName, "notexample.com"), attest.ReasonUntrusted},
		{"DNS beside", permitDNS("example.com"), rawNames(dnsName, "example.org"), attest.ReasonUntrusted},
		{"DNS excluded", excludeDNS("example.com"), rawNames(dnsName, "a.example.com"), attest.ReasonUntrusted},
		{"DNS not excluded", excludeDNS("example.com"), rawNames(dnsName, "example.org"), ""},
		{"all DNS excluded", excludeDNS(""), rawNames(dnsName, "example.org"), attest.ReasonUntrusted},
		{"DNS malformed", permitDNS("example.com"), rawNames(dnsName, ".example.com"), attest.ReasonUntrusted},
		{"DNS malformed and not excluded", excludeDNS("example.com"), rawNames(dnsName, "a..org"), attest.ReasonUntrusted},
		{"wildcard within", permitDNS("example.com"), rawNames(dnsName, "*.example.com"), ""},
		{"wildcard wider", permitDNS("a.example.com"), rawNames(dnsName, "*.example.com"), attest.ReasonUntrusted},
		{"wildcard that stands for an excluded name", excludeDNS("a.example.com"), rawNames(dnsName, "*.example.com"), attest.ReasonUntrusted},
		{"wildcard that cannot stand for it", excludeDNS("a.b.example.com"), rawNames(dnsName, "*.example.com"), ""},
		{"constraint with a period in front", permitDNS(".example.com"), rawNames(dnsName, "a.example.com"), attest.ReasonUntrusted},
		{"constraint with a wildcard", permitDNS("*.example.com"), rawNames(dnsName, "a.example.com"), attest.ReasonUntrusted},

		{"mailbox", permit(email, "me@example.com"), rawNames(email, "me@EXAMPLE.com"), ""},
		{"mailbox in another case", permit(email, "me@example.com"), rawNames(email, "ME@example.com"), attest.ReasonUntrusted},
		{"mailbox at the host", permit(email, "example.com"), rawNames(email, "me@example.com"), ""},
		{"mailbox at a host below", permit(email, "example.com"), rawNames(email, "me@a.example.com"), attest.ReasonUntrusted},
		{"mailbox in the domain", permit(email, ".example.com"), rawNames(email, "me@a.example.com"), ""},
		{"mailbox at the domain itself", permit(email, ".example.com"), rawNames(email, "me@example.com"), attest.ReasonUntrusted},
		{"mailbox with two ats", permit(email, "example.com"), rawNames(email, "me@x@example.com"), attest.ReasonUntrusted},
		{"constraint with two ats", permit(email, "me@x@example.com"), rawNames(email, "me@example.com"), attest.ReasonUntrusted},
		{"mailbox in UTF-8", permit(email, "example.com"), rawNames(0, otherNameOf(mailbox)), attest.ReasonUntrusted},
		{"mailbox in the subject", permit(email, "example.com"), emailSubject("me@example.org"), attest.ReasonUntrusted},
		{"mailbox in the subject, permitted", permit(email, "example.com"), emailSubject("me@example.com"), ""},

		{"URI at the host", permit(uri, "example.com"), rawNames(uri, "https://example.com:8443/x"), ""},
		{"URI at a host below", permit(uri, "example.com"), rawNames(uri, "https://a.example.com/"), attest.ReasonUntrusted},
		{"URI in the domain", permit(uri, ".example.com"), rawNames(uri, "https://a.example.com/"), ""},
		{"URI without host", exclude(uri, "example.com"), rawNames(uri, "urn:regrant:device:x"), attest.ReasonUntrusted},
		{"URI with address", exclude(uri, "example.com"), rawNames(uri, "https://192.0.2.1/"), attest.ReasonUntrusted},

		{"address within", permit(ip, "\xc0\x00\x02\x00\xff\xff\xff\x00"), rawNames(ip, "\xc0\x00\x02\x09"), ""},
		{"address beside", permit(ip, "\xc0\x00\x02\x00\xff\xff\xff\x00"), rawNames(ip, "\xc0\x00\x03\x09"), attest.ReasonUntrusted},
		{"address of the other family", permit(ip, "\xc0\x00\x02\x00\xff\xff\xff\x00"), rawNames(ip, string(net.IPv6loopback)), attest.ReasonUntrusted},
		{"address excluded", exclude(ip, "\xc0\x00\x02\x00\xff\xff\xff\x00"), rawNames(ip, "\xc0\x00\x02\x09"), attest.ReasonUntrusted},

		{"subject within", permit(directory, dn("Devices")), nameAs("Devices", "one"), ""},
		{"subject within, written otherwise", permit(directory, dn(" DEVICES ")), nameAs("Devices", "one"), ""},
		{"subject beside", permit(directory, dn("Devices")), nameAs("People", "one"), attest.ReasonUntrusted},
		{"subject shorter", permit(directory, dn("Devices", "one")), nameAs("Devices"), attest.ReasonUntrusted},
		{"subject excluded", exclude(directory, dn("Devices")), nameAs("devices", "one"), attest.ReasonUntrusted},
		{"directory name within, subject not", permit(directory, dn("Devices")), all(nameAs("one"), rawNames(directory, dn("Devices"))), attest.ReasonUntrusted},
		{"directory name excluded", exclude(directory, dn("Devices")), rawNames(directory, dn("Devices", "one")), attest.ReasonUntrusted},

		{"other name constrained and present", exclude(0, otherNameOf(anyOther)), rawNames(0, otherNameOf(anyOther)), attest.ReasonUnsupported},
		{"other name constrained and absent", exclude(0, otherNameOf(anyOther)), rawNames(dnsName, "example.com"), ""},
		{"other type than constrained", permitDNS("example.com"), rawNames(ip, "\xc0\x00\x02\x09"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			grow(t, nil, tt.leaf, extra(constraints(true, tt.by))).mustJudge(t, tt.reason)
		})
	}
}

func emailSubject(address string) change {
	return func(c *x509.Certificate) {
		c.Subject = pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, Value: address}}}
	}
}

func nameAs(names ...string) change {
	return func(c *x509.Certificate) { c.RawSubject = []byte(dn(names...)) }
}

// RFC 5280 section 6.1.4 (g): what one CA permits is not widened by the next.
func TestConstraintsOnlyNarrow(t *testing.T) {
	leaf := rawNames(2, "foo.example.com")
	foo, bar := permitDNS("foo.example.com"), permitDNS("bar.example.com")
	grow(t, nil, leaf, extra(constraints(true, foo, bar)), extra(constraints(true, foo))).mustFind(t)
	grow(t, nil, leaf, extra(constraints(true, foo, bar)), extra(constraints(true, bar))).mustRefuse(t, attest.ReasonUntrusted)
	grow(t, nil, leaf, extra(constraints(true, bar)), extra(constraints(true, foo, bar))).mustRefuse(t, attest.ReasonUntrusted)
	grow(t, nil, leaf, extra(constraints(true, foo, excludeDNS("example.com")))).mustRefuse(t, attest.ReasonUntrusted)
	grow(t, extra(constraints(true, bar)), leaf).mustRefuse(t, attest.ReasonUntrusted)
}

// RFC 5280 section 6.1.3 (b): a CA that changes its key is not held to constraints that are for others; a leaf always is.
func TestConstraintsHoldForIntermediatesThatAreNotSelfIssued(t *testing.T) {
	top := all(subject("Top"), extra(constraints(true, permitDNS("example.com"))))
	outside := rawNames(2, "example.org")
	leaf := rawNames(2, "example.com")
	grow(t, nil, leaf, top, all(subject("Top"), outside)).mustFind(t)
	grow(t, nil, leaf, top, all(subject("Other"), outside)).mustRefuse(t, attest.ReasonUntrusted)
	grow(t, nil, all(subject("Top"), outside), top).mustRefuse(t, attest.ReasonUntrusted)
}

func TestConstraintsThatAreNotAsTheyMustBeAreRefused(t *testing.T) {
	minimum := constraints(true, permitDNS("example.com"))
	minimum.Value = []byte("\x30\x0f\xa0\x0d\x30\x0b\x82\x06a.test\x80\x01\x01")
	for name, tt := range map[string]struct {
		by     pkix.Extension
		reason attest.Reason
	}{
		"good":         {constraints(true, permitDNS("a.test")), ""},
		"not critical": {constraints(false, permitDNS("a.test")), attest.ReasonMalformed},
		"minimum":      {minimum, attest.ReasonUntrusted},
	} {
		t.Run(name, func(t *testing.T) { grow(t, nil, rawNames(2, "a.test"), extra(tt.by)).mustJudge(t, tt.reason) })
	}
}

// Whoever makes both CA and leaf must not make the verifier compare for long.
func TestManyNamesAgainstManyConstraintsAreRefusedInTime(t *testing.T) {
	var excluded []subtree
	for i := range 650 {
		excluded = append(excluded, excludeDNS("x"+strconv.Itoa(i)+".example"))
	}
	tr := grow(t, nil, func(c *x509.Certificate) {
		for i := range 650 {
			c.DNSNames = append(c.DNSNames, "y"+strconv.Itoa(i)+".example")
		}
		c.URIs = []*url.URL(nil)
	}, extra(constraints(true, excluded...)))
	start := time.Now()
	tr.mustRefuse(t, attest.ReasonUntrusted)
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
}
