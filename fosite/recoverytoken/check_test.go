package recoverytoken

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestVerifyDemandsEveryClaimAndNoOther(t *testing.T) {
	f := newFixture(t)
	for claim, reason := range map[string]Reason{
		"iss": Untrusted, "sub": Malformed, "aud": Purpose, "iat": Expired, "nbf": Expired, "exp": Expired, "jti": Malformed, "scope": Purpose,
		"client_id": Malformed, "acr": Malformed, "amr": Malformed, "auth_time": Expired, "txn": Malformed, "cnf": Key,
	} {
		t.Run("without "+claim, func(t *testing.T) {
			f.mustRefuse(t, f.sign(t, goodHeader, f.with(t, claim, nil)), reason)
		})
	}
	for _, claim := range []string{"email", "act", "azp", "SUB"} {
		t.Run("with "+claim, func(t *testing.T) {
			f.mustRefuse(t, f.sign(t, goodHeader, f.with(t, claim, "x")), Malformed)
		})
	}
}

func TestVerifyRefusesOtherAudiences(t *testing.T) { // fosite wants ours among several and grants them all
	f := newFixture(t)
	for name, tt := range map[string]struct {
		aud    any
		reason Reason
	}{
		"list of one":       {[]string{f.Issuer + "/token"}, Malformed},
		"list with another": {[]string{f.Issuer + "/token", "https://api.example.com"}, Malformed},
		"issuer":            {f.Issuer, Purpose},
		"trailing slash":    {f.Issuer + "/token/", Purpose},
		"another server":    {"https://other.example.com/recovery/token", Purpose},
		"upper case":        {"https://ID.example.com/recovery/token", Purpose},
		"number":            {1, Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			f.mustRefuse(t, f.sign(t, goodHeader, f.with(t, "aud", tt.aud)), tt.reason)
		})
	}
}

func TestVerifyRefusesOtherTimes(t *testing.T) {
	f := newFixture(t)
	now := now.Unix()
	tenYears := int64(10 * 365 * 24 * 3600)
	for name, tt := range map[string]struct {
		iat, nbf, exp any
		reason        Reason
	}{
		"issued in ten years, lives 60 s": {now + tenYears, now, now + tenYears + 60, Expired},
		"issued 31 s ahead":               {now + 31, now, now + 100, Expired},
		"issued 331 s ago":                {now - 331, now - 331, now - 31, Expired},
		"not before the next second":      {now, now + 1, now + 100, Expired},
		"expires this second":             {now - 100, now - 100, now, Expired},
		"expired":                         {now - 100, now - 100, now - 1, Expired},
		"lives 301 s":                     {now, now, now + 301, Expired},
		"lives for ever":                  {now, now, int64(math.MaxInt64), Expired},
		"issued before everything":        {int64(math.MinInt64), now, now + 100, Expired},
		"negative nbf":                    {now, -1, now + 100, Expired},
		"fraction":                        {float64(now) + 0.5, now, now + 100, Malformed},
		"string":                          {fmt.Sprint(now), now, now + 100, Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			payload := replace(t, f.payload(t), "auth_time", 1) // before any iat, so that it is not what is refused
			for claim, value := range map[string]any{"iat": tt.iat, "nbf": tt.nbf, "exp": tt.exp} {
				payload = replace(t, payload, claim, value)
			}
			f.mustRefuse(t, f.sign(t, goodHeader, payload), tt.reason)
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
		reason      Reason
	}{
		{"another issuer", "iss", "https://id.example.com/other", Untrusted},
		{"issuer with slash", "iss", f.Issuer + "/", Untrusted},
		{"subject too long", "sub", strings.Repeat("s", 257), Malformed},
		{"jti of 126 bits", "jti", strings.Repeat("j", 21), Malformed},
		{"jti in another alphabet", "jti", strings.Repeat("é", 22), Malformed},
		{"another scope", "scope", "admin", Purpose},
		{"a further scope", "scope", Scope + " admin", Purpose},
		{"no methods", "amr", []string{}, Malformed},
		{"authenticated after issue", "auth_time", now.Unix() + 20, Expired},
		{"recovery too long", "txn", strings.Repeat("t", 257), Malformed},
		{"no key", "cnf", map[string]string{}, Key},
		{"another kind of key", "cnf", map[string]string{"jkt": good().Thumbprint, "kid": "x"}, Malformed},
		{"thumbprint too short", "cnf", map[string]string{"jkt": good().Thumbprint[:42]}, Key},
		{"thumbprint of no hash", "cnf", map[string]string{"jkt": strings.Repeat("!", 43)}, Key},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.mustRefuse(t, f.sign(t, goodHeader, f.with(t, c.claim, c.value)), c.reason)
		})
	}
}
