package main

import (
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/wire"
)

const (
	maxLifetime = 15 * time.Minute // of a statement
	maxSkew     = time.Minute      // between the gateway's clock and ours; a proof of possession allows no more either
)

// expected is what was asked for, from this side's own knowledge alone.
type expected struct {
	issuer  string
	account attest.Identifier
	actions []attest.Action
	holder  string // thumbprint of the device's key
}

// check reads what the gateway wants signed and refuses it unless it says exactly what was asked for. A signature on
// anything else would be a proof for somebody else: for another site (issuer), another account, more than was wanted
// (actions), or a recovery that another machine holds (holder; that is how a relay gets its proof).
func (e expected) check(offer wire.InitiateResponse, now time.Time) error {
	s, err := attest.ParseStatement(offer.Statement)
	if err != nil {
		return mismatch("the gateway sent something other than a statement to sign: %v", err)
	}
	nonce := base64.RawURLEncoding.EncodeToString(s.Nonce[:])
	switch {
	case s.Issuer != e.issuer:
		return mismatch("the statement is for another issuer: %s", s.Issuer)
	case s.Account != e.account:
		return mismatch("the statement is for another account: %s", s.Account)
	case !slices.Equal(s.Actions, e.actions):
		return mismatch("the statement names other actions: %v", s.Actions)
	case s.Holder != e.holder:
		return mismatch("the statement is for another holder: this recovery was started elsewhere")
	case subtle.ConstantTimeCompare([]byte(nonce), []byte(offer.Nonce)) != 1:
		return mismatch("the statement has another nonce than its recovery")
	case s.Requested.Before(now.Add(-maxSkew)) || s.Requested.After(now.Add(maxSkew)):
		return mismatch("the statement was not requested now but at %s (check this machine's clock)", s.Requested.Format(time.RFC3339))
	case !s.Expires.After(now):
		return mismatch("the statement has expired already")
	case s.Expires.Sub(s.Requested) > maxLifetime:
		return mismatch("the statement would be good for longer than %v", maxLifetime)
	}
	return nil
}
