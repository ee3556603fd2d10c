package gateway

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/recovery"
	"github.com/regrant/regrant/internal/wire"
)

// holderCookie makes a browser a holder. The prefix keeps other hosts of the site, and plain http, from setting it.
const holderCookie = "__Host-regrant"

// secretSize is 256 bits, in bytes.
const secretSize = 32

// errNoCookie: a browser of ours that holds nothing yet.
var errNoCookie = errors.New("no holder cookie")

// requester is who sent a request: a holder, and for a program the ID of the proof that it brought.
type requester struct {
	recovery.Holder
	proof string
}

// holder is who sent a request to a JSON endpoint: a program, by its DPoP key, or a browser, by its cookie.
func (g *Gateway) holder(r *http.Request) (requester, error) {
	if len(r.Header.Values("DPoP")) > 0 {
		return g.program(r, "")
	}
	if !g.sameOrigin(r) {
		return requester{}, errHolder
	}
	secret := cookieValue(r, holderCookie)
	h, ok := browserHolder(secret)
	if !ok {
		return requester{}, errNoCookie
	}
	return requester{Holder: h}, nil
}

// knownHolder is holder where a recovery must have been begun before.
func (g *Gateway) knownHolder(r *http.Request) (requester, error) {
	h, err := g.holder(r)
	if errors.Is(err, errNoCookie) {
		return h, errHolder
	}
	return h, err
}

// program verifies the DPoP proof of r against the configured address of its route, never against Host or a forwarding
// header. token is the access token that must go with it, if any. That a proof comes once only is for whoever writes
// anyway to remember.
func (g *Gateway) program(r *http.Request, token string) (requester, error) {
	// A script in a browser could add a key of its own to what the browser holds, and so move a recovery.
	if _, err := r.Cookie(holderCookie); err == nil || r.Header.Get("Origin") != "" {
		return requester{}, errTwoHolders
	}
	// The route's path is a constant of ours: it was found in the table.
	want := wire.Demand{Method: r.Method, URI: g.Origin + r.URL.Path, Nonce: g.nonceFor(r)}
	if token != "" {
		want.ATH = wire.AccessTokenHash(token)
	}
	var proof wire.Proof
	var err error
	if busy := g.compute(r, func() { proof, err = wire.ParseProof(r.Header.Values("DPoP"), want, g.Clock()) }); busy != nil {
		return requester{}, busy
	}
	if errors.Is(err, wire.ErrNonce) {
		return requester{}, g.useNonce(r)
	}
	if err != nil {
		return requester{}, errHolder
	}
	return requester{recovery.Holder{Value: proof.Thumbprint, Kind: recovery.HolderProgram}, proof.ID}, nil
}

// browserHolder is the holder that a cookie's value makes. What we did not make is none.
func browserHolder(secret string) (recovery.Holder, bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(secret)
	if err != nil || len(raw) != secretSize {
		return recovery.Holder{}, false
	}
	return recovery.Holder{Value: attest.HolderOfSecret(raw), Kind: recovery.HolderBrowser}, true
}

// ensureHolder is this browser's holder and the cookie's value. The cookie is made where there is none; only after
// [Gateway.sameOrigin], so that no other site can choose when, and never replaced.
func ensureHolder(w http.ResponseWriter, r *http.Request) (recovery.Holder, string) {
	secret := cookieValue(r, holderCookie)
	h, ok := browserHolder(secret)
	if !ok {
		secret = newSecret()
		h, _ = browserHolder(secret)
		setCookie(w, holderCookie, secret, 0)
	}
	return h, secret
}

// newSecret is 256 random bits, base64url.
func newSecret() string {
	var b [secretSize]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}
