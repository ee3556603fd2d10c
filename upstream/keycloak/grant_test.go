package keycloak_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	server "github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/keycloak"
)

const jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// program is alice's recovery, ready for the program that proved itself.
func (w *world) program(t *testing.T) upstream.Session {
	t.Helper()
	s := w.recovery(t, attest.ActionSignIn, attest.ActionRevokeSessions)
	s.Program = true
	s.Assert = func() (string, error) { return w.broker.assertion(s.Subject) }
	return s
}

// ask posts a form as the client for programs and returns status and answer.
func (w *world) ask(t *testing.T, endpoint string, form url.Values) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+"/realms/"+w.Realm+"/protocol/openid-connect/"+endpoint, strings.NewReader(form.Encode()))
	must(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(server.ProgramsID, w.ProgramsSecret)
	resp, err := http.DefaultClient.Do(r)
	must(t, err)
	defer resp.Body.Close()
	var answer map[string]any
	_ = json.NewDecoder(resp.Body).Decode(&answer) // an empty answer stays nil
	return resp.StatusCode, answer
}

// userinfo returns what the realm says of whoever has the token.
func (w *world) userinfo(t *testing.T, token string) (int, map[string]any) {
	t.Helper()
	return w.ask(t, "userinfo", url.Values{"access_token": {token}})
}

func TestAProgramsTokenIsTheAccountsAndExpiresSoon(t *testing.T) {
	w := realKeycloak(t)
	s := w.program(t)
	out, err := w.adapter.Session(t.Context(), s)
	must(t, err)
	token := out.Token
	if token.Kind != upstream.TokenAccess || token.Type != "Bearer" || token.ExpiresIn <= 0 || token.ExpiresIn > 2*time.Minute {
		t.Errorf("got a %s of type %s for %s", token.Kind, token.Type, token.ExpiresIn)
	}
	if status, who := w.userinfo(t, token.Value); status != http.StatusOK || who["sub"] != s.AccountID {
		t.Errorf("userinfo: %d %v", status, who)
	}
	if _, told := w.ask(t, "token/introspect", url.Values{"token": {token.Value}}); told["active"] != true || told["sub"] != s.AccountID {
		t.Errorf("introspection: %v", told)
	}
	if online, offline := w.sessions(t, s.AccountID); len(online)+len(offline) > 0 || w.linked(t, s.AccountID) {
		t.Errorf("left: sessions %v, offline sessions %v, linked %v", online, offline, w.linked(t, s.AccountID))
	}
	// A veto ends it: the server compares whole seconds, so that revoking may take another try.
	for status := http.StatusOK; status == http.StatusOK; status, _ = w.userinfo(t, token.Value) {
		must(t, w.adapter.Revoke(t.Context(), s.AccountID))
	}
}

func TestAnAssertionIsGoodOnce(t *testing.T) {
	w := realKeycloak(t)
	s := w.program(t)
	var spent []string
	fresh := s.Assert
	s.Assert = func() (string, error) {
		assertion, err := fresh()
		spent = append(spent, assertion)
		return assertion, err
	}
	for range 2 {
		_, err := w.adapter.Session(t.Context(), s)
		must(t, err)
	}
	if len(spent) != 2 || spent[0] == spent[1] {
		t.Fatalf("%d assertions, want another one for each try", len(spent))
	}
	browsers := s
	browsers.Program = false
	_, err := w.adapter.Session(t.Context(), browsers) // the way in stands, the assertion is spent all the same
	must(t, err)
	status, answer := w.ask(t, "token", url.Values{"grant_type": {jwtBearer}, "assertion": {spent[0]}})
	if status != http.StatusBadRequest || answer["error_description"] != "Token reuse detected" {
		t.Errorf("replayed: %d %v", status, answer)
	}
	s.Assert = func() (string, error) { return spent[1], nil }
	w.getsNone(t, w.adapter, s, upstream.ErrUnavailable)
}

// getsNone demands that a program gets no token, and that nothing is left.
func (w *world) getsNone(t *testing.T, a *keycloak.Adapter, s upstream.Session, want error) {
	t.Helper()
	out, err := a.Session(t.Context(), s)
	if !errors.Is(err, want) || out.Token != nil {
		t.Errorf("got %v, %v, want %v", out.Token != nil, err, want)
	}
	if w.linked(t, s.AccountID) {
		t.Error("a way in is left")
	}
}

