package recoverytoken

import (
	"fmt"
	"strings"
	"testing"
)

func TestVerifyRefusesAllButCompactForm(t *testing.T) {
	f := newFixture(t)
	token := f.sign(t, goodHeader, f.payload(t))
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
			f.mustRefuse(t, bad, Malformed)
		})
	}
}

// bump changes bits that a lenient decoder ignores: 64 bytes leave four of them in the last character.
func bump(signature string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, signature[len(signature)-1])
	return signature[:len(signature)-1] + string(alphabet[last|1])
}

func TestVerifyRefusesEveryMangledByte(t *testing.T) {
	f := newFixture(t)
	token := f.sign(t, goodHeader, f.payload(t))
	for i := range token {
		mangled := []byte(token)
		mangled[i] ^= 1
		if _, err := f.Verify(string(mangled), now); err == nil {
			t.Errorf("byte %d: accepted", i)
		}
		if _, err := f.Verify(token[:i], now); err == nil {
			t.Errorf("prefix of %d bytes: accepted", i)
		}
	}
}

func TestVerifyTakesForgedGoodCase(t *testing.T) { // so that what the tests below change is what makes the difference
	f := newFixture(t)
	for _, typ := range []string{"recovery+jwt", "application/recovery+jwt"} {
		header := fmt.Sprintf(`{"alg":"ES256","kid":"key-1","typ":%q}`, typ)
		if _, err := f.Verify(f.sign(t, header, f.payload(t)), now); err != nil {
			t.Errorf("typ %s: %v", typ, err)
		}
	}
}

func TestVerifyRefusesOtherHeaders(t *testing.T) {
	f := newFixture(t)
	for name, tt := range map[string]struct {
		header string
		reason Reason
	}{
		"no alg":             {`{"kid":"key-1","typ":"recovery+jwt"}`, Unsupported},
		"alg none":           {`{"alg":"none","kid":"key-1","typ":"recovery+jwt"}`, Unsupported},
		"alg in lower case":  {`{"alg":"es256","kid":"key-1","typ":"recovery+jwt"}`, Unsupported},
		"alg ES384":          {`{"alg":"ES384","kid":"key-1","typ":"recovery+jwt"}`, Unsupported},
		"alg HS256":          {`{"alg":"HS256","kid":"key-1","typ":"recovery+jwt"}`, Unsupported},
		"no typ":             {`{"alg":"ES256","kid":"key-1"}`, Purpose},
		"typ JWT":            {`{"alg":"ES256","kid":"key-1","typ":"JWT"}`, Purpose},
		"typ at+jwt":         {`{"alg":"ES256","kid":"key-1","typ":"at+jwt"}`, Purpose},
		"typ secevent+jwt":   {`{"alg":"ES256","kid":"key-1","typ":"secevent+jwt"}`, Purpose},
		"no kid":             {`{"alg":"ES256","typ":"recovery+jwt"}`, Untrusted},
		"unknown kid":        {`{"alg":"ES256","kid":"key-9","typ":"recovery+jwt"}`, Untrusted},
		"another key's kid":  {`{"alg":"ES256","kid":"key-0","typ":"recovery+jwt"}`, Signature},
		"hostile kid":        {`{"alg":"ES256","kid":"../../etc/passwd' OR 1=1","typ":"recovery+jwt"}`, Untrusted},
		"crit":               {`{"alg":"ES256","kid":"key-1","typ":"recovery+jwt","crit":["exp"],"exp":1}`, Malformed},
		"empty crit":         {`{"alg":"ES256","kid":"key-1","typ":"recovery+jwt","crit":[]}`, Malformed},
		"jku":                {`{"alg":"ES256","kid":"key-1","typ":"recovery+jwt","jku":"https://evil.example/jwks"}`, Malformed},
		"x5u":                {`{"alg":"ES256","kid":"key-1","typ":"recovery+jwt","x5u":"https://evil.example/cert"}`, Malformed},
		"jwk":                {`{"alg":"ES256","kid":"key-1","typ":"recovery+jwt","jwk":{"kty":"EC"}}`, Malformed},
		"b64":                {`{"alg":"ES256","kid":"key-1","typ":"recovery+jwt","b64":false}`, Malformed},
		"zip":                {`{"alg":"ES256","kid":"key-1","typ":"recovery+jwt","zip":"DEF"}`, Malformed},
		"duplicate alg":      {`{"alg":"none","alg":"ES256","kid":"key-1","typ":"recovery+jwt"}`, Malformed},
		"member in one case": {`{"ALG":"ES256","kid":"key-1","typ":"recovery+jwt"}`, Malformed},
		"two values":         {`{"alg":"ES256","kid":"key-1","typ":"recovery+jwt"}{}`, Malformed},
		"not an object":      {`"ES256"`, Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			f.mustRefuse(t, f.sign(t, tt.header, f.payload(t)), tt.reason)
		})
	}
}
