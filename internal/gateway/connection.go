package gateway

import (
	"crypto/sha256"
	"crypto/tls"
	"net/http"
)

// connection is the SHA-256 of the client certificate on r's own TLS connection; nil if there is none that counts. The
// handshake has proved that whoever is at the other end has the key. Whose certificate it is, and whether it still holds, is
// for the verifier to judge on every request: what a handshake has found, perhaps hours ago and in a session that was
// resumed since, counts for nothing. Nor does what a proxy writes into a header.
func connection(r *http.Request) []byte {
	switch {
	case r.TLS == nil || len(r.TLS.PeerCertificates) == 0:
		return nil
	case !r.TLS.HandshakeComplete: // early data, which anybody can send again (RFC 8446 section 8)
		return nil
	case r.TLS.Version < tls.VersionTLS13: // a client's certificate would have been sent in the clear
		return nil
	}
	sum := sha256.Sum256(r.TLS.PeerCertificates[0].Raw)
	return sum[:]
}
