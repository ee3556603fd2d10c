package main

import (
	"crypto/ecdsa"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"

	"github.com/regrant/regrant/fosite/recoverytoken"
)

const (
	tokenIssuer   = "https://id.example.com/recovery"
	tokenAudience = tokenIssuer + "/token"
)

// tokenScene is a good recovery token and its issuer. A test changes one thing.
type tokenScene struct {
	key       *ecdsa.PrivateKey
	algorithm jose.SignatureAlgorithm
	kind      string
	claims    map[string]any // set in the payload
}

// sign makes the token.
func (s *tokenScene) sign(t *testing.T) string {
	t.Helper()
	payload, err := recoverytoken.Verifier{Issuer: tokenIssuer, Audience: tokenAudience}.Payload(recoverytoken.Claims{
		Subject: "account", ClientID: "device", Txn: "recovery", JTI: strings.Repeat("j", 22), Scope: recoverytoken.Scope, ACR: "acr", AMR: []string{"pop"},
		AuthTime: appraisedAt, IssuedAt: appraisedAt, ExpiresAt: appraisedAt.Add(time.Minute), Thumbprint: strings.Repeat("t", 43),
	}, appraisedAt)
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	maps.Copy(claims, s.claims)
	key := any(s.key)
	if s.algorithm != jose.ES256 {
		key = []byte(strings.Repeat("k", 32))
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: s.algorithm, Key: jose.JSONWebKey{Key: key, KeyID: "one"}},
		(&jose.SignerOptions{}).WithType(jose.ContentType(s.kind)))
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign([]byte(asLine(t, claims)))
	if err != nil {
		t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// request asks about the token of the scene, which is good but for what change does.
func (s *tokenScene) request(t *testing.T, change func(s *tokenScene, q map[string]any)) string {
	t.Helper()
	other := *s
	q := map[string]any{
		"format": "recovery-token", "time": appraisedAt.Format(time.RFC3339),
		"trust":  map[string]any{"jwks": jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: s.key.Public(), KeyID: "one"}}}},
		"expect": map[string]any{"issuer": tokenIssuer, "audience": tokenAudience},
	}
	change(&other, q)
	if q["evidence"] == nil {
		q["evidence"] = map[string]any{"token": other.sign(t)}
	}
	return asLine(t, q)
}

func TestRecoveryTokenIsAppraised(t *testing.T) {
	type object = map[string]any
	type change = func(s *tokenScene, q object)
	good := &tokenScene{key: otherKey(t), algorithm: jose.ES256, kind: recoverytoken.Type}
	expect := func(member string, value any) change {
		return func(_ *tokenScene, q object) { q["expect"].(object)[member] = value }
	}
	without := func(member string) change {
		return func(_ *tokenScene, q object) { delete(q["expect"].(object), member) }
	}
	keys := func(jwks any) change { return func(_ *tokenScene, q object) { q["trust"] = object{"jwks": jwks} } }
	evidence := func(v object) change { return func(_ *tokenScene, q object) { q["evidence"] = v } }
	claim := func(name string, value any) change {
		return func(s *tokenScene, _ object) { s.claims = object{name: value} }
	}
	token := good.sign(t)
	changed := token[:len(token)-20] + "AAAAAAAA" + token[len(token)-12:]
	for name, tt := range map[string]struct {
		change change
		out    string // "": an error
	}{
		"good":                {func(*tokenScene, object) {}, `accept","claims":{"sub":"account"`},
		"for its client":      {expect("client_id", "device"), `accept","claims":{"sub":"account"`},
		"for another client":  {expect("client_id", "kiosk"), `refuse","reason":"identity"`},
		"later":               {func(_ *tokenScene, q object) { q["time"] = appraisedAt.Add(time.Hour) }, `refuse","reason":"expired"`},
		"elsewhere":           {expect("audience", tokenIssuer), `refuse","reason":"purpose"`},
		"of another issuer":   {expect("issuer", tokenAudience), `refuse","reason":"untrusted"`},
		"another type":        {func(s *tokenScene, _ object) { s.kind = "JWT" }, `refuse","reason":"purpose"`},
		"another scope":       {claim("scope", "openid"), `refuse","reason":"purpose"`},
		"another algorithm":   {func(s *tokenScene, _ object) { s.algorithm = jose.HS256 }, `refuse","reason":"unsupported"`},
		"no holder":           {claim("cnf", object{}), `refuse","reason":"key"`},
		"holder of no hash":   {claim("cnf", object{"jkt": "t"}), `refuse","reason":"key"`},
		"unknown claim":       {claim("admin", true), `refuse","reason":"malformed"`},
		"changed":             {evidence(object{"token": changed}), `refuse","reason":"signature"`},
		"unreadable token":    {evidence(object{"token": "a.b"}), `refuse","reason":"malformed"`},
		"no key":              {keys(object{"keys": []any{}}), `refuse","reason":"untrusted"`},
		"no set of keys":      {func(_ *tokenScene, q object) { q["trust"] = object{} }, ""},
		"set without a list":  {keys(object{}), ""},
		"set of no keys":      {keys(object{"keys": []any{"key"}}), ""},
		"set with a secret":   {keys(object{"keys": []any{object{"kty": "oct", "kid": "one", "k": "AAAA"}}}), ""},
		"keys of no list":     {keys(object{"keys": object{}}), ""},
		"no issuer":           {without("issuer"), ""},
		"empty issuer":        {expect("issuer", ""), ""},
		"no audience":         {without("audience"), ""},
		"empty audience":      {expect("audience", ""), ""},
		"empty client":        {expect("client_id", ""), ""},
		"client of no text":   {expect("client_id", 1), ""},
		"unknown wish":        {expect("scope", ""), ""},
		"no token":            {evidence(object{"tokens": token}), ""},
		"nothing as evidence": {evidence(object{}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			want := `{"verdict":"` + tt.out
			if tt.out == "" {
				want += `error","detail":"`
			}
			var out strings.Builder
			appraiseWith(strings.NewReader(good.request(t, tt.change)), &out)
			if !strings.HasPrefix(out.String(), want) {
				t.Error(out.String())
			}
		})
	}
}
