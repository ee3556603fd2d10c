package gateway

import (
	"crypto/hmac"
	"encoding/base64"
	"net/http"
	"strconv"
	"time"

	"github.com/regrant/regrant/internal/keys"
)

// Nonces (RFC 9449 section 8) keep a proof from being made long before it is used, by somebody who had the key for a
// moment. They cost a program one more request at most: initiate, which demands none, already brings one.
//
// A nonce is the number of a period of time, authenticated; nothing is stored. It lives until the end of the next period.

const noncePeriod = 3 * time.Minute

// nonce is the one of this period.
func (g *Gateway) nonce() string { return g.nonceOf(g.period()) }

func (g *Gateway) period() int64 { return g.Clock().Unix() / int64(noncePeriod/time.Second) }

func (g *Gateway) nonceOf(period int64) string {
	mac := g.Ring.MAC(keys.ProofNonce, []byte(strconv.FormatInt(period, 10)))
	return base64.RawURLEncoding.EncodeToString(mac)
}

// lives reports whether nonce is of this period or of the one before.
func (g *Gateway) lives(nonce string) bool {
	now := g.period()
	for _, period := range []int64{now, now - 1} {
		if hmac.Equal([]byte(nonce), []byte(g.nonceOf(period))) {
			return true
		}
	}
	return false
}

// nonceFor is the check of nonces for r's route, or nil where none is demanded: everywhere unless configured, and at
// initiate, where a program has none yet.
func (g *Gateway) nonceFor(r *http.Request) func(string) bool {
	if !g.Nonces || r.URL.Path == g.prefix+"initiate" {
		return nil
	}
	return g.lives
}

// offerNonce brings a program the nonce of its next request (RFC 9449 section 8.2).
func (g *Gateway) offerNonce(w http.ResponseWriter, r *http.Request) {
	if g.Nonces && len(r.Header.Values("DPoP")) > 0 {
		w.Header().Set("DPoP-Nonce", g.nonce())
	}
}

// useNonce is the refusal for want of a nonce, as the route speaks: sections 8 and 9.
func (g *Gateway) useNonce(r *http.Request) error {
	if rt := g.route(r.URL.Path); rt != nil && rt.kind == oauth {
		return errUseNonceOAuth
	}
	return errUseNonce
}
