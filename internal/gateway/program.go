package gateway

import (
	"errors"
	"net/http"
	"strings"

	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/wire"
)

// handoff gives a program a one-time code with which a browser on its machine goes on.
func (g *Gateway) handoff(w http.ResponseWriter, r *http.Request) error {
	holder, proof, err := g.program(r, "")
	if err != nil {
		return err
	}
	var in wire.HandoffRequest
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	if err := required("/recovery_token", in.RecoveryToken); err != nil {
		return err
	}
	if _, err := g.Grant.Verify(in.RecoveryToken); err != nil {
		return errExpired
	}
	// The token stays good after a handoff: a request sent again by somebody else would get a code of his own.
	if err := g.once(r.Context(), proof); err != nil {
		return err
	}
	code, err := g.Recovery.Handoff(r.Context(), in.RecoveryToken, holder)
	if err != nil {
		return err
	}
	return writeJSON(w, wire.HandoffResponse{Code: code.Code, ExpiresIn: seconds(code.ExpiresIn), ContinueURI: g.continueURI()})
}

// token exchanges the recovery token (RFC 7523). The proof is the client's if it sends one; whether it must is the
// authorization server's to say.
func (g *Gateway) token(w http.ResponseWriter, r *http.Request) error {
	thumbprint := ""
	if len(r.Header.Values("DPoP")) > 0 {
		holder, _, err := g.program(r, "")
		if err != nil {
			return err
		}
		thumbprint = holder.Value
	}
	if err := boundForm(w, r); err != nil {
		return err
	}
	out, err := g.Grant.Exchange(r.Context(), r, thumbprint)
	if err != nil {
		return err
	}
	return writeJSON(w, wire.TokenResponse{AccessToken: out.AccessToken, TokenType: out.TokenType, ExpiresIn: out.ExpiresIn, Scope: out.Scope})
}

// complete runs the completion for the holder of an access token, once.
func (g *Gateway) complete(w http.ResponseWriter, r *http.Request) error {
	access, ok := strings.CutPrefix(r.Header.Get("Authorization"), "DPoP ")
	if !ok || access == "" || len(r.Header.Values("Authorization")) != 1 {
		return errBadToken
	}
	holder, proof, err := g.program(r, access)
	if err != nil {
		return err
	}
	tok, err := g.Grant.Authorize(r.Context(), access, holder.Value)
	if errors.Is(err, grant.ErrInvalid) {
		return errBadToken
	}
	if err != nil {
		return err
	}
	if err := g.once(r.Context(), proof); err != nil {
		return err
	}
	done, err := g.Recovery.Complete(r.Context(), tok)
	if err != nil {
		return err
	}
	out := wire.CompleteResponse{Outcome: done.Outcome}
	if done.Code != "" {
		out.Code, out.ExpiresIn, out.ContinueURI = done.Code, seconds(done.ExpiresIn), g.continueURI()
	}
	return writeJSON(w, out)
}

func (g *Gateway) continueURI() string { return g.issuer + "/continue" }