func TestWhoMayHaveNoTokenIsNotLinked(t *testing.T) {
	w := realKeycloak(t)
	for name, c := range map[string]struct {
		change func(t *testing.T, s *upstream.Session, cfg *keycloak.Config)
		want   error
	}{
		"disabled": {func(t *testing.T, s *upstream.Session, _ *keycloak.Config) {
			s.AccountID = w.user(t, "mallory")
		}, upstream.ErrRefused},
		"privileged": {func(t *testing.T, s *upstream.Session, _ *keycloak.Config) {
			s.AccountID = w.user(t, "carol")
		}, upstream.ErrRefused},
		"required action pending": {func(t *testing.T, s *upstream.Session, _ *keycloak.Config) {
			must(t, w.Admin(t.Context(), "PUT", "/users/"+s.AccountID, map[string]any{"requiredActions": []string{"UPDATE_PASSWORD"}}, nil))
		}, upstream.ErrUnsupported},
		"an action that sets something up": {func(_ *testing.T, s *upstream.Session, _ *keycloak.Config) {
			s.Actions = append(s.Actions, attest.ActionResetPassword)
		}, upstream.ErrUnsupported},
		"nobody asserts": {func(_ *testing.T, s *upstream.Session, _ *keycloak.Config) { s.Assert = nil }, upstream.ErrUnsupported},
		"not configured": {func(_ *testing.T, _ *upstream.Session, cfg *keycloak.Config) {
			cfg.GrantClientID, cfg.GrantClientSecret = "", ""
		}, upstream.ErrUnsupported},
		"no subject": {func(_ *testing.T, s *upstream.Session, _ *keycloak.Config) { s.Subject = "" }, upstream.ErrRefused},
		"unknown": {func(_ *testing.T, s *upstream.Session, _ *keycloak.Config) {
			s.AccountID = "00000000-0000-0000-0000-000000000000"
		}, upstream.ErrNoAccount},
	} {
		t.Run(name, func(t *testing.T) {
			s, cfg, linked := w.program(t), w.config(w.URL), false
			c.change(t, &s, &cfg)
			cfg.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				linked = linked || r.Method == http.MethodPost && strings.Contains(r.URL.Path, "/federated-identity/")
				return http.DefaultTransport.RoundTrip(r)
			})}
			a, err := keycloak.New(cfg)
			must(t, err)
			if out, err := a.Session(t.Context(), s); !errors.Is(err, c.want) || out.Token != nil {
				t.Errorf("got %v, %v, want %v", out.Token != nil, err, c.want)
			}
			if linked {
				t.Error("a link was made for nothing")
			}
		})
	}
}

