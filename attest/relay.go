package attest

import (
	"bytes"
	"net/url"
)

// A proof is relay-resistant if nobody in the middle gains by having the claimant make it. The rules of this file are all there
// are; what is copied by hand never is (SP 800-63B-4 section 3.2.5).

// atIssuer: the claimant's browser made the proof on a page of the issuer itself, and pages show no other holder's challenge.
func atIssuer(st Statement, in Input, c Claims) bool {
	u, err := url.Parse(st.Issuer)
	return err == nil && in.Browser && c.UserVerified && c.Origin == u.Scheme+"://"+u.Host
}

// holdersKey: the key that signed is the holder's own, and every later request must be answered with it.
func holdersKey(_ Statement, _ Input, c Claims) bool { return c.HolderKey }

// holdersKeyOrConnection: or it is the key of the TLS connection on which the holder itself came.
func holdersKeyOrConnection(st Statement, in Input, c Claims) bool {
	return holdersKey(st, in, c) || c.Connection && len(in.Connection) > 0 && bytes.Equal(in.Connection, c.CertificateSHA256)
}
