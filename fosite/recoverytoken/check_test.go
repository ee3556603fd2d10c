package recoverytoken

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestVerifyDemandsEveryClaimAndNoOther(t *testing.T) {
	f := newFixture(t)
	for _, claim := range []string{
		"iss", "sub", "aud", "iat", "nbf", "exp", "jti", "scope", "client_id", "acr", "amr", "auth_time", "txn", "cnf",
	} {
		t.Run("without "+claim, func(t *testing.T) {
			f.mustRefuse(t, f.sign(t, goodHeader, f.with(t, claim, nil)))
		})
	}
	for _, claim := range []string{"email", "act", "azp", "SUB"} {
		t.Run("with "+claim, func(t *testing.T) {
			f.mustRefuse(t, f.sign(t, goodHeader, f.with(t, claim, "x")))
		})
	}
}

func TestVerifyRefusesOtherAudiences(t *testing.T) { // fosite wants ours among several and grants them all
	f := newFixture(t)
	for name, aud := range map[string]any{
		"list of one":       []string{f.Issuer + "/token"},
		"list with another": []string{f.Issuer + "/token", "https://api.example.com"},
		"issuer":            f.Issuer,
		"trailing slash":    f.Issuer + "/token/",
		"another server":    "https://other.example.com/recovery/token",
		"upper case":        "https://ID.example.com/recovery/token",
		"number":            1,
	} {
		t.Run(name, func(t *testing.T) {
			f.mustRefuse(t, f.sign(t, goodHeader, f.with(t, "aud", aud)))
		})
	}
}

func TestVerifyRefusesOtherTimes(t *testing.T) {
	f := newFixture(t)
	now := now.Unix()
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
			payload := replace(t, f.payload(t), "auth_time", 1) // before any iat, so that it is not what is refused
			for i, claim := range []string{"iat", "nbf", "exp"} {
				payload = replace(t, payload, claim, times[i])
			}
			f.mustRefuse(t, f.sign(t, goodHeader, payload))
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

func TestVerifyRefusesOtherClaims(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		name, claim string
		value       any
	}{
		{"another issuer", "iss", "https://id.example.com/other"},
		{"issuer with slash", "iss", f.Issuer + "/"},
		{"subject too long", "sub", strings.Repeat("s", 257)},
		{"jti of 126 bits", "jti", strings.Repeat("j", 21)},
		{"jti in another alphabet", "jti", strings.Repeat("é", 22)},
		{"another scope", "scope", "admin"},
		{"a further scope", "scope", Scope + " admin"},
		{"no methods", "amr", []string{}},
		{"authenticated after issue", "auth_time", now.Unix() + 20},
		{"recovery too long", "txn", strings.Repeat("t", 257)},
		{"no key", "cnf", map[string]string{}},
		{"another kind of key", "cnf", map[string]string{"jkt": good().Thumbprint, "kid": "x"}},
		{"thumbprint too short", "cnf", map[string]string{"jkt": good().Thumbprint[:42]}},
		{"thumbprint of no hash", "cnf", map[string]string{"jkt": strings.Repeat("!", 43)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.mustRefuse(t, f.sign(t, goodHeader, f.with(t, c.claim, c.value)))
		})
	}
}
