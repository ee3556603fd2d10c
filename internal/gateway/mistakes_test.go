package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/internal/wire"
)

// mistake is one thing that is wrong with a request that is good otherwise.
type mistake struct {
	rule   string // R: a rule of the standards; F: a gap of fosite that is closed here
	name   string
	change func(*forgery)
	status int
	code   string
}

func set(claim string, value any) func(*forgery) {
	return func(f *forgery) { f.claims[claim] = value }
}

func drop1(claim string) func(*forgery) { return func(f *forgery) { delete(f.claims, claim) } }

func head(member string, value any) func(*forgery) {
	return func(f *forgery) { f.header[member] = value }
}

func mangle(change func(string) string) func(*forgery) {
	return func(f *forgery) { f.mangle = change }
}

func payload(change func(string) string) func(*forgery) {
	return func(f *forgery) {
		f.literal = func(h, c string) (string, string) { return h, change(c) }
	}
}

// after is a time of the claims, moved from now.
func after(d time.Duration) int64 { return time.Now().Add(d).Unix() }

// mistakes of the assertion grant (RFC 7521, 7523, 8725, 9449). What is wrong with the assertion is invalid_grant and
// nothing more precise, so that nothing can be probed.
func mistakes() []mistake {
	const bad, grantBad = http.StatusBadRequest, "invalid_grant"
	ten := 10 * 365 * 24 * time.Hour
	return []mistake{
		{"R-110", "no assertion", func(f *forgery) { f.form["assertion"] = []string{""} }, bad, "invalid_request"},
		{"R-110", "two assertions", func(f *forgery) { f.form["assertion"] = []string{f.good, f.good} }, bad, "invalid_request"},
		{"R-110", "another grant type", func(f *forgery) { f.form.Set("grant_type", "authorization_code") }, bad, "unsupported_grant_type"},
		{"R-111", "no iss", drop1("iss"), bad, grantBad},
		{"R-111", "another iss", set("iss", "https://id.example.com/other"), bad, grantBad},
		{"R-111", "iss with a slash", set("iss", issuer+"/"), bad, grantBad},
		{"R-112", "no sub", drop1("sub"), bad, grantBad},
		{"R-112", "empty sub", set("sub", ""), bad, grantBad},
		{"R-112", "another sub", set("sub", "somebody-else"), bad, grantBad},
		{"R-113", "aud with a slash", set("aud", issuer+"/token/"), bad, grantBad},
		{"R-113", "aud in another case", set("aud", strings.ToUpper(issuer+"/token")), bad, grantBad},
		{"R-115 F2", "a second aud", set("aud", []string{issuer + "/token", "https://api.example.com"}), bad, grantBad},
		{"R-115", "aud as a list of one", set("aud", []string{issuer + "/token"}), bad, grantBad},
		{"R-116", "no exp", drop1("exp"), bad, grantBad},
		{"R-116 F10", "exp now", set("exp", after(0)), bad, grantBad},
		{"R-116", "exp over 300 s after iat", set("exp", after(302*time.Second)), bad, grantBad},
		{"R-116", "exp beyond all numbers", set("exp", json.Number("1e300")), bad, grantBad},
		{"R-117", "no iat", drop1("iat"), bad, grantBad},
		{"R-117", "iat over 300 s ago", func(f *forgery) {
			f.claims["iat"], f.claims["auth_time"] = after(-332*time.Second), after(-400*time.Second)
		}, bad, grantBad},
		{"R-117 F1", "iat in ten years", func(f *forgery) { f.claims["iat"], f.claims["exp"] = after(ten), after(ten+time.Minute) }, bad, grantBad},
		{"R-117", "no nbf", drop1("nbf"), bad, grantBad},
		{"R-117", "nbf in a minute", set("nbf", after(time.Minute)), bad, grantBad},
		{"R-118", "no jti", drop1("jti"), bad, grantBad},
		{"R-118 R-141", "jti under 128 bits", set("jti", "short"), bad, grantBad},
		{"R-118", "another jti", set("jti", "c29tZS1vdGhlci1yYW5kb20tMTI4LWJpdHM"), bad, grantBad},
		{"R-119", "flipped signature", mangle(func(s string) string { return flip(s, len(s)-10) }), bad, grantBad},
		{"R-119", "flipped payload", mangle(func(s string) string { return flip(s, strings.IndexByte(s, '.')+5) }), bad, grantBad},
		{"R-119", "no signature", mangle(func(s string) string { return s[:strings.LastIndexByte(s, '.')+1] }), bad, grantBad},
		{"R-119", "another signer", func(f *forgery) { f.key = attesttest.NewKey(f.t) }, bad, grantBad},
		{"R-120", "unknown client", func(f *forgery) { f.form.Set("client_id", "nobody") }, 401, "invalid_client"},
		{"R-120", "no client", func(f *forgery) { f.form.Del("client_id") }, bad, "invalid_request"},
		{"R-120", "a public client's secret", func(f *forgery) { f.form.Set("client_secret", "x") }, 401, "invalid_client"},
		{"R-120", "a public client's Basic", func(f *forgery) { f.headers = []string{"Authorization", "Basic eDp5"} }, 401, "invalid_client"},
		{"R-120", "a bearer", func(f *forgery) { f.headers = []string{"Authorization", "Bearer x"} }, 401, "invalid_client"},
		{"R-123 F9", "no DPoP proof", func(f *forgery) { f.proof = func() string { return "" } }, bad, "invalid_dpop_proof"},
		{"R-123 F9", "another DPoP key", func(f *forgery) { f.proof = (&program{h: f.p.h, key: attesttest.NewKey(f.t)}).tokenProof }, bad, grantBad},
		{"R-123", "cnf of another key", set("cnf", map[string]string{"jkt": strings.Repeat("A", 43)}), bad, grantBad},
		{"R-123", "no cnf", drop1("cnf"), bad, grantBad},
		{"F9", "another client's token", set("client_id", grant.ClientBrowser), bad, grantBad},
		{"F9", "no client_id in the token", drop1("client_id"), bad, grantBad},
		{"R-127", "a claim too many", set("email", alice), bad, grantBad},
		{"R-127", "the device's serial", set("serial", "1"), bad, grantBad},
		{"F11", "no txn", drop1("txn"), bad, grantBad},
		{"F11", "another recovery", set("txn", "01J8ZC5V6Y0QK3M8T2R4W7XN9B"), bad, grantBad},
		{"F11", "no acr", drop1("acr"), bad, grantBad},
		{"F3", "another scope in the token", set("scope", "admin"), bad, grantBad},
		{"F3", "a further scope in the token", set("scope", "recovery:complete admin"), bad, grantBad},
		{"F3", "another scope asked for", func(f *forgery) { f.form.Set("scope", "openid") }, bad, "invalid_scope"},
		{"R-128 F4", "alg none", head("alg", "none"), bad, grantBad},
		{"R-128", "alg noNe", head("alg", "noNe"), bad, grantBad},
		{"R-128", "alg es256", head("alg", "es256"), bad, grantBad},
		{"R-128 F4", "alg ES384", head("alg", "ES384"), bad, grantBad},
		{"R-128", "alg HS256", head("alg", "HS256"), bad, grantBad},
		{"R-130", "five parts", mangle(func(s string) string { return s + ".x.y" }), bad, grantBad},
		{"R-131", "the broker's key", func(f *forgery) { f.key = f.p.h.Ring.Signing(keys.Broker)[0].Private }, bad, grantBad},
		{"R-131", "the broker's key by its name", func(f *forgery) {
			f.key, f.header["kid"] = f.p.h.Ring.Signing(keys.Broker)[0].Private, f.p.h.Ring.Signing(keys.Broker)[0].ID
		}, bad, grantBad},
		{"R-132", "no aud", drop1("aud"), bad, grantBad},
		{"R-133", "no kid", func(f *forgery) { delete(f.header, "kid") }, bad, grantBad},
		{"R-133", "a kid for a database", head("kid", "x' OR '1'='1"), bad, grantBad},
		{"R-133", "a kid for a file system", head("kid", "../../../dev/null"), bad, grantBad},
		{"R-133", "jwk", head("jwk", map[string]string{"kty": "EC"}), bad, grantBad},
		{"R-133", "x5c", head("x5c", []string{"MIIB"}), bad, grantBad},
		{"R-134 F4", "no typ", func(f *forgery) { delete(f.header, "typ") }, bad, grantBad},
		{"R-134", "typ JWT", head("typ", "JWT"), bad, grantBad},
		{"R-134", "typ at+jwt", head("typ", "at+jwt"), bad, grantBad},
		{"R-134", "typ secevent+jwt", head("typ", "secevent+jwt"), bad, grantBad},
		{"R-136", "padding", mangle(func(s string) string { return s + "=" }), bad, grantBad},
		{"R-136", "a space", mangle(func(s string) string { return " " + s }), bad, grantBad},
		{"R-136", "a line break inside", mangle(func(s string) string { return s[:9] + "\n" + s[9:] }), bad, grantBad},
		{"R-136", "the JSON serialization", mangle(flattened), bad, grantBad},
		{"R-137 F10", "over 8 KiB", payload(func(c string) string { return c[:len(c)-1] + strings.Repeat(" ", 8<<10) + "}" }), bad, grantBad},
		{"R-138", "crit", head("crit", []string{"exp"}), bad, grantBad},
		{"R-138", "b64", head("b64", false), bad, grantBad},
		{"R-139", "a claim twice", payload(func(c string) string { return `{"sub":"somebody-else",` + c[1:] }), bad, grantBad},
		{"R-139", "trailing data", payload(func(c string) string { return c + "{}" }), bad, grantBad},
		{"R-139", "nested deeply", payload(func(c string) string {
			return c[:len(c)-1] + `,"x":` + strings.Repeat("[", 900) + strings.Repeat("]", 900) + "}"
		}), bad, grantBad},
		{"R-140", "a parameter twice", func(f *forgery) { f.form["client_id"] = []string{grant.ClientDevice, "x"} }, bad, "invalid_request"},
		{"R-140", "parameters in the URL", func(f *forgery) {
			f.request = func(r *http.Request) { r.URL.RawQuery = "assertion=" + f.good }
		}, bad, "invalid_request"},
		{"R-145", "the password grant", func(f *forgery) { f.form.Set("grant_type", "password") }, bad, "unsupported_grant_type"},
	}
}

