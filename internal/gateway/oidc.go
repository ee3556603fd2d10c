package gateway

import (
	"context"
	"net/http"

	"github.com/regrant/regrant/fosite/broker"
	"github.com/regrant/regrant/internal/recovery"
	"github.com/regrant/regrant/internal/wire"
	"github.com/regrant/regrant/upstream"
)

// maxLogin keeps the sealed cookie under 3.5 KiB, of the 4 KiB that a browser stores: 8 bytes of time, 24 of nonce and
// 16 of tag go in beside it, and base64url makes four bytes of three.
const maxLogin = 2560

// start explains how to recover. Whoever comes with something that the identity provider needs to go on has it put by first: it
// stays in no address.
func (g *Gateway) start(w http.ResponseWriter, r *http.Request) error {
	if r.URL.RawQuery != "" {
		if v := g.Adapter.Guard(r); v.Kind == upstream.Entrance {
			g.enter(w, r, v.Entry)
			return nil
		}
	}
	return g.pages.Write(w, http.StatusOK, g.beginning(cookieValue(r, holderCookie), nil))
}

// enter leads whoever asked the identity provider for a recovery to our start page, or to go on with the one that is ready in this
// browser. What the identity provider needs to go on waits in the browser, if it is of a reasonable size.
func (g *Gateway) enter(w http.ResponseWriter, r *http.Request, entry string) {
	if !ledHere(r) { // as in authorize: an answer that gets lost later must not lose the recovery
		ensureHolder(w, r)
	}
	if entry != "" && len(entry) <= maxLogin {
		g.put(w, entry)
	}
	to := g.issuer // at another host its path may be somebody else's
	browser, _ := browserHolder(cookieValue(r, holderCookie))
	if _, ready, err := g.Recovery.ReadyFor(r.Context(), browser); err == nil && ready {
		to += "/continue"
	}
	redirect(w, to, http.StatusSeeOther)
}

// authorize is where the identity provider sends a browser that cannot sign in (OIDC Core section 3.1.2.1). A browser
// whose recovery is ready is let in; any other gets the start page, and the request waits with it.
func (g *Gateway) authorize(w http.ResponseWriter, r *http.Request) error {
	req, err := g.Broker.ParseAuthorize(r.Context(), r.URL.RawQuery)
	if err != nil {
		return err
	}
	if len(req.RawQuery()) > maxLogin {
		return errLoginSize
	}
	secret := cookieValue(r, holderCookie)
	browser, _ := browserHolder(secret)
	txn, ready, err := g.Recovery.ReadyFor(r.Context(), browser)
	if err != nil {
		return err
	}
	waiting := g.put(w, req.RawQuery())
	switch {
	case !ready:
		// Were the holder's cookie to come only with the answer to what consumes the token, a lost answer would lose the
		// recovery.
		if !ledHere(r) {
			_, secret = ensureHolder(w, r)
		}
		cancel := g.form(formCancel, "oidc/cancel", waiting)
		return g.pages.Write(w, http.StatusOK, g.beginning(secret, &cancel))
	case !mayLetIn(r):
		return g.showContinue(w, r)
	}
	to, err := g.letIn(r.Context(), req, txn, browser)
	if err != nil {
		return kept(err, g.form(formContinue, "continue", secret))
	}
	drop(w, g.cookie(loginCookie))
	redirect(w, to, http.StatusFound)
	return nil
}

// letIn makes the way in and answers the identity provider's authorization request with it.
func (g *Gateway) letIn(ctx context.Context, waiting *broker.AuthorizeRequest, txn string, browser recovery.Holder) (string, error) {
	way, err := g.Recovery.Session(ctx, txn, browser)
	if err != nil {
		return "", err
	}
	return g.answerLogin(ctx, waiting, way.Login)
}

// answerLogin answers the identity provider's authorization request. If that cannot be done, the browser may ask again at once.
func (g *Gateway) answerLogin(ctx context.Context, waiting *broker.AuthorizeRequest, l *broker.Login) (string, error) {
	to, err := g.Broker.Answer(ctx, waiting, *l)
	if err != nil {
		_ = g.Recovery.Leave(ctx, l) // else the lease runs out by itself
	}
	return to, err
}

// mayLetIn reports whether this GET is a person's own step in a login. Letting in uses the recovery up, so it follows
// neither a page of another site nor a browser that only looks ahead.
func mayLetIn(r *http.Request) bool {
	return r.Method == http.MethodGet && !ledHere(r) && r.Header.Get("Sec-Purpose") == ""
}

// waitingLogin is the authorization request that waits in this browser; nil if none does that is still in order.
func (g *Gateway) waitingLogin(r *http.Request) *broker.AuthorizeRequest {
	raw, ok := g.take(r)
	if !ok {
		return nil
	}
	req, err := g.Broker.ParseAuthorize(r.Context(), raw)
	if err != nil {
		return nil // the configuration has changed since
	}
	return req
}

// cancel leads back to the identity provider's own login page.
func (g *Gateway) cancel(w http.ResponseWriter, r *http.Request) error {
	sent, err := readForm(r)
	if err != nil {
		return err
	}
	waiting := cookieValue(r, g.cookie(loginCookie))
	if waiting == "" || !g.genuine(r, sent, formCancel, waiting) {
		return errStaleForm
	}
	req := g.waitingLogin(r)
	if req == nil {
		return errStaleForm
	}
	to, err := g.Broker.Cancel(req)
	if err != nil {
		return err
	}
	drop(w, g.cookie(loginCookie))
	redirect(w, to, http.StatusSeeOther)
	return nil
}

// brokerToken gives the identity provider the identity for a code (OIDC Core section 3.1.3).
func (g *Gateway) brokerToken(w http.ResponseWriter, r *http.Request) error {
	out, err := g.Broker.Token(r.Context(), r)
	if err != nil {
		return err
	}
	return writeJSON(w, struct {
		wire.TokenResponse
		IDToken string `json:"id_token"`
	}{wire.TokenResponse{AccessToken: out.AccessToken, TokenType: out.TokenType, ExpiresIn: out.ExpiresIn, Scope: out.Scope}, out.IDToken})
}
