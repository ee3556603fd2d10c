package grant

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestVerifyReturnsWhatWasMinted(t *testing.T) {
	f := newFixture(t)
	want := f.recovery()
	got, err := f.Verify(f.mint(t, good))
	if err != nil {
		t.Fatal(err)
	}
	if !got.AuthTime.Equal(want.AuthTime) || !got.IssuedAt.Equal(want.IssuedAt) || !got.ExpiresAt.Equal(want.ExpiresAt) {
		t.Errorf("times differ: %v, want %v", got, want)
	}
	got.AuthTime, got.IssuedAt, got.ExpiresAt = want.AuthTime, want.IssuedAt, want.ExpiresAt
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestVerifyTakesForgedGoodCase(t *testing.T) { // so that what the tests below change is what makes the difference
	f := newFixture(t)
	for _, typ := range []string{"recovery+jwt", "application/recovery+jwt"} {
		header := fmt.Sprintf(`{"alg":"ES256","kid":"key-1","typ":%q}`, typ)
		if _, err := f.Verify(f.forge(t, header, f.goodPayload(t))); err != nil {
			t.Errorf("typ %s: %v", typ, err)
		}
	}
}

func TestTokenOfAnOlderKeyVerifiesUntilThatIsRemoved(t *testing.T) {
	f := newFixture(t)
	token := f.mint(t, good)
	f.keys = []Key{newKey(t, "key-2"), f.keys[0]}
	if _, err := f.Verify(token); err != nil {
		t.Errorf("after a rotation: %v", err)
	}
	f.keys = f.keys[:1]
	got, err := f.Verify(token)
	wantInvalid(t, got, err) // the key was removed
}

func TestVerifyRefusesOversizedToken(t *testing.T) { // bounds work before the signature is known to be good
	f := newFixture(t)
	payload := strings.TrimSuffix(f.goodPayload(t), "}") + strings.Repeat(" ", 8<<10) + "}"
	token := f.forge(t, f.goodHeader(), payload)
	got, err := f.Verify(token)
	wantInvalid(t, got, err)
}

func TestVerifyRefusesAllButCompactForm(t *testing.T) {
	f := newFixture(t)
	token := f.mint(t, good)
	parts := strings.Split(token, ".")
	header, payload, signature := parts[0], parts[1], parts[2]
	for name, bad := range map[string]string{
		"empty":              "",
		"two parts":          header + "." + payload,
		"empty signature":    header + "." + payload + ".",
		"empty payload":      header + ".." + signature,
		"five parts (JWE)":   token + ".a.b",
		"padding":            header + "=." + payload + "." + signature,
		"white space":        " " + token,
		"line break":         token + "\n",
		"line break inside":  header + ".\n" + payload + "." + signature,
		"standard base64":    header + "." + payload + "." + strings.Repeat("+", len(signature)),
		"flattened JSON":     fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, header, payload, signature),
		"general JSON":       fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, payload, header, signature),
		"other trailing bit": header + "." + payload + "." + bump(signature),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := f.Verify(bad)
			wantInvalid(t, got, err)
		})
	}
}

// bump changes bits that a lenient decoder ignores: 64 bytes leave four of them in the last character.
func bump(signature string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, signature[len(signature)-1])
	return signature[:len(signature)-1] + string(alphabet[last|1])
}

