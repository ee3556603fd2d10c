package chromium

import (
	"context"
	"crypto/tls"
	"crypto/x509"
)

// Chain is what the server at addr, host and port, shows as its certificates, once roots vouch for it. A browser that accepts
// them needs no change in the system's trust.
func Chain(ctx context.Context, addr string, roots *x509.CertPool) ([]*x509.Certificate, error) {
	d := tls.Dialer{Config: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	chain := conn.(*tls.Conn).ConnectionState().PeerCertificates
	return chain, conn.Close()
}
