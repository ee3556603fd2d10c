package grant

import (
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// A CertificateField authenticates a client with the certificate of its TLS connection (tls_client_auth, RFC 8705 §2.1).
// Exactly one field is set; that one the certificate must have. Whose certificates are believed at all is for the TLS
// server to say, which verifies their chain.
type CertificateField struct {
	SubjectDN string // RFC 4514, as `openssl x509 -subject -nameopt RFC2253` prints it for common attributes; see subjectOf
	DNS       string // a dNSName
	URI       string // a uniformResourceIdentifier
	IP        string // an iPAddress
	Email     string // an rfc822Name
}

// Check demands exactly one field, in its canonical form.
func (f CertificateField) Check() error {
	set := 0
	for _, value := range []string{f.SubjectDN, f.DNS, f.URI, f.IP, f.Email} {
		if value != "" {
			set++
		}
	}
	if set != 1 {
		return errors.New("tls_client_auth takes exactly one of subject_dn, san_dns, san_uri, san_ip and san_email")
	}
	if f.DNS != strings.ToLower(f.DNS) {
		return errors.New("san_dns is written in lower case")
	}
	if f.IP != "" {
		if addr, err := netip.ParseAddr(f.IP); err != nil || addr.String() != f.IP {
			return errors.New("san_ip is not an IP address in its canonical form")
		}
	}
	return nil
}

func (CertificateField) method() string { return "tls_client_auth" }
func (CertificateField) shows() shown   { return showsNothing }

func (f CertificateField) accepts(_ *Server, _ string, p presented) error {
	if p.certificate == nil {
		return errors.New("no verified certificate on the connection")
	}
	if f.Check() != nil || !f.matches(p.certificate) {
		return errors.New("the certificate is of somebody else")
	}
	return nil
}

// matches compares the one field that is set.
func (f CertificateField) matches(c *x509.Certificate) bool {
	switch {
	case f.SubjectDN != "":
		subject, ok := subjectOf(c)
		return ok && subject == f.SubjectDN
	case f.DNS != "":
		return slices.ContainsFunc(c.DNSNames, func(name string) bool { return strings.ToLower(name) == f.DNS })
	case f.URI != "":
		return slices.ContainsFunc(c.URIs, func(u *url.URL) bool { return u.String() == f.URI })
	case f.IP != "":
		return slices.ContainsFunc(c.IPAddresses, func(ip net.IP) bool {
			addr, ok := netip.AddrFromSlice(ip)
			return ok && addr.Unmap().String() == f.IP
		})
	default:
		return slices.Contains(c.EmailAddresses, f.Email)
	}
}

// subjectOf returns the whole subject as text, the last relative name first (RFC 4514 §2.1). It is read from the
// certificate itself: [pkix.Name] keeps neither their order nor attributes that Go has no field for, such as uid and dc, so
// that a colleague's certificate that differs in these alone would pass for the client's.
func subjectOf(c *x509.Certificate) (text string, ok bool) {
	var subject pkix.RDNSequence
	if rest, err := asn1.Unmarshal(c.RawSubject, &subject); err != nil || len(rest) > 0 {
		return "", false
	}
	return subject.String(), true
}

// certificateOf returns the client certificate of r's own TLS connection, or nil. The TLS server must have verified its
// chain; a certificate in a header is nobody's proof (RFC 9440 §4).
func certificateOf(r *http.Request) *x509.Certificate {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 || len(r.TLS.PeerCertificates) == 0 {
		return nil
	}
	return r.TLS.PeerCertificates[0]
}

// CertificateSHA256 is the member x5t#S256 (RFC 8705 §3.1) for the client certificate of r's TLS connection, whose chain
// the TLS server verified; "" without one.
func CertificateSHA256(r *http.Request) string {
	c := certificateOf(r)
	if c == nil {
		return ""
	}
	sum := sha256.Sum256(c.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
