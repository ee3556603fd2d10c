package devicecert

import (
	"crypto/x509"
	"fmt"
	"regexp"

	"github.com/regrant/regrant/attest"
)

// The kinds of subject alternative names (RFC 5280 section 4.2.1.6) that can name an account.
const (
	NameURI   = "uri"
	NameEmail = "email"
	NameDNS   = "dns"
)

// Identity says which name in a certificate of the operator's CA names the account that the device belongs to.
type Identity struct {
	names   func(*x509.Certificate) []string
	pattern *regexp.Regexp
}

// NewIdentity makes one from a kind of name and a regular expression (RE2) with one group, which the whole name has to match:
// what is in the group is the identifier of the account.
func NewIdentity(kind, pattern string) (*Identity, error) {
	names, known := map[string]func(*x509.Certificate) []string{NameURI: uris, NameEmail: emails, NameDNS: dnsNames}[kind]
	if !known {
		return nil, fmt.Errorf("%q is no kind of name: write %s, %s or %s", kind, NameURI, NameEmail, NameDNS)
	}
	if _, err := regexp.Compile(pattern); err != nil { // by itself: a parenthesis too many must not close ours
		return nil, err
	}
	whole, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
	if err != nil {
		return nil, err
	}
	if n := whole.NumSubexp(); n != 1 {
		return nil, fmt.Errorf("it has %d groups: put exactly the identifier of the account into one, such as (.+)@example\\.com", n)
	}
	return &Identity{names, whole}, nil
}

// Of is the account that the certificate names. None is an *[attest.Error], and so are two, even equal ones: which of them
// the CA vouches for is not for us to choose.
func (i *Identity) Of(leaf *x509.Certificate) (attest.Identifier, error) {
	var found [][]string
	for _, name := range i.names(leaf) {
		if m := i.pattern.FindStringSubmatch(name); m != nil {
			found = append(found, m)
		}
	}
	if len(found) != 1 {
		return attest.Identifier{}, attest.Refuse(attest.ReasonIdentity, "%d of its names are those of an account, and not one", len(found))
	}
	id, err := attest.ParseIdentifier(found[0][1])
	if err != nil {
		return attest.Identifier{}, attest.Refuse(attest.ReasonIdentity, "the account that it names: %v", err)
	}
	return id, nil
}

func uris(c *x509.Certificate) (names []string) {
	for _, u := range c.URIs {
		names = append(names, u.String())
	}
	return names
}

func emails(c *x509.Certificate) []string { return c.EmailAddresses }

func dnsNames(c *x509.Certificate) []string { return c.DNSNames }
