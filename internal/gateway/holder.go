package gateway

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/recovery"
	"github.com/regrant/regrant/internal/wire"
	"github.com/regrant/regrant/storage"
)

// holderCookie makes a browser a holder. The prefix keeps other hosts of the site, and plain http, from setting it.
const holderCookie = "__Host-regrant"

// secretSize is 256 bits, in bytes.
const secretSize = 32

// errNoCookie: a browser of ours that holds nothing yet.
var errNoCookie = errors.New("no holder cookie")

// holder is who sent a request to a JSON endpoint: a program, by its DPoP key, or a browser, by its cookie.
func (g *Gateway) holder(r *http.Request) (recovery.Holder, error) {
	if len(r.Header.Values("DPoP")) > 0 {
		h, _, err := g.program(r, "")
		return h, err
	}
	if !g.sameOrigin(r) {
		return recovery.Holder{}, errHolder
	}
	secret := cookieValue(r, holderCookie)
	h, ok := browserHolder(secret)
	if !ok {
		return recovery.Holder{}, errNoCookie
	}
	return h, nil
}

// knownHolder is holder where a recovery must have been begun before.
func (g *Gateway) knownHolder(r *http.Request) (recovery.Holder, error) {
	h, err := g.holder(r)
	if errors.Is(err, errNoCookie) {
		return h, errHolder
	}
	return h, err
}

// program verifies the DPoP proof of r against the configured address of its route, never against Host or a forwarding
// header. token is the access token that must go with it, if any.
func (g *Gateway) program(r *http.Request, token string) (recovery.Holder, wire.Proof, error) {
	// A script in a browser could add a key of its own to what the browser holds, and so move a recovery.
	if _, err := r.Cookie(holderCookie); err == nil || r.Header.Get("Origin") != "" {
		return recovery.Holder{}, wire.Proof{}, errTwoHolders
	}
	ath := ""
	if token != "" {
		ath = wire.AccessTokenHash(token)
	}
	// The route's path is a constant of ours: it was found in the table.
	var proof wire.Proof
	var err error
	if busy := g.compute(r, func() {
		proof, err = wire.ParseProof(r.Header.Values("DPoP"), r.Method, g.Origin+r.URL.Path, g.Clock(), ath)
	}); busy != nil {
		return recovery.Holder{}, wire.Proof{}, busy
	}
	if err != nil {
		return recovery.Holder{}, wire.Proof{}, errHolder
	}
	return recovery.Holder{Value: proof.Thumbprint, Kind: recovery.HolderProgram}, proof, nil
}

// proofMemory is longer than any proof is taken for (±60 seconds).
const proofMemory = 3 * time.Minute

// once remembers a proof and refuses it the second time (RFC 9449 section 11.1). It is for requests whose token was
// verified already, so that nobody without one makes us write; the other endpoints consume what they are sent.
func (g *Gateway) once(ctx context.Context, p wire.Proof) error {
	sum := sha256.Sum256([]byte(p.Thumbprint + "\x00" + p.JTI))
	key := append([]byte(g.Namespace+"/dpop/"), sum[:]...)
	err := g.DB.Update(ctx, func(tx storage.Tx) error { return tx.Insert(key, []byte{1}, tx.Now().Add(proofMemory)) })
	if errors.Is(err, storage.ErrExists) {
		return errHolder
	}
	return err
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
