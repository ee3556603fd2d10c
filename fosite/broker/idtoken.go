package broker

import (
	"context"
	"fmt"
	"time"

	oryfosite "github.com/ory/fosite"
	oryopenid "github.com/ory/fosite/handler/openid"
	oryjwt "github.com/ory/fosite/token/jwt"

	"github.com/regrant/regrant/fosite/internal/oauth"
)

// username is the preferred_username of everybody: identity providers keep and show it, so it names nobody.
const username = "account-recovery"

const claimRecovery = "recovery_id"

// idClaims are the claims of an ID token (OpenID Connect Core §2), and recovery_id, which identity providers copy into
// the session so that applications can tell a recovery from a login. There is no nbf: clocks differ.
type idClaims struct {
	Issuer     string   `json:"iss"`
	Subject    string   `json:"sub"`
	Audience   string   `json:"aud"`
	Authorized string   `json:"azp"`
	Nonce      string   `json:"nonce"`
	IssuedAt   int64    `json:"iat"`
	ExpiresAt  int64    `json:"exp"`
	AuthTime   int64    `json:"auth_time"`
	ACR        string   `json:"acr,omitempty"`
	AMR        []string `json:"amr,omitempty"`
	Recovery   string   `json:"recovery_id"`
	Username   string   `json:"preferred_username"`
}

// newSession returns fosite's session of a login. prompt=login gives login_required unless the authentication is at
// least as new as RequestedAt; a recovery may have begun before the request that it answers, so the two are the same
// here and max_age is judged by [Server.Answer].
func newSession(login Login, codeExpires time.Time) *oryopenid.DefaultSession {
	return &oryopenid.DefaultSession{
		Subject: login.Subject,
		Claims: &oryjwt.IDTokenClaims{
			Subject: login.Subject, AuthTime: login.AuthTime, RequestedAt: login.AuthTime,
			AuthenticationContextClassReference: login.ACR, AuthenticationMethodsReferences: login.AMR,
			Extra: map[string]any{claimRecovery: login.Txn},
		},
		Headers:   &oryjwt.Headers{},
		ExpiresAt: map[oryfosite.TokenType]time.Time{oryfosite.AuthorizeCode: codeExpires},
	}
}

// idTokens makes ID tokens in place of fosite's own strategy, which adds claims of its own (rat, jti), makes aud a list
// and knows the system's clock only.
type idTokens struct {
	issuer string
	keys   *oauth.KeySource
	clock  func() time.Time
}

func (t idTokens) GenerateIDToken(_ context.Context, lifespan time.Duration, r oryfosite.Requester) (string, error) {
	session, ok := r.GetSession().(*oryopenid.DefaultSession)
	if !ok {
		return "", fmt.Errorf("session is a %T", r.GetSession())
	}
	recovery, _ := session.Claims.Extra[claimRecovery].(string)
	now, client := t.clock(), r.GetClient().GetID()
	return t.keys.Now().Sign("JWT", idClaims{
		Issuer: t.issuer, Subject: session.Claims.Subject, Audience: client, Authorized: client,
		Nonce:    r.GetRequestForm().Get("nonce"),
		IssuedAt: now.Unix(), ExpiresAt: now.Add(lifespan).Unix(), AuthTime: session.Claims.AuthTime.Unix(),
		ACR: session.Claims.AuthenticationContextClassReference, AMR: session.Claims.AuthenticationMethodsReferences,
		Recovery: recovery, Username: username,
	})
}
