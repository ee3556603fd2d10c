package gateway

import (
	"errors"
	"net/http"
	"strings"

	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/recovery"
	"github.com/regrant/regrant/internal/wire"
	"github.com/regrant/regrant/upstream"
)

// handoff gives a program a one-time code with which a browser on its machine goes on.
func (g *Gateway) handoff(w http.ResponseWriter, r *http.Request) error {
	by, err := g.program(r, "")
	if err != nil {
		return err
	}
	var in wire.HandoffRequest
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if err := required("/recovery_token", in.RecoveryToken); err != nil {
		return err
	}
	if _, err := g.Grant.Verify(in.RecoveryToken); err != nil {
		return errExpired
	}
	// The token stays good after a handoff: a request sent again by somebody else would get a code of his own.
	if err := g.Recovery.UseProof(r.Context(), by.proof); err != nil {
		return err
	}
	code, err := g.Recovery.Handoff(r.Context(), in.RecoveryToken, by.Holder)
	if err != nil {
		return err
	}
	return writeJSON(w, wire.HandoffResponse{Code: code.Code, ExpiresIn: seconds(code.ExpiresIn), ContinueURI: g.continueURI()})
}

// token exchanges the recovery token (RFC 7523). The proof is the client's if it sends one; whether it must is the
// authorization server's to say.
func (g *Gateway) token(w http.ResponseWriter, r *http.Request) error {
	proof, err := g.proof(r)
	if err != nil {
		return err
	}
	out, err := g.Grant.Exchange(r.Context(), r, proof)
	if err != nil {
		return err
	}
	return writeJSON(w, wire.TokenResponse{AccessToken: out.AccessToken, TokenType: out.TokenType, ExpiresIn: out.ExpiresIn, Scope: out.Scope})
}

// proof is the DPoP proof of a request to one of the OAuth endpoints, if it has one.
func (g *Gateway) proof(r *http.Request) (grant.Proof, error) {
	if len(r.Header.Values("DPoP")) == 0 {
		return grant.Proof{}, nil
	}
	by, err := g.program(r, "")
	return grant.Proof{Thumbprint: by.Value, ID: by.proof}, err
}

// complete runs the completion for the holder of an access token, once.
func (g *Gateway) complete(w http.ResponseWriter, r *http.Request) error {
	access, ok := strings.CutPrefix(r.Header.Get("Authorization"), "DPoP ")
	if !ok || access == "" || len(r.Header.Values("Authorization")) != 1 {
		return errBadToken
	}
	by, err := g.program(r, access)
	if err != nil {
		return err
	}
	tok, err := g.Grant.Authorize(r.Context(), access, by.Value, grant.CertificateSHA256(r))
	if errors.Is(err, grant.ErrInvalid) {
		return errBadToken
	}
	if err != nil {
		return err
	}
	if err := g.Recovery.UseProof(r.Context(), by.proof); err != nil {
		return err
	}
	done, err := g.Recovery.Complete(r.Context(), tok)
	if err != nil {
		return err
	}
	return writeJSON(w, g.completed(done))
}

func (g *Gateway) completed(done recovery.Completed) wire.CompleteResponse {
	out := wire.CompleteResponse{Outcome: done.Outcome}
	switch t := done.Token; {
	case done.Code != "":
		out.Code, out.ExpiresIn, out.ContinueURI = done.Code, seconds(done.ExpiresIn), g.continueURI()
	case t == nil:
	case t.Kind == upstream.TokenSession:
		out.SessionToken, out.ExpiresIn = t.Value, seconds(t.ExpiresIn)
	default:
		out.AccessToken, out.TokenType, out.Scope, out.ExpiresIn = t.Value, t.Type, t.Scope, seconds(t.ExpiresIn)
	}
	return out
}

func (g *Gateway) continueURI() string { return g.issuer + "/continue" }