func (p *program) tokenProof() string { return p.proof("/recovery/token", "") }

func flip(s string, i int) string {
	b := []byte(s)
	if b[i] != 'A' {
		b[i] = 'A'
	} else {
		b[i] = 'B'
	}
	return string(b)
}

func flattened(s string) string {
	parts := strings.Split(s, ".")
	return fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, parts[0], parts[1], parts[2])
}

func TestEveryMistakeInAnExchangeIsRefusedAndSpendsNothing(t *testing.T) {
	h := open(t)
	p := h.enrolled()
	f := p.forgery()
	for _, m := range mistakes() {
		t.Run(m.rule+" "+m.name, func(t *testing.T) {
			one := p.again(f)
			m.change(one)
			wantOAuth(t, one.send(), m.status, m.code)
		})
	}
	out := answer[wire.TokenResponse](t, p.again(f).send()) // nothing of it has spent the token, and forging it changes nothing
	if out.TokenType != "DPoP" || out.ExpiresIn > 3600 {
		t.Errorf("%+v", out)
	}
	wantOAuth(t, p.again(f).send(), http.StatusBadRequest, "invalid_grant") // F5, F6: a second redemption
}

// again is f unchanged.
func (p *program) again(f *forgery) *forgery {
	one := *f
	one.header, one.claims, one.form = cloned(f.header), cloned(f.claims), cloned(f.form)
	return &one
}

