package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"sync"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// brokerName is what ID tokens call the provider behind "Forgot password?".
const brokerName = "regrant"

// attempt is one browser's login at the broker.
type attempt struct{ nonce, verifier, request string }

// broker is the OpenID client of the gateway's broker.
type broker struct {
	config   brokerConfig
	redirect string

	mu       sync.Mutex
	provider *oidc.Provider
}

// claims are those of the ID token that are used.
type claims struct {
	Recovery string   `json:"recovery_id"`
	AMR      []string `json:"amr"`
}

// discover finds the provider out when it is first needed: it may start later than this process.
func (b *broker) discover(ctx context.Context) (*oidc.Provider, *oauth2.Config, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.provider == nil {
		p, err := oidc.NewProvider(oidc.ClientContext(ctx, b.config.http), b.config.Issuer)
		if err != nil {
			return nil, nil, err
		}
		b.provider = p
	}
	endpoint := b.provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader // client_secret_basic
	return b.provider, &oauth2.Config{
		ClientID: b.config.ClientID, ClientSecret: b.config.secret, Endpoint: endpoint, RedirectURL: b.redirect, Scopes: []string{oidc.ScopeOpenID},
	}, nil
}

// redeem exchanges the code and verifies the ID token: signature, issuer, audience, time and nonce.
func (b *broker) redeem(ctx context.Context, code string, a attempt) (subject string, c claims, err error) {
	provider, client, err := b.discover(ctx)
	if err != nil {
		return "", c, err
	}
	ctx = oidc.ClientContext(ctx, b.config.http)
	token, err := client.Exchange(ctx, code, oauth2.VerifierOption(a.verifier))
	if err != nil {
		return "", c, err
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := provider.VerifierContext(ctx, &oidc.Config{ClientID: b.config.ClientID}).Verify(ctx, raw)
	if err != nil {
		return "", c, err
	}
	if id.Nonce != a.nonce {
		return "", c, errors.New("the ID token answers another login")
	}
	return id.Subject, c, id.Claims(&c)
}

// forgot sends the browser to the broker. The cookie ties what comes back to this browser.
func (s *server) forgot(w http.ResponseWriter, r *http.Request) {
	request := r.FormValue("request")
	_, client, err := s.broker.discover(r.Context())
	if err != nil {
		s.log.Error("reaching the broker", "error", err)
		s.loginPage(w, http.StatusBadGateway, request, "Account recovery cannot be reached just now.")
		return
	}
	a := attempt{nonce: rand.Text(), verifier: oauth2.GenerateVerifier(), request: request}
	state := s.attempts.add(a)
	setCookie(w, attemptCookie, state)
	http.Redirect(w, r, client.AuthCodeURL(state, oidc.Nonce(a.nonce), oauth2.S256ChallengeOption(a.verifier)), http.StatusSeeOther)
}

// callback signs in whoever comes back from the broker.
func (s *server) callback(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	cookie, err := r.Cookie(attemptCookie)
	if err != nil || cookie.Value != q.Get("state") {
		s.loginPage(w, http.StatusBadRequest, "", "This recovery was not started in this browser.")
		return
	}
	a, ok := s.attempts.take(q.Get("state"))
	if !ok {
		s.loginPage(w, http.StatusBadRequest, "", "This recovery took too long or has ended already.")
		return
	}
	if q.Get("error") != "" {
		http.Redirect(w, r, "/login?request="+url.QueryEscape(a.request), http.StatusSeeOther)
		return
	}
	subject, c, err := s.broker.redeem(r.Context(), q.Get("code"), a)
	u, linked := s.users.find(subject)
	if err != nil || !linked || u.id != subject {
		s.log.Warn("brokered login refused", "linked", linked, "error", err)
		s.loginPage(w, http.StatusForbidden, a.request, "The recovery was not accepted.")
		return
	}
	// Whoever took the account over is out before its owner is in.
	s.sessions.remove(func(v session) bool { return v.user == u })
	s.proceed(w, r, a.request, s.begin(w, session{user: u, amr: c.AMR, brokered: true, recovery: c.Recovery, setPassword: true}))
}