func TestARefusedAssertionTellsNothingAndLeavesNothing(t *testing.T) {
	w := realKeycloak(t)
	claims := func(change func(map[string]any)) func(*upstream.Session, *keycloak.Config) {
		return func(s *upstream.Session, _ *keycloak.Config) {
			subject := s.Subject
			s.Assert = func() (string, error) {
				now := time.Now()
				c := map[string]any{
					"iss": w.broker.issuer, "sub": subject, "aud": w.broker.audience, "jti": subject + now.String(),
					"iat": now.Unix(), "exp": now.Add(30 * time.Second).Unix(),
				}
				change(c)
				return w.broker.sign(c)
			}
		}
	}
	for name, change := range map[string]func(*upstream.Session, *keycloak.Config){
		"another issuer":   claims(func(c map[string]any) { c["iss"] = "https://other.example/recovery/oidc" }),
		"another subject":  claims(func(c map[string]any) { c["sub"] = "somebody" }),
		"another audience": claims(func(c map[string]any) { c["aud"] = w.BrokerID }),
		"two audiences":    claims(func(c map[string]any) { c["aud"] = []string{w.broker.audience, w.BrokerID} }),
		"expired":          claims(func(c map[string]any) { c["exp"] = time.Now().Add(-time.Second).Unix() }),
		"too old":          claims(func(c map[string]any) { c["iat"] = time.Now().Add(-5 * time.Minute).Unix() }),
		"not yet issued":   claims(func(c map[string]any) { c["iat"] = time.Now().Add(time.Minute).Unix() }),
		"no jti":           claims(func(c map[string]any) { delete(c, "jti") }),
		"another key": func(s *upstream.Session, _ *keycloak.Config) {
			other := newBroker(w.broker.issuer)
			other.audience = w.broker.audience
			subject := s.Subject
			s.Assert = func() (string, error) { return other.assertion(subject) }
		},
		"no JWT": func(s *upstream.Session, _ *keycloak.Config) { s.Assert = func() (string, error) { return "e30", nil } },
		"nothing signed": func(s *upstream.Session, _ *keycloak.Config) {
			s.Assert = func() (string, error) { return "", errors.New("no key") }
		},
		"another secret": func(_ *upstream.Session, cfg *keycloak.Config) { cfg.GrantClientSecret = "wrong" },
		"a client that may not": func(_ *upstream.Session, cfg *keycloak.Config) {
			cfg.GrantClientID, cfg.GrantClientSecret = cfg.ClientID, cfg.ClientSecret
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, cfg := w.program(t), w.config(w.URL)
			claims(func(map[string]any) {})(&s, &cfg) // the good case
			a, err := keycloak.New(cfg)
			must(t, err)
			_, err = a.Session(t.Context(), s)
			must(t, err)
			change(&s, &cfg)
			a, err = keycloak.New(cfg)
			must(t, err)
			w.getsNone(t, a, s, upstream.ErrUnavailable)
		})
	}
}

func TestATokenWhoseWayInStaysIsKeptBack(t *testing.T) {
	w := realKeycloak(t)
	s := w.program(t)
	down := w.through(t, func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodDelete {
			return nil, http.ErrHandlerTimeout
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	if out, err := down.Session(t.Context(), s); !errors.Is(err, upstream.ErrUnavailable) || out.Token != nil {
		t.Errorf("got %v, %v", out.Token != nil, err)
	}
	if !w.linked(t, s.AccountID) {
		t.Fatal("nothing is left to be taken away")
	}
	must(t, w.adapter.Abandon(t.Context(), s)) // as after a crash
	if w.linked(t, s.AccountID) {
		t.Error("a way in is left")
	}
}

func TestATokenOfSomebodyElseIsKeptBack(t *testing.T) {
	w := realKeycloak(t)
	s, bob := w.program(t), w.user(t, "bob")
	const hers = "link-of-bob"
	must(t, w.Admin(t.Context(), "POST", "/users/"+bob+"/federated-identity/"+server.Alias, map[string]any{"userId": hers, "userName": "bob"}, nil))
	t.Cleanup(func() { w.user(t, "bob") })
	s.Assert = func() (string, error) { return w.broker.assertion(hers) }
	w.getsNone(t, w.adapter, s, upstream.ErrUnavailable)
}

func TestALockKeepsNobodyFromAToken(t *testing.T) {
	w := realKeycloak(t)
	s := w.program(t)
	must(t, w.BruteForceLock(t.Context(), "alice")) // whoever knows her name can, also after Prepare has unlocked her
	out, err := w.adapter.Session(t.Context(), s)
	if err != nil || out.Token == nil {
		t.Errorf("%v", err)
	}
}

func TestTheGatewaysOwnClientMayServePrograms(t *testing.T) {
	w := realKeycloak(t)
	var clients []map[string]any
	must(t, w.Admin(t.Context(), "GET", "/clients?clientId="+server.ClientID, nil, &clients))
	attributes := clients[0]["attributes"].(map[string]any)
	set := func(to string) {
		attributes["oauth2.jwt.authorization.grant.enabled"], attributes["oauth2.jwt.authorization.grant.idp"] = to, server.Alias
		must(t, w.Admin(t.Context(), "PUT", "/clients/"+clients[0]["id"].(string), clients[0], nil))
	}
	set("true")
	defer set("false")
	cfg := w.config(w.URL)
	cfg.GrantClientID, cfg.GrantClientSecret = cfg.ClientID, cfg.ClientSecret
	a, err := keycloak.New(cfg)
	must(t, err)
	if out, err := a.Session(t.Context(), w.program(t)); err != nil || out.Token == nil {
		t.Errorf("%v", err)
	}
}
