package mistakes

import "strings"

// headers are mistakes in the header, but for the algorithm.
func headers() []Mistake {
	return []Mistake{
		{Name: "no `kid`", Why: keyByName, change: headless("kid")},
		{Name: "`kid` null", Why: keyByName, change: head("kid", nil)},
		{Name: "`kid` empty", Why: keyByName, change: head("kid", "")},
		{Name: "`kid` a number", change: head("kid", 7)},
		{Name: "`kid` unknown", change: head("kid", "unknown")},
		{Name: "`kid` for a database", change: head("kid", "x' OR '1'='1")},
		{Name: "`kid` for a file system", change: head("kid", "../../../dev/null")},
		{Name: "`kid` of another key", change: func(a *Attempt) { a.header["kid"] = a.server.OtherKey.ID }},
		{Name: "another key", change: func(a *Attempt) { a.sign = a.server.OtherKey.sign }},
		{Name: "another key and its `kid`", change: func(a *Attempt) {
			a.header["kid"], a.sign = a.server.OtherKey.ID, a.server.OtherKey.sign
		}},
		{Name: "no `typ`", Why: typed, change: headless("typ")},
		{Name: "`typ` JWT", Why: typed, change: head("typ", "JWT")},
		{Name: "`typ` at+jwt", Why: typed, change: head("typ", "at+jwt")},
		{Name: "`typ` a number", Why: typed, change: head("typ", 7)},
		{Name: "`crit` of what is understood", change: head("crit", []string{"exp"})},
		{Name: "`crit` of what nobody understands", change: func(a *Attempt) {
			a.header["crit"], a.header["urn:example:never"] = []string{"urn:example:never"}, true
		}},
		{Name: "`crit` an empty list", Why: threeOnly, change: head("crit", []string{})},
		{Name: "`b64` false", change: head("b64", false)},
		{Name: "`b64` false, and in `crit`", change: func(a *Attempt) { a.header["b64"], a.header["crit"] = false, []string{"b64"} }},
		{Name: "`jku`", Why: threeOnly, change: head("jku", "https://other.example/keys")},
		{Name: "`x5u`", Why: threeOnly, change: head("x5u", "https://other.example/chain")},
		{Name: "`x5c`", change: head("x5c", []string{"MIIB"})},
		{Name: "`jwk` of the key that signs", change: ownKey},
		{Name: "`zip`", Why: threeOnly, change: head("zip", "DEF")},
		{Name: "`cty`", Why: threeOnly, change: head("cty", "JWT")},
		{Name: "a member that nobody knows", Why: threeOnly, change: head("x", 1)},
		{Name: "`alg` twice", change: headText(func(h string) string { return `{"alg":"none",` + h[1:] })},
		{Name: "`kid` twice", change: headText(func(h string) string { return `{"kid":"unknown",` + h[1:] })},
		{Name: "a header that is no JSON", change: headText(func(string) string { return "header" })},
		{Name: "something after the header", change: headText(suffix("{}"))},
	}
}

// algorithms are mistakes in `alg` and in the signature.
func algorithms() []Mistake {
	return []Mistake{
		{Name: "no `alg`", change: headless("alg")},
		{Name: "`alg` none, unsigned", change: signed("none", unsigned)},
		{Name: "`alg` none, signed", change: signed("none", own)},
		{Name: "`alg` nOnE, unsigned", change: signed("nOnE", unsigned)},
		{Name: "`alg` es256", change: signed("es256", own)},
		{Name: "`alg` HS256 with the public key", change: signed("HS256", byPublicKey)},
		{Name: "`alg` ES384 with the same key", change: signed("ES384", own)},
		{Name: "`alg` ES384 with a key on P-384", change: signed("ES384", byP384)},
		{Name: "`alg` RS256 with the same key", change: signed("RS256", own)},
		{Name: "`alg` RS256 with an RSA key", change: signed("RS256", byRSA)},
		{Name: "`alg` EdDSA with a key on Ed25519", change: signed("EdDSA", byEd25519)},
		{Name: "a stranger's signature", change: signed("ES256", byStranger)},
		{Name: "a signature of zeros", change: signed("ES256", zeros)},
		{Name: "a signature in DER", change: signed("ES256", inDER)},
		{Name: "a signature cut short", change: mangled(func(s string) string { return s[:len(s)-4] })},
		{Name: "a signature with more behind it", change: mangled(suffix("AAAA"))},
		{Name: "no signature", change: mangled(func(s string) string { return s[:strings.LastIndexByte(s, '.')+1] })},
		{Name: "one letter of the signature changed", change: flip(2, 20)},
		{Name: "one letter of the claims changed", change: flip(1, 20)},
		{Name: "one letter of the header changed", change: flip(0, 12)},
	}
}
