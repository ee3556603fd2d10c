package caddymodule

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/authority"
	"github.com/regrant/regrant/internal/recovery"
	"github.com/regrant/regrant/storage"
)

const (
	defaultRecoveries = 50
	maxRecoveries     = 1000
)

// activationCodeRequest asks for the code with which a device is enrolled.
type activationCodeRequest struct {
	Account string `json:"account"`
	Subject string `json:"subject"`
	As      string `json:"as"`
}

type activationCode struct {
	Code      string    `json:"code"`
	ExpiresAt time.Time `json:"expires_at"`
}

func makeActivationCode(ctx context.Context, c adminCall) (any, error) {
	var in activationCodeRequest
	if err := c.decodeChange(&in, &in.As); err != nil {
		return nil, err
	}
	code, err := c.authority.NewCode(ctx, authority.CodeRequest{Identifier: in.Account, Subject: in.Subject, As: in.As})
	if err != nil {
		return nil, err
	}
	return activationCode{Code: code.Text, ExpiresAt: code.ExpiresAt}, nil
}

// authenticator is an authenticator as operators see it.
type authenticator struct {
	ID           string    `json:"id"`
	AccountID    string    `json:"account_id"`
	Method       string    `json:"method"`
	Label        string    `json:"label,omitempty"`
	DeviceID     string    `json:"device_id,omitempty"`
	Serial       string    `json:"serial,omitempty"`
	BoundAt      time.Time `json:"bound_at"`
	BoundBy      string    `json:"bound_by,omitempty"`
	EffectiveAt  time.Time `json:"effective_at"`
	ConfirmBy    time.Time `json:"confirm_before,omitzero"` // it counts for nothing until its owner confirms it
	NotAfter     time.Time `json:"not_after,omitzero"`
	LastUsedAt   time.Time `json:"last_used_at,omitzero"`
	LastProvenAt time.Time `json:"last_proven_at,omitzero"` // in a recovery or a rehearsal
	Usable       bool      `json:"usable"`                  // it may take part in a recovery now
	RevokedAt    time.Time `json:"revoked_at,omitzero"`
	RevokedBy    string    `json:"revoked_by,omitempty"`
	RevokeReason string    `json:"revoke_reason,omitempty"`
}

func viewAuthenticator(a *account.Authenticator, now time.Time) authenticator {
	var before time.Time
	if a.Awaits != nil {
		before = a.Awaits.Before
	}
	return authenticator{
		ConfirmBy: before, ID: a.ID, AccountID: a.AccountID, Method: string(a.Method), Label: a.Label, DeviceID: a.DeviceID, Serial: a.Serial,
		BoundAt: a.BoundAt, BoundBy: a.BoundBy, EffectiveAt: a.EffectiveAt, NotAfter: a.NotAfter, LastUsedAt: a.LastUsedAt,
		LastProvenAt: a.LastProvenAt, Usable: a.Usable(now) == nil,
		RevokedAt: a.RevokedAt, RevokedBy: a.RevokedBy, RevokeReason: a.RevokeReason,
	}
}

// accountRequest names an account.
type accountRequest struct {
	Account string `json:"account"`
}

// listAuthenticators lists those of the account that an identifier names; where
// the identity provider cannot be asked, the name is the account's subject.
func listAuthenticators(ctx context.Context, c adminCall) (any, error) {
	var in accountRequest
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	id := in.Account
	if c.adapter.Facts().Admin {
		found, err := c.adapter.Resolve(ctx, id)
		if err != nil {
			return nil, err
		}
		id = found.ID
	}
	views := []authenticator{}
	err := c.db.View(ctx, func(r storage.Reader) error {
		list, err := c.accounts.History(r, id)
		for i := range list {
			views = append(views, viewAuthenticator(&list[i], r.Now()))
		}
		return err
	})
	return views, err
}

// revokeRequest asks to end an authenticator.
type revokeRequest struct {
	As     string `json:"as"`
	Reason string `json:"reason"`
}

func revokeAuthenticator(ctx context.Context, c adminCall) (any, error) {
	var in revokeRequest
	if err := c.decodeChange(&in, &in.As); err != nil {
		return nil, err
	}
	if in.Reason == "" {
		return nil, refuse(http.StatusBadRequest, "reason is missing: say why, because it is journalled and the owner is told")
	}
	if err := c.authority.Revoke(ctx, c.name, in.As, in.Reason); err != nil {
		return nil, err
	}
	var view authenticator
	err := c.db.View(ctx, func(r storage.Reader) error {
		revoked, err := c.accounts.Get(r, c.name)
		if err != nil {
			return err
		}
		view = viewAuthenticator(revoked, r.Now())
		return nil
	})
	return view, err
}

// listRecoveries lists the latest ones, newest first.
func listRecoveries(ctx context.Context, c adminCall) (any, error) {
	limit := defaultRecoveries
	if text := c.request.URL.Query().Get("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxRecoveries {
			return nil, refuse(http.StatusBadRequest, "limit is not a number from 1 to %d", maxRecoveries)
		}
	}
	list, err := c.recovery.Recent(ctx, limit)
	return append([]recovery.Summary{}, list...), err
}

// brokerSettings is what has to be entered at the identity provider, so that it
// can ask the gateway to identify a person.
type brokerSettings struct {
	ClientID         string   `json:"client_id"`
	ClientSecret     string   `json:"client_secret"`
	Issuer           string   `json:"issuer"`
	DiscoveryURL     string   `json:"discovery_url"`
	AuthorizationURL string   `json:"authorization_url"`
	TokenURL         string   `json:"token_url"`
	JWKSURL          string   `json:"jwks_url"`
	RedirectURIs     []string `json:"redirect_uris"`
}

func describeBroker(_ context.Context, c adminCall) (any, error) {
	if c.broker == nil {
		return nil, refuse(http.StatusNotFound, "this identity provider makes its sessions itself: nothing is to be entered there")
	}
	issuer := c.realm.issuer() + "/oidc"
	return brokerSettings{
		ClientID:         c.brokerClient.ID,
		ClientSecret:     c.brokerClient.Secret,
		Issuer:           issuer,
		DiscoveryURL:     issuer + "/.well-known/openid-configuration",
		AuthorizationURL: issuer + "/authorize",
		TokenURL:         issuer + "/token",
		JWKSURL:          issuer + "/jwks",
		RedirectURIs:     c.adapter.Facts().BrokerRedirects,
	}, nil
}
