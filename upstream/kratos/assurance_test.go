package kratos

import (
	"slices"
	"testing"
	"time"

	"github.com/regrant/regrant/upstream"
)

// methods writes down a sign-in: each is "method aal".
func methods(at time.Time, named ...[2]string) (all []method) {
	for _, n := range named {
		all = append(all, method{Method: n[0], AAL: n[1], CompletedAt: at})
	}
	return all
}

var (
	byPassword = [2]string{"password", "aal1"}
	byCode     = [2]string{"code", "aal1"}
	byProvider = [2]string{"oidc", "aal1"}
	byPasskey  = [2]string{"passkey", "aal1"}
	byTOTP     = [2]string{"totp", "aal2"}
	byLookup   = [2]string{"lookup_secret", "aal2"}
	byKey      = [2]string{"webauthn", "aal2"}
	bySMS      = [2]string{"code", "aal2"}
	recovered1 = [2]string{"code_recovery", "aal1"}
	recovered2 = [2]string{"link_recovery", "aal1"}
)

func TestASignInIsWhatItsMethodsReach(t *testing.T) {
	for _, c := range []struct {
		used  [][2]string
		class string
		amr   []string
	}{
		{[][2]string{byPassword}, classAAL1, []string{"pwd"}},
		{[][2]string{byCode}, classAAL1, nil},
		{[][2]string{byProvider}, classAAL1, nil},
		{[][2]string{byPasskey}, classAAL1, []string{"hwk"}},
		{[][2]string{byPassword, byPassword}, classAAL1, []string{"pwd"}},
		{[][2]string{byTOTP}, classAAL1, []string{"otp"}},
		{[][2]string{byPassword, byTOTP}, classAAL2, []string{"pwd", "otp"}},
		{[][2]string{byPassword, byTOTP, byLookup}, classAAL2, []string{"pwd", "otp"}},
		{[][2]string{byPassword, byLookup}, classAAL2, []string{"pwd", "otp"}},
		{[][2]string{byPassword, bySMS}, classAAL2, []string{"pwd"}},
		{[][2]string{byPassword, byKey}, classStrong, []string{"pwd", "hwk"}},
		{[][2]string{byPasskey, byTOTP}, classStrong, []string{"hwk", "otp"}},
		{[][2]string{{"unheard-of", "aal3"}}, classAAL1, nil},
		{[][2]string{{"webauthn", ""}, {"password", ""}}, classAAL1, []string{"hwk", "pwd"}},
	} {
		used := methods(time.Now(), c.used...)
		if got := class(used); got != c.class || classes[got].AAL == 0 {
			t.Errorf("%v: class %s, want %s", c.used, got, c.class)
		}
		if got := amr(used); !slices.Equal(got, c.amr) {
			t.Errorf("%v: amr %v, want %v", c.used, got, c.amr)
		}
	}
}

func TestOnlyWhatWasProvedSinceTheLoginBeganCounts(t *testing.T) {
	began := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	older := methods(began.Add(-clockSkew-time.Millisecond), byPassword, byTOTP)
	skewed := methods(began.Add(-clockSkew), byPassword)
	first := methods(began.Add(time.Minute).In(time.FixedZone("", 7200)), byPassword)
	second := methods(began.Add(2*time.Minute), byTOTP)
	recoveries := methods(began.Add(3*time.Minute), recovered1, recovered2)
	for name, c := range map[string]struct {
		all  [][]method
		want []string
		at   time.Time
	}{
		"nothing":                  {nil, nil, time.Time{}},
		"an older sign-in":         {[][]method{older}, nil, time.Time{}},
		"a slow clock":             {[][]method{skewed}, []string{"pwd"}, skewed[0].CompletedAt},
		"both factors":             {[][]method{first, second}, []string{"pwd", "otp"}, second[0].CompletedAt},
		"in any order":             {[][]method{second, first}, []string{"otp", "pwd"}, second[0].CompletedAt},
		"an older one, refreshed":  {[][]method{older, first}, []string{"pwd"}, first[0].CompletedAt},
		"a recovery":               {[][]method{recoveries}, nil, time.Time{}},
		"a recovery and a sign-in": {[][]method{first, recoveries}, []string{"pwd"}, first[0].CompletedAt},
	} {
		used, at := session{Methods: slices.Concat(c.all...)}.since(began)
		if !slices.Equal(amr(used), c.want) || !at.Equal(c.at) {
			t.Errorf("%s: %+v at %s, want %v at %s", name, used, at, c.want, c.at)
		}
	}
}

func TestTheBestOfAnAccountIsWhatItsCredentialsReach(t *testing.T) {
	has := func(config string) credential { return credential{Config: []byte(config)} }
	const secondFactor, passwordless = `{"credentials":[{"is_passwordless":false}]}`, `{"credentials":[{"is_passwordless":true}]}`
	for name, c := range map[string]struct {
		credentials map[string]credential
		want        upstream.Assurance
	}{
		"password":           {map[string]credential{"password": {}}, upstream.Assurance{AAL: upstream.AAL1}},
		"one-time passwords": {map[string]credential{"totp": {}}, upstream.Assurance{AAL: upstream.AAL2}},
		"look-up codes":      {map[string]credential{"lookup_secret": {}}, upstream.Assurance{AAL: upstream.AAL2}},
		"security key":       {map[string]credential{"webauthn": has(secondFactor)}, upstream.Assurance{AAL: upstream.AAL2, PhishingResistant: true}},
		"passwordless key":   {map[string]credential{"webauthn": has(passwordless)}, upstream.Assurance{AAL: upstream.AAL1, PhishingResistant: true}},
		"passkey":            {map[string]credential{"passkey": has(secondFactor)}, upstream.Assurance{AAL: upstream.AAL1, PhishingResistant: true}},
		"passkey and codes":  {map[string]credential{"passkey": has(passwordless), "totp": {}}, upstream.Assurance{AAL: upstream.AAL2, PhishingResistant: true}},
		"no key any more":    {map[string]credential{"webauthn": has(`{"credentials":[]}`), "passkey": has(`{}`)}, upstream.Assurance{AAL: upstream.AAL1}},
	} {
		if got := (identity{Credentials: c.credentials}).best(); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
