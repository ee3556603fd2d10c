package revocation

import "github.com/regrant/regrant/attest/certpath"

// Sources is where a certificate says that statements about it are found: URLs of any scheme, chosen by whoever issued it.
type Sources struct{ CRLs, OCSP []string }

// SourcesOf reads the distribution points and the authority information access of a certificate. Points of indirect CRLs are left out: no such CRL
// counts here.
func SourcesOf(c *certpath.Certificate) Sources {
	s := Sources{OCSP: c.X509.OCSPServer}
	places, err := points(c)
	if err != nil {
		return s
	}
	for _, p := range places {
		if !p.indirect {
			s.CRLs = append(s.CRLs, p.names.URIs()...)
		}
	}
	return s
}
