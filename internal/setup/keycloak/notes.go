package keycloak

import (
	"context"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"

	"github.com/regrant/regrant/upstream"
)

// notes are what a person should know of the realm. None of it is changed here.
func (r *Realm) notes(ctx context.Context) (notes []string, err error) {
	var realm struct {
		BruteForceProtected bool   `json:"bruteForceProtected"`
		Events              bool   `json:"eventsEnabled"`
		AdminEvents         bool   `json:"adminEventsEnabled"`
		SSL                 string `json:"sslRequired"`
		ResetFlow           string `json:"resetCredentialsFlow"`
		ResetAllowed        bool   `json:"resetPasswordAllowed"`
	}
	if err := r.api.get(ctx, "", &realm); err != nil {
		return nil, fmt.Errorf("reading the realm: %w", err)
	}
	for _, n := range []struct {
		so   bool
		text string
	}{
		{!realm.BruteForceProtected, "brute-force detection is off: passwords can be guessed without end"},
		{!realm.Events, "login events are not stored: nobody can look up later what happened to an account"},
		{!realm.AdminEvents, "admin events are not stored: nobody can look up later who changed the realm"},
		{realm.SSL == "none", "the realm takes passwords without TLS (sslRequired none)"},
		{!r.o.Strict && realm.ResetFlow == recoverFlow, "the realm is in mode strict already, and is left so: --undo ends that"},
		{!r.o.Strict && realm.ResetFlow != recoverFlow && realm.ResetAllowed, "\"Forgot password?\" still mails a link, whoever reads the mailbox: mode strict ends that"},
	} {
		if n.so {
			notes = append(notes, n.text)
		}
	}
	address, err := r.publicIssuer(ctx)
	if want := r.o.Origin + "/realms/" + r.o.Realm; err == nil && address != want {
		notes = append(notes, fmt.Sprintf("Keycloak calls the realm %s, and the gateway expects %s: start Keycloak with --hostname=%s", address, want, r.o.Origin))
	}
	return notes, err
}

// publicIssuer is what the realm calls itself in tokens.
func (r *Realm) publicIssuer(ctx context.Context) (string, error) {
	req, err := upstream.Request(ctx, http.MethodGet, r.o.URL+"/realms/"+r.o.Realm+"/.well-known/openid-configuration", nil)
	if err != nil {
		return "", err
	}
	reply, err := r.api.do(req)
	if err != nil {
		return "", err
	}
	var metadata struct {
		Issuer string `json:"issuer"`
	}
	if err := reply.verdict(http.MethodGet); err != nil {
		return "", fmt.Errorf("reading what the realm calls itself: %w", err)
	}
	if json.Unmarshal(reply.Body, &metadata) != nil || metadata.Issuer == "" {
		return "", fmt.Errorf("reading what the realm calls itself: %w", ErrAnswer)
	}
	return metadata.Issuer, nil
}
