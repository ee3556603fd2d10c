package grant

import (
	"context"
	"errors"
	"net/http"

	"github.com/regrant/regrant/fosite/internal/oauth"
)

// Revoke answers a request to the revocation endpoint (RFC 7009): it ends the recovery that the token is of, and with it
// every token of that recovery. r has not been parsed yet. A public client proves with the DPoP proof that the token is
// its own. nil also stands for a token that is unknown, expired or used: there is nothing left to revoke (§2.2).
//
// unsupported_token_type never comes: both kinds of token that are issued can be revoked. Every error is an [*Error] or
// wraps [ErrUnavailable].
func (s *Server) Revoke(ctx context.Context, r *http.Request, proof Proof) error {
	form, err := readTokenForm(r)
	if err != nil {
		return err
	}
	client, err := s.authenticate(r, form)
	if err != nil {
		return err
	}
	if client.Public && proof.Thumbprint == "" {
		return oauth.InvalidProof("a public client needs a DPoP proof")
	}
	if err := s.useUp(ctx, client); err != nil {
		return err
	}
	t, err := s.identify(ctx, form.Get("token"))
	switch {
	case errors.Is(err, ErrInvalid):
		return nil
	case err != nil:
		return err
	case t.clientID != client.ID:
		return oauth.InvalidGrant().Because(invalid("the token is another client's")) // RFC 6749 §5.2, by RFC 7009 §2.2.1
	case client.Public && t.thumbprint != proof.Thumbprint:
		return oauth.InvalidGrant().Because(invalid("the token is another holder's"))
	}
	err = s.recoveries.Revoke(ctx, Revocation{Token: t.name, ClientID: client.ID, Proof: proof.ID})
	if errors.Is(err, ErrSpent) {
		return nil
	}
	return settle(err)
}