func TestVerifyRefusesOtherHeaders(t *testing.T) {
	f := newFixture(t)
	for name, header := range map[string]string{
		"no alg":             `{"kid":"key-1","typ":"recovery+jwt"}`,
		"alg none":           `{"alg":"none","kid":"key-1","typ":"recovery+jwt"}`,
		"alg in lower case":  `{"alg":"es256","kid":"key-1","typ":"recovery+jwt"}`,
		"alg ES384":          `{"alg":"ES384","kid":"key-1","typ":"recovery+jwt"}`,
		"alg HS256":          `{"alg":"HS256","kid":"key-1","typ":"recovery+jwt"}`,
		"no typ":             `{"alg":"ES256","kid":"key-1"}`,
		"typ JWT":            `{"alg":"ES256","kid":"key-1","typ":"JWT"}`,
		"typ at+jwt":         `{"alg":"ES256","kid":"key-1","typ":"at+jwt"}`,
		"typ secevent+jwt":   `{"alg":"ES256","kid":"key-1","typ":"secevent+jwt"}`,
		"no kid":             `{"alg":"ES256","typ":"recovery+jwt"}`,
		"unknown kid":        `{"alg":"ES256","kid":"key-9","typ":"recovery+jwt"}`,
		"another key's kid":  `{"alg":"ES256","kid":"key-0","typ":"recovery+jwt"}`,
		"hostile kid":        `{"alg":"ES256","kid":"../../etc/passwd' OR 1=1","typ":"recovery+jwt"}`,
		"crit":               `{"alg":"ES256","kid":"key-1","typ":"recovery+jwt","crit":["exp"],"exp":1}`,
		"empty crit":         `{"alg":"ES256","kid":"key-1","typ":"recovery+jwt","crit":[]}`,
		"jku":                `{"alg":"ES256","kid":"key-1","typ":"recovery+jwt","jku":"https://evil.example/jwks"}`,
		"x5u":                `{"alg":"ES256","kid":"key-1","typ":"recovery+jwt","x5u":"https://evil.example/cert"}`,
		"jwk":                `{"alg":"ES256","kid":"key-1","typ":"recovery+jwt","jwk":{"kty":"EC"}}`,
		"b64":                `{"alg":"ES256","kid":"key-1","typ":"recovery+jwt","b64":false}`,
		"zip":                `{"alg":"ES256","kid":"key-1","typ":"recovery+jwt","zip":"DEF"}`,
		"duplicate alg":      `{"alg":"none","alg":"ES256","kid":"key-1","typ":"recovery+jwt"}`,
		"member in one case": `{"ALG":"ES256","kid":"key-1","typ":"recovery+jwt"}`,
		"two values":         `{"alg":"ES256","kid":"key-1","typ":"recovery+jwt"}{}`,
		"not an object":      `"ES256"`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := f.Verify(f.forge(t, header, f.goodPayload(t)))
			wantInvalid(t, got, err)
		})
	}
}

func TestVerifyRefusesOtherSigners(t *testing.T) {
	f := newFixture(t)
	token := f.mint(t, good)
	f.keys = []Key{{ID: "key-1", Private: newKey(t, "stranger").Private}} // the same issuer and identifier
	got, err := f.Verify(token)
	wantInvalid(t, got, err)
}

func TestVerifyRefusesDuplicateClaims(t *testing.T) { // fosite and we might read different ones
	f := newFixture(t)
	payload := strings.TrimSuffix(f.goodPayload(t), "}") + `,"sub":"somebody-else"}`
	got, err := f.Verify(f.forge(t, f.goodHeader(), payload))
	wantInvalid(t, got, err)
}

func TestVerifyDemandsEveryClaimAndNoOther(t *testing.T) {
	f := newFixture(t)
	for _, claim := range []string{
		"iss", "sub", "aud", "iat", "nbf", "exp", "jti", "scope", "client_id", "acr", "amr", "auth_time", "txn", "cnf",
	} {
		t.Run("without "+claim, func(t *testing.T) {
			got, err := f.Verify(f.forge(t, f.goodHeader(), f.with(t, claim, nil)))
			wantInvalid(t, got, err)
		})
	}
	for _, claim := range []string{"email", "act", "azp", "SUB"} {
		t.Run("with "+claim, func(t *testing.T) {
			got, err := f.Verify(f.forge(t, f.goodHeader(), f.with(t, claim, "x")))
			wantInvalid(t, got, err)
		})
	}
}

func TestVerifyRefusesOtherAudiences(t *testing.T) { // fosite wants ours among several and grants them all
	f := newFixture(t)
	for name, aud := range map[string]any{
		"list of one":       []string{issuer + "/token"},
		"list with another": []string{issuer + "/token", "https://api.example.com"},
		"issuer":            issuer,
		"trailing slash":    issuer + "/token/",
		"another server":    "https://other.example.com/recovery/token",
		"upper case":        "https://ID.example.com/recovery/token",
		"number":            1,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := f.Verify(f.forge(t, f.goodHeader(), f.with(t, "aud", aud)))
			wantInvalid(t, got, err)
		})
	}
}

func TestVerifyRefusesOtherTimes(t *testing.T) {
	f := newFixture(t)
	now := f.now.Unix()
	tenYears := int64(10 * 365 * 24 * 3600)
	for name, times := range map[string][3]any{ // iat, nbf, exp
		"issued in ten years, lives 60 s": {now + tenYears, now, now + tenYears + 60},
		"issued 31 s ahead":               {now + 31, now, now + 100},
		"issued 331 s ago":                {now - 331, now - 331, now - 31},
		"not before the next second":      {now, now + 1, now + 100},
		"expires this second":             {now - 100, now - 100, now},
		"expired":                         {now - 100, now - 100, now - 1},
		"lives 301 s":                     {now, now, now + 301},
		"lives for ever":                  {now, now, int64(math.MaxInt64)},
		"issued before everything":        {int64(math.MinInt64), now, now + 100},
		"negative nbf":                    {now, -1, now + 100},
		"fraction":                        {float64(now) + 0.5, now, now + 100},
		"string":                          {fmt.Sprint(now), now, now + 100},
	} {
		t.Run(name, func(t *testing.T) {
			payload := f.goodPayload(t)
			for i, claim := range []string{"iat", "nbf", "exp"} {
				payload = replace(t, payload, claim, times[i])
			}
			got, err := f.Verify(f.forge(t, f.goodHeader(), payload))
			wantInvalid(t, got, err)
		})
	}
}

