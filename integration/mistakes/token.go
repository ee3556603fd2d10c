package mistakes

import (
	"fmt"
	"strings"
)

// tokens are mistakes in the form of the assertion.
func tokens() []Mistake {
	return []Mistake{
		{Name: "a word instead of a JWT", change: mangled(func(string) string { return "assertion" })},
		{Name: "two dots", change: mangled(func(string) string { return ".." })},
		{Name: "two parts", change: mangled(func(s string) string { return s[:strings.LastIndexByte(s, '.')] })},
		{Name: "four parts", change: mangled(suffix(".AAAA"))},
		{Name: "a JWE for the server's key", change: encrypted},
		{Name: "a JWT in a JWT", change: nested},
		{Name: "the flattened JSON serialization", Why: compactOnly, change: mangled(flattened)},
		{Name: "the general JSON serialization", Why: compactOnly, change: mangled(general)},
		{Name: "a space before", Why: compactOnly, change: mangled(prefix(" "))},
		{Name: "a space behind", Why: compactOnly, change: mangled(suffix(" "))},
		{Name: "a line break inside", Why: compactOnly, change: mangled(func(s string) string { return s[:9] + "\r\n" + s[9:] })},
		{Name: "padding", Why: compactOnly, change: mangled(suffix("=="))},
		{Name: "standard base64", change: standard},
		{Name: "bits of base64 that stand for nothing", Why: compactOnly, change: mangled(loose)},
		{Name: "over 20,000 letters", Why: large, change: claimsText(func(c string) string { return wide(c, 20_001) })},
		{Name: "over 100,000 letters", Why: larger, change: claimsText(func(c string) string { return wide(c, 100_000) })},
	}
}

func flattened(token string) string {
	p := strings.Split(token, ".")
	return fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, p[0], p[1], p[2])
}

func general(token string) string {
	p := strings.Split(token, ".")
	return fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, p[1], p[0], p[2])
}

// wide adds spaces, which JSON allows, until the claims alone have at least that many letters in base64.
func wide(claims string, letters int) string {
	return claims[:len(claims)-1] + strings.Repeat(" ", letters/4*3+3-len(claims)) + "}"
}
