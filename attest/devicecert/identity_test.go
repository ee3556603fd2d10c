package devicecert_test

import (
	"crypto/x509"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/devicecert"
)

func withNames(t *testing.T, uris, emails, dns string) *x509.Certificate {
	t.Helper()
	c := &x509.Certificate{EmailAddresses: strings.Fields(emails), DNSNames: strings.Fields(dns)}
	for _, text := range strings.Fields(uris) {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		c.URIs = append(c.URIs, u)
	}
	return c
}

func TestCertificateNamesAnAccount(t *testing.T) {
	leaf := withNames(t, "urn:uuid:1 https://people.example.com/alice", "Alice@example.com it@example.net", "laptop-7.alice.example.com")
	for pattern, want := range map[[2]string]string{
		{devicecert.NameEmail, `([^@]+@example\.com)`}:                 "alice@example.com",
		{devicecert.NameEmail, `(.+)@example\.com`}:                    "alice",
		{devicecert.NameURI, `https://people\.example\.com/([^/]+)`}:   "alice",
		{devicecert.NameDNS, `(?:[a-z0-9-]+)\.([a-z]+)\.example\.com`}: "alice",
		{devicecert.NameEmail, `^(.+)@example\.com$`}:                  "alice",
	} {
		identity, err := devicecert.NewIdentity(pattern[0], pattern[1])
		if err != nil {
			t.Errorf("%v: %v", pattern, err)
			continue
		}
		if got, err := identity.Of(leaf); err != nil || got.String() != want {
			t.Errorf("%v: %q, %v", pattern, got, err)
		}
	}
}

func TestCertificateThatDoesNotNameExactlyOneAccountIsRefused(t *testing.T) {
	identity, err := devicecert.NewIdentity(devicecert.NameEmail, `(.*)@example\.com|(?:x)`)
	if err != nil {
		t.Fatal(err)
	}
	for name, leaf := range map[string]*x509.Certificate{
		"no name":                  withNames(t, "", "", ""),
		"a name of another kind":   withNames(t, "mailto:alice@example.com", "", "alice@example.com"),
		"a longer name":            withNames(t, "", "alice@example.com.evil.example", ""),
		"a name with more before":  {EmailAddresses: []string{"x\nalice@example.com"}},
		"a name with more behind":  {EmailAddresses: []string{"alice@example.com\n"}},
		"two accounts":             withNames(t, "", "alice@example.com bob@example.com", ""),
		"one account twice":        withNames(t, "", "alice@example.com alice@example.com", ""),
		"nobody":                   withNames(t, "", "@example.com", ""),
		"the part without a group": withNames(t, "", "x", ""),
		"what no account is":       {EmailAddresses: []string{"al ice@example.com"}},
		"an invisible character":   {EmailAddresses: []string{"ali\u200bce@example.com"}},
		"a name in the subject alone": func() *x509.Certificate {
			c := withNames(t, "", "", "")
			c.Subject.CommonName = "alice@example.com"
			return c
		}(),
	} {
		id, err := identity.Of(leaf)
		if refused, ok := errors.AsType[*attest.Error](err); !ok || refused.Reason != attest.ReasonIdentity {
			t.Errorf("%s: %q, %v", name, id, err)
		}
	}
}

func TestRuleThatNamesNoAccountIsRefused(t *testing.T) {
	for _, rule := range [][2]string{
		{"cn", `(.+)`}, {"", `(.+)`}, {"Email", `(.+)`}, {"email", ``}, {"email", `.+`}, {"email", `(a)(b)`}, {"email", `(`}, {"email", `a)|(.+`}, {"email", `(?=a)(.+)`},
	} {
		if _, err := devicecert.NewIdentity(rule[0], rule[1]); err == nil {
			t.Errorf("%v is taken for a rule", rule)
		}
	}
}