// replace sets a number in a payload and leaves the order of its members.
func replace(t *testing.T, payload, claim string, value any) string {
	t.Helper()
	before, rest, ok := strings.Cut(payload, `"`+claim+`":`)
	if !ok {
		t.Fatalf("no %s in %s", claim, payload)
	}
	if s, isString := value.(string); isString {
		value = `"` + s + `"`
	}
	if f, isFloat := value.(float64); isFloat {
		value = fmt.Sprintf("%.1f", f)
	}
	return before + fmt.Sprintf(`"%s":%v`, claim, value) + rest[strings.IndexAny(rest, ",}"):]
}

func TestVerifyToleratesClocksHalfAMinuteApart(t *testing.T) {
	f := newFixture(t)
	ahead := func(r *Recovery) {
		r.IssuedAt, r.ExpiresAt = r.IssuedAt.Add(30*time.Second), r.ExpiresAt.Add(30*time.Second)
	}
	if _, err := f.Verify(f.mint(t, ahead)); err != nil {
		t.Error(err)
	}
}

func TestVerifyRefusesExpiredTokenByInjectedClock(t *testing.T) {
	f := newFixture(t)
	token := f.mint(t, good)
	f.now = f.recovery().ExpiresAt.Add(-time.Second)
	if _, err := f.Verify(token); err != nil {
		t.Errorf("one second before: %v", err)
	}
	f.now = f.now.Add(time.Second)
	got, err := f.Verify(token)
	wantInvalid(t, got, err)
}

func TestVerifyRefusesOtherClaims(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		name, claim string
		value       any
	}{
		{"another issuer", "iss", "https://id.example.com/other"},
		{"issuer with slash", "iss", issuer + "/"},
		{"subject too long", "sub", strings.Repeat("s", 257)},
		{"jti of 126 bits", "jti", strings.Repeat("j", 21)},
		{"jti in another alphabet", "jti", strings.Repeat("é", 22)},
		{"another scope", "scope", "admin"},
		{"a further scope", "scope", ScopeComplete + " admin"},
		{"no methods", "amr", []string{}},
		{"authenticated after issue", "auth_time", f.now.Unix() + 20},
		{"recovery too long", "txn", strings.Repeat("t", 257)},
		{"no key", "cnf", map[string]string{}},
		{"another kind of key", "cnf", map[string]string{"jkt": proofKey, "kid": "x"}},
		{"thumbprint too short", "cnf", map[string]string{"jkt": proofKey[:42]}},
		{"thumbprint of no hash", "cnf", map[string]string{"jkt": strings.Repeat("!", 43)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := f.Verify(f.forge(t, f.goodHeader(), f.with(t, c.claim, c.value)))
			wantInvalid(t, got, err)
		})
	}
}

func TestMintRefusesWhatVerifyWould(t *testing.T) {
	f := newFixture(t)
	for name, change := range map[string]func(*Recovery){
		"zero":              func(r *Recovery) { *r = Recovery{} },
		"lives 301 seconds": func(r *Recovery) { r.ExpiresAt = r.IssuedAt.Add(301 * time.Second) },
		"weak jti":          func(r *Recovery) { r.JTI = "1" },
		"no scope":          func(r *Recovery) { r.Scope = "" },
		"no key":            func(r *Recovery) { r.Thumbprint, r.CertificateSHA256 = "", "" },
	} {
		t.Run(name, func(t *testing.T) {
			r := f.recovery()
			change(&r)
			token, err := f.Mint(r)
			if token != "" {
				t.Errorf("minted %s", token)
			}
			wantInvalid(t, Recovery{}, err)
		})
	}
}

func TestVerifyRefusesEveryMangledByte(t *testing.T) {
	f := newFixture(t)
	token := f.mint(t, good)
	for i := range token {
		mangled := []byte(token)
		mangled[i] ^= 1
		if _, err := f.Verify(string(mangled)); err == nil {
			t.Errorf("byte %d: accepted", i)
		}
		if _, err := f.Verify(token[:i]); err == nil {
			t.Errorf("prefix of %d bytes: accepted", i)
		}
	}
}
