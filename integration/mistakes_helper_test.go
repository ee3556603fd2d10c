package integration

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/checker"
	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/hydra"
	"github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/integration/mistakes"
	"github.com/regrant/regrant/integration/ory"
	"github.com/regrant/regrant/integration/postgres"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/internal/wire"
)

// peer is a server that exchanges assertions, for one client.
type peer struct {
	http *http.Client
	good func() *mistakes.Attempt // with assertions that nobody brought before
	// wrong puts the mistake into the request, and right is the request without it.
	wrong func(*mistakes.Attempt, mistakes.Mistake) *mistakes.Attempt
	right func(*mistakes.Attempt) *mistakes.Attempt
	// prepare adds to a request what this server wants besides.
	prepare func(*http.Request)
}

// make makes the request.
func (p *peer) make(t *testing.T, a *mistakes.Attempt) *http.Request {
	t.Helper()
	req, err := a.Request(t.Context())
	fatal(t, err)
	p.prepare(req)
	return req
}

func (p *peer) send(req *http.Request) (claimant.Answer, error) {
	resp, err := p.http.Do(req)
	if err != nil {
		return claimant.Answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return claimant.Answer{Status: resp.StatusCode, Header: resp.Header, Body: body}, err
}

func (p *peer) answers(t *testing.T, a *mistakes.Attempt) claimant.Answer {
	t.Helper()
	got, err := p.send(p.make(t, a))
	fatal(t, err)
	return got
}

// tried sends a request with the mistake. Whoever refuses it takes the same request without: nothing else was wrong, and
// nothing was spent.
func (p *peer) tried(t *testing.T, m mistakes.Mistake) claimant.Answer {
	t.Helper()
	good := p.good()
	if m.Again {
		p.wantGood(t, good, m.Name+": before that")
	}
	got := p.answers(t, p.wrong(good, m))
	if got.Status != http.StatusOK && !m.Again {
		p.wantGood(t, p.right(good), m.Name+": without it")
	}
	return got
}

func (p *peer) wantGood(t *testing.T, good *mistakes.Attempt, when string) {
	t.Helper()
	if a := p.answers(t, good); a.Status != http.StatusOK {
		t.Errorf("%s: the good request is answered %d %s", when, a.Status, a.Body)
	}
}

// inShort is an answer as the documentation says it.
func inShort(a claimant.Answer) string { return strings.TrimSpace(fmt.Sprint(a.Status, " ", a.Code())) }

// bySecret is p for the client that has a secret: the mistakes are in the assertion that is exchanged, and around it.
func (p peer) bySecret() *peer {
	p.wrong = (*mistakes.Attempt).With
	p.right = func(good *mistakes.Attempt) *mistakes.Attempt { return good }
	return &p
}

// byKey is p for a client that authenticates with assertions of a key: the mistakes are in those. Audience is the one that they
// need, other is another name of the server.
func (p peer) byKey(id string, key, otherKey mistakes.Key, audience, other string) *peer {
	server := &mistakes.Server{Issuer: other, TokenURL: audience, Key: key, OtherKey: otherKey}
	good := p.good
	p.right = func(a *mistakes.Attempt) *mistakes.Attempt {
		now := time.Now().Unix()
		return a.By(id, server.Good(map[string]any{"alg": "ES256", "kid": key.ID, "typ": "client-authentication+jwt"}, map[string]any{
			"iss": id, "sub": id, "aud": audience, "iat": now, "nbf": now, "exp": now + 60, "jti": rand.Text(),
		}))
	}
	p.good = func() *mistakes.Attempt { return p.right(good()) }
	p.wrong = (*mistakes.Attempt).WithClient
	return &p
}

// gateway is the running gateway with a person's recoveries. Its keys are read from its store while it is away, as nobody could who
// has not the operator's secret.
func gateway(t *testing.T) (bySecret, byKey *peer) {
	t.Helper()
	secret := &claimant.Application{ID: "secret-app", Secret: rand.Text() + rand.Text()}
	other := mistakes.Client{ID: "other-app", Secret: rand.Text() + rand.Text()}
	key, block := application("key-app")
	e := own(t, env.Options{IdP: env.Demo, Patient: true, Gateway: []string{
		block, "client secret-app {\n secret " + secret.Secret + "\n}", "client other-app {\n secret " + other.Secret + "\n}",
	}})
	who := enrolled(t, e, "alice")
	server := &mistakes.Server{
		Issuer: e.Issuer, TokenURL: e.Issuer + "/token", Scope: "recovery:complete",
		Client: mistakes.Client{ID: secret.ID, Secret: secret.Secret}, Other: other, Barred: mistakes.Client{ID: "regrant-browser"},
		OtherSubject: "bob-0001",
	}
	e.StopCaddy()
	server.Key, server.OtherKey = signing(t, e, keys.Grant), signing(t, e, keys.Broker)
	fatal(t, e.StartCaddy(t.Context()))
	of := func(app *claimant.Application) peer {
		return peer{http: e.Client, good: func() *mistakes.Attempt {
			who.As = app
			parts := strings.Split(who.granted().RecoveryToken, ".")
			return server.Good(members(t, parts[0]), members(t, parts[1]))
		}, prepare: func(r *http.Request) {
			proof, err := wire.NewProof(who.Holder, r.Method, server.TokenURL, time.Now(), "")
			fatal(t, err)
			r.Header.Set("DPoP", proof)
		}}
	}
	own := mistakes.Key{ID: wire.Thumbprint(key.Key.Public()), Private: key.Key}
	return of(secret).bySecret(), of(key).byKey(key.ID, own, server.OtherKey, server.Issuer, server.TokenURL)
}

func signing(t *testing.T, e *env.Env, purpose keys.Purpose) mistakes.Key {
	t.Helper()
	secret, err := os.ReadFile(filepath.Join(e.Dir, "secret"))
	fatal(t, err)
	found, err := checker.Signing(t.Context(), filepath.Join(e.Dir, "store"), decoded(t, secret), purpose)
	fatal(t, err)
	return mistakes.Key{ID: found[0].ID, Private: found[0].Private}
}

// members reads the header or the claims of a token.
func members(t *testing.T, part string) (out map[string]any) {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(part)
	fatal(t, err)
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	fatal(t, d.Decode(&out))
	return out
}

// realHydra is Ory Hydra on PostgreSQL, which trusts keys for one subject each time.
func realHydra(t *testing.T) (bySecret, byKey *peer) {
	t.Helper()
	program := filepath.Join(bin, "hydra")
	demand(t, ory.Missing(program))
	demand(t, postgres.Missing())
	var ports [3]int
	for i := range ports {
		port, err := keycloak.FreePort()
		fatal(t, err)
		ports[i] = port
	}
	state, err := postgres.Start(t.Context(), ports[2], nil, "hydra")
	fatal(t, err)
	t.Cleanup(state.Stop)
	h, err := hydra.Start(t.Context(), hydra.Options{
		Program: program, Dir: t.TempDir(), DSN: state.URL("hydra"), Ports: [2]int(ports[:2]), Extra: hydra.Strict,
	})
	fatal(t, err)
	t.Cleanup(h.Stop)
	const issuer, subject = "https://issuer.example/recovery", "alice-0001"
	server := &mistakes.Server{
		Issuer: h.Issuer, TokenURL: h.TokenURL, Scope: "recover",
		Client: registered(t, h, mistakes.GrantType), Other: registered(t, h, mistakes.GrantType), Barred: registered(t, h, "client_credentials"),
		Key: mistakes.Key{ID: "key-1", Private: claimant.NewKey()}, OtherKey: mistakes.Key{ID: "key-2", Private: claimant.NewKey()},
		OtherSubject: "bob-0001",
	}
	for _, trust := range []struct {
		issuer, subject string
		key             mistakes.Key
	}{
		{issuer, subject, server.Key}, {issuer, server.OtherSubject, server.Key}, {"https://other.example", subject, server.OtherKey},
	} {
		fatal(t, h.TrustKey(t.Context(), trust.issuer, trust.subject, trust.key.ID, &trust.key.Private.PublicKey))
	}
	p := peer{http: http.DefaultClient, prepare: func(*http.Request) {}, good: func() *mistakes.Attempt {
		now := time.Now().Unix()
		return server.Good(map[string]any{"alg": "ES256", "kid": server.Key.ID, "typ": "recovery+jwt"}, map[string]any{
			"iss": issuer, "sub": subject, "aud": server.TokenURL, "iat": now, "nbf": now, "exp": now + 120, "jti": rand.Text(),
			// All this says nothing to Hydra.
			"scope": "recovery:complete", "client_id": server.Client.ID, "acr": "urn:regrant:device", "amr": []string{"pop"}, "auth_time": now,
			"txn": rand.Text(), "cnf": map[string]string{"jkt": strings.Repeat("A", 43)},
		})
	}}
	own := mistakes.Key{ID: "client-key", Private: claimant.NewKey()}
	id, err := h.KeyClient(t.Context(), mistakes.GrantType, own.ID, &own.Private.PublicKey)
	fatal(t, err)
	return p.bySecret(), p.byKey(id, own, server.OtherKey, server.TokenURL, server.Issuer)
}

func registered(t *testing.T, h *hydra.Server, grantType string) mistakes.Client {
	t.Helper()
	id, secret, err := h.SecretClient(t.Context(), grantType)
	fatal(t, err)
	return mistakes.Client{ID: id, Secret: secret}
}
