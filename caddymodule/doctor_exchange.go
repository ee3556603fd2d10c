package caddymodule

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/storage"
)

// rehearsal is how long an exchange of the doctor's is remembered.
const rehearsal = 2 * time.Minute

// tryExchange has a recovery token made, signed by the key that signs those of people, and exchanges it twice at a token
// endpoint like the one that serves: same issuer, keys, secret and clock, with the store of the gateway to remember what was
// used. The token is for no account and names a recovery that does not exist, so the endpoint that serves would refuse it, and
// the access token opens nothing.
func (c adminCall) tryExchange(ctx context.Context) (first, second error, spent bool) {
	used := &rehearsed{db: c.db, namespace: c.realm.name}
	defer used.forget(ctx)
	server, err := grant.New(grant.Config{
		Issuer: c.realm.issuer(), Keys: signers(c.ring, keys.Grant), OtherKeys: thumbprints(c.ring, keys.Broker), Secret: c.ring.Secret(keys.GrantSecret),
		Clock: time.Now, Recoveries: used, Actions: []string{string(attest.ActionRehearse)},
	})
	if err != nil {
		return err, nil, false
	}
	now := time.Now()
	holder := name256()
	token, err := server.Mint(grant.Recovery{
		Subject: "nobody", ClientID: grant.ClientDevice, Txn: rand.Text(), JTI: rand.Text(), Scope: grant.ScopeComplete,
		ACR: "urn:regrant:doctor", AMR: []string{"pop"}, AuthTime: now, IssuedAt: now, ExpiresAt: now.Add(time.Minute),
		Thumbprint: holder, CertificateSHA256: name256(),
	})
	if err != nil {
		return err, nil, false
	}
	bring := func() error {
		form := url.Values{"grant_type": {grant.GrantType}, "assertion": {token}, "client_id": {grant.ClientDevice}}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.realm.issuer()+"/token", strings.NewReader(form.Encode()))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		_, err = server.Exchange(ctx, r, grant.Proof{Thumbprint: holder, ID: rand.Text()})
		return err
	}
	if first = bring(); first != nil {
		return first, nil, false
	}
	second = bring()
	var refused *grant.Error
	return nil, second, errors.As(second, &refused) && refused.Code == "invalid_grant"
}

// name256 is the base64url of 256 random bits, as a thumbprint is.
func name256() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// rehearsed remembers in the store of the gateway what was redeemed, apart from every recovery.
type rehearsed struct {
	db        storage.DB
	namespace string // of the upstream, below which all lies that is stored of it
	key       []byte // nil: nothing was redeemed
}

// Redeem implements [grant.Recoveries].
func (r *rehearsed) Redeem(ctx context.Context, in grant.Redemption) error {
	r.key = []byte(r.namespace + "/doctor/" + in.Txn)
	err := r.db.Update(ctx, func(tx storage.Tx) error {
		return tx.Insert(r.key, []byte{1}, tx.Now().Add(rehearsal))
	})
	if errors.Is(err, storage.ErrExists) {
		return grant.ErrSpent
	}
	return err
}

func (r *rehearsed) forget(ctx context.Context) {
	if r.key != nil {
		_ = r.db.Update(ctx, func(tx storage.Tx) error { return tx.Delete(r.key) }) // it expires by itself
	}
}

var errNotRehearsed = fmt.Errorf("%w: only an exchange is tried", grant.ErrUnavailable)

// AccessToken implements [grant.Recoveries].
func (r *rehearsed) AccessToken(context.Context, string) (grant.AccessToken, error) {
	return grant.AccessToken{}, grant.ErrSpent
}

// Standing implements [grant.Recoveries].
func (r *rehearsed) Standing(context.Context, grant.TokenName) error { return errNotRehearsed }

// Revoke implements [grant.Recoveries].
func (r *rehearsed) Revoke(context.Context, grant.Revocation) error { return errNotRehearsed }

// UseAssertion implements [grant.Recoveries].
func (r *rehearsed) UseAssertion(context.Context, grant.UsedAssertion) error { return errNotRehearsed }
