package canary

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestASecretIsFoundHoweverItIsWritten(t *testing.T) {
	const secret = "K7?M/+ä \"tall ships\" Q9"
	quoted, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	ways := map[string]string{
		"as it is": secret, "in lower case": strings.ToLower(secret), "quoted": string(quoted),
		"in a query": url.QueryEscape(secret), "in a path": url.PathEscape(secret), "hexadecimal": hex.EncodeToString([]byte(secret)), "in capitals": strings.ToUpper(hex.EncodeToString([]byte(secret))),
	}
	for i, before := range []string{"", "x", "xy", "xyz"} {
		text := []byte(before + secret + before)
		ways["base64 "+before], ways["base64url "+before] = base64.StdEncoding.EncodeToString(text), base64.RawURLEncoding.EncodeToString(text)
		ways["base64 in base64 "+before] = base64.RawURLEncoding.EncodeToString([]byte(before + base64.StdEncoding.EncodeToString(text)))
		ways["base64 behind a name "+before] = "name"[:i] + base64.RawStdEncoding.EncodeToString(text)
	}
	for way, text := range ways {
		if got := (Secrets{"it": []byte(secret), "another": []byte("not here at all")}).Found([]byte("before " + text + " after")); !slices.Equal(got, []string{"it"}) {
			t.Errorf("%s: found %q in %q", way, got, text)
		}
	}
	if got := (Secrets{"it": []byte(secret)}).Found([]byte(secret[:len(secret)-1])); got != nil {
		t.Errorf("found %q where it is not whole", got)
	}
	if got := (Secrets{"it": {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 200}}).Found([]byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\xc8")); got == nil {
		t.Error("a key that is no text is not found")
	}
}

func TestEveryPartOfACodeThatHasToBeKnownIsLookedFor(t *testing.T) {
	const code = "0123AX-4567BX-89ABCX-DEFGHX-JKMNPX-QRSTVX-WXYZ0X"
	s := Secrets{}
	s.Code("code", code)
	for _, text := range []string{code, strings.ReplaceAll(code, "-", ""), "0123A4567B89ABCDEFGHJKMNPQRSTVWXYZ0", "B89ABCDEFGHJKMNPQRSTVWXYZ0", code[14:]} {
		if s.Found([]byte(strings.ToLower(text))) == nil {
			t.Errorf("%s is not found", text)
		}
	}
}
