package gateway

import (
	"net/http"
	"time"

	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/wire"
)

// introspect tells a confidential client about its token (RFC 7662).
func (g *Gateway) introspect(w http.ResponseWriter, r *http.Request) error {
	found, err := g.Grant.Introspect(r.Context(), r)
	if err != nil {
		return err
	}
	return writeJSON(w, g.introspection(found))
}

func (g *Gateway) introspection(t grant.Introspection) wire.IntrospectionResponse {
	if !t.Active {
		return wire.IntrospectionResponse{}
	}
	return wire.IntrospectionResponse{
		Active: true, ClientID: t.ClientID, Subject: t.Subject, Txn: t.Txn, Scope: t.Scope, TokenType: t.TokenType,
		Issuer: g.issuer, IssuedAt: unix(t.IssuedAt), ExpiresAt: unix(t.ExpiresAt),
		Confirmation: &wire.Confirmation{Thumbprint: t.Thumbprint, CertificateSHA256: t.CertificateSHA256},
	}
}

// unix is 0 for the time that is not known, which is then not told.
func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// revoke ends what a client was granted (RFC 7009). The answer is the same whether there was something to end.
func (g *Gateway) revoke(w http.ResponseWriter, r *http.Request) error {
	proof, err := g.proof(r)
	if err != nil {
		return err
	}
	if err := g.Grant.Revoke(r.Context(), r, proof); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}
