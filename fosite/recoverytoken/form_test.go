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
			f.mustRefuse(t, bad)
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
			f.mustRefuse(t, f.sign(t, header, f.payload(t)))
		})
	}
}