func cloned[K comparable, V any](m map[K]V) map[K]V {
	out := make(map[K]V, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

// with or without "application/" the type is the same.
func TestFullMediaTypeIsTheSameType(t *testing.T) {
	f := open(t).enrolled().forgery()
	f.header["typ"] = "application/recovery+jwt"
	answer[wire.TokenResponse](t, f.send())
}

// whatever a header points at, nobody goes there.
func TestNothingThatAHeaderNamesIsFetched(t *testing.T) {
	var visits atomic.Int32
	canary := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	t.Cleanup(canary.Close)
	f := open(t).enrolled().forgery()
	for _, member := range []string{"jku", "x5u", "kid"} {
		one := f.p.again(f)
		one.header[member] = canary.URL + "/keys"
		wantOAuth(t, one.send(), http.StatusBadRequest, "invalid_grant")
	}
	if visits.Load() != 0 {
		t.Error("a header made us fetch something")
	}
}

// what a good token says, and that it says nothing else.
func TestARecoveryTokenSaysThisAndNothingElse(t *testing.T) {
	f := open(t).enrolled().forgery()
	if len(f.header) != 3 || f.header["alg"] != "ES256" || f.header["typ"] != "recovery+jwt" || len(f.header["kid"].(string)) != 43 {
		t.Errorf("header %v", f.header)
	}
	allowed := strings.Fields("iss sub aud iat nbf exp jti scope client_id acr amr auth_time txn cnf")
	if len(f.claims) != len(allowed) {
		t.Errorf("claims %v", f.claims)
	}
	for _, name := range allowed {
		if f.claims[name] == nil {
			t.Errorf("no %s", name)
		}
	}
	if f.claims["sub"] != aliceID || f.claims["aud"] != issuer+"/token" || len(f.claims["jti"].(string)) < 22 {
		t.Errorf("claims %v", f.claims)
	}
	if amr := fmt.Sprint(f.claims["amr"]); amr != "[pop swk]" {
		t.Errorf("amr %s", amr)
	}
	if at, iat := f.claims["auth_time"].(json.Number), f.claims["iat"].(json.Number); at != iat {
		t.Errorf("auth_time %s, iat %s", at, iat)
	}
}

// what a token response says.
func TestATokenResponseHasNoRefreshTokenAndIsNotStored(t *testing.T) {
	f := open(t).enrolled().forgery()
	w := f.send()
	var out map[string]any
	must(t, json.Unmarshal(w.Body.Bytes(), &out))
	if len(out) != 4 || out["token_type"] != "DPoP" || out["expires_in"] != 300.0 || out["scope"] != "recovery:complete" {
		t.Errorf("got %v", out)
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Error("the response may be stored")
	}
	if access, _ := out["access_token"].(string); len(access) != 43+1+43 { // 256 random bits, and their MAC
		t.Errorf("access token of %d characters", len(access))
	}
}

// F5: of many that race with one token one wins, and the others get a refusal and no server error.
func TestOfManyExchangesAtOnceOneWins(t *testing.T) {
	p := open(t).enrolled()
	f := p.forgery()
	results := make(chan int, 16)
	for range cap(results) {
		go func() { results <- f.send().Code }()
	}
	count := map[int]int{}
	for range cap(results) {
		count[<-results]++
	}
	if count[http.StatusOK] != 1 || count[http.StatusBadRequest] != cap(results)-1 {
		t.Errorf("answers %v", count)
	}
}

// F8: a store that fails burns nothing. F12: what failed is not told.
func TestAFailingStoreSpendsNeitherTokenNorAssertion(t *testing.T) {
	app := application{"app", attesttest.NewKey(t)}
	h := open(t, func(h *house) { h.clients = []grant.Client{app.client(t)} })
	p := h.enrolled()
	token, assertion := p.grantedTo(app.id, "revoke-sessions"), app.assertion(t)
	f := &forgery{t: t, p: p, form: map[string][]string{"grant_type": {grant.GrantType}, "assertion": {token}}, proof: p.tokenProof}
	f.as(app, assertion)
	h.db.down.Store(true)
	w := f.send()
	wantOAuth(t, w, http.StatusServiceUnavailable, "temporarily_unavailable")
	if strings.Contains(w.Body.String(), errDown.Error()) {
		t.Errorf("the cause is told: %s", w.Body)
	}
	h.db.down.Store(false)
	answer[wire.TokenResponse](t, f.send())
}
