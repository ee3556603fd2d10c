package recoverykey_test

import (
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/recoverykey"
)

// The keys of RFC 8037 appendix A.3 and RFC 7638 section 3.1, with their thumbprints.
const (
	rfc8037 = `{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	rfc7638 = `{"e":"AQAB","kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}`
)

func TestThumbprintsAreThoseOfTheStandards(t *testing.T) {
	for text, want := range map[string]string{
		rfc8037: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
		rfc7638: "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
	} {
		key, err := recoverykey.ParseJWK([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := base64.RawURLEncoding.EncodeToString(key.Handle()); got != want || string(key.JWK()) != text {
			t.Errorf("%s, %s", got, key.JWK())
		}
	}
}

func TestKeysSurviveTheirOwnText(t *testing.T) {
	for _, algorithm := range algorithms {
		p := newPair(t, algorithm)
		jwk, err := recoverykey.ParseJWK(p.public.JWK())
		if err != nil || string(jwk.JWK()) != string(p.public.JWK()) {
			t.Errorf("%s: %v", algorithm, err)
		}
		did, err := recoverykey.ParseDID(p.public.DID())
		if err != nil || string(did.JWK()) != string(p.public.JWK()) {
			t.Errorf("%s: %s: %v", algorithm, p.public.DID(), err)
		}
		did, err = recoverykey.ParseDID("did:jwk:" + base64.RawURLEncoding.EncodeToString(p.public.JWK()))
		if err != nil || string(did.JWK()) != string(p.public.JWK()) {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
}

func TestMembersOfAKeyAreExact(t *testing.T) {
	ec, okp, rsa := newPair(t, "ES256"), newPair(t, "Ed25519"), newPair(t, "PS256")
	set := func(name string, value any) func(map[string]any) { return func(m map[string]any) { m[name] = value } }
	for name, tt := range map[string]struct {
		of     *pair
		change func(map[string]any)
		reason attest.Reason
	}{
		"private EC":            {ec, set("d", "AAAA"), attest.ReasonMalformed},
		"private OKP":           {okp, set("d", "AAAA"), attest.ReasonMalformed},
		"private RSA":           {rsa, set("p", "AAAA"), attest.ReasonMalformed},
		"name of the key":       {ec, set("kid", "1"), attest.ReasonMalformed},
		"use":                   {ec, set("use", "sig"), attest.ReasonMalformed},
		"other type":            {ec, set("kty", "OKP"), attest.ReasonMalformed},
		"type in capitals":      {ec, set("kty", "ec"), attest.ReasonMalformed},
		"symmetric":             {ec, set("kty", "oct"), attest.ReasonMalformed},
		"no type":               {ec, func(m map[string]any) { delete(m, "kty") }, attest.ReasonMalformed},
		"no y":                  {ec, func(m map[string]any) { delete(m, "y") }, attest.ReasonMalformed},
		"no curve":              {okp, func(m map[string]any) { delete(m, "crv") }, attest.ReasonMalformed},
		"y on OKP":              {okp, set("y", "AAAA"), attest.ReasonMalformed},
		"curve on RSA":          {rsa, set("crv", "P-256"), attest.ReasonMalformed},
		"curve of another":      {ec, set("crv", "P-384"), attest.ReasonMalformed},
		"curve that is not":     {ec, set("crv", "secp256k1"), attest.ReasonKey},
		"Ed25519 on EC":         {ec, set("crv", "Ed25519"), attest.ReasonKey},
		"X25519":                {okp, set("crv", "X25519"), attest.ReasonKey},
		"number for x":          {ec, set("x", 1), attest.ReasonMalformed},
		"null for x":            {ec, set("x", nil), attest.ReasonMalformed},
		"empty x":               {ec, set("x", ""), attest.ReasonMalformed},
		"x with padding":        {ec, func(m map[string]any) { m["x"] = m["x"].(string) + "=" }, attest.ReasonMalformed},
		"x with a line end":     {ec, func(m map[string]any) { m["x"] = m["x"].(string) + "\n" }, attest.ReasonMalformed},
		"x too long":            {ec, func(m map[string]any) { m["x"] = "AAAA" + m["x"].(string) }, attest.ReasonMalformed},
		"x too short":           {okp, func(m map[string]any) { m["x"] = m["x"].(string)[:40] }, attest.ReasonMalformed},
		"stray bits":            {okp, set("x", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURp"), attest.ReasonMalformed},
		"off the curve":         {ec, func(m map[string]any) { m["x"], m["y"] = m["y"], m["x"] }, attest.ReasonKey},
		"at infinity":           {ec, func(m map[string]any) { m["x"], m["y"] = zeros, zeros }, attest.ReasonKey},
		"x is the prime":        {ec, set("x", base64.RawURLEncoding.EncodeToString(elliptic.P256().Params().P.Bytes())), attest.ReasonKey},
		"small order":           {okp, set("x", zeros), attest.ReasonKey},
		"zero in front of n":    {rsa, func(m map[string]any) { m["n"] = "AA" + m["n"].(string) }, attest.ReasonMalformed},
		"zero in front of e":    {rsa, set("e", "AAEAAQ"), attest.ReasonMalformed},
		"exponent 3":            {rsa, set("e", "Aw"), attest.ReasonKey},
		"exponent of 40 bits":   {rsa, set("e", "AQAAAAE"), attest.ReasonMalformed},
		"RSA of 1024 bits":      {rsa, set("n", number(1024)), attest.ReasonKey},
		"RSA of 16384 bits":     {rsa, set("n", number(16384)), attest.ReasonMalformed},
		"RSA of 8200 bits":      {rsa, set("n", number(8200)), attest.ReasonKey},
		"longer than it can be": {ec, set("x", strings.Repeat("A", 3000)), attest.ReasonMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			var m map[string]any
			if err := json.Unmarshal(tt.of.public.JWK(), &m); err != nil {
				t.Fatal(err)
			}
			tt.change(m)
			text, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			_, err = recoverykey.ParseJWK(text)
			refused(t, err, tt.reason)
		})
	}
	for _, text := range []string{"", "null", "[]", `"x"`, `{}`, strings.Replace(rfc8037, "{", `{"kty":"OKP",`, 1), rfc8037 + rfc8037} {
		_, err := recoverykey.ParseJWK([]byte(text))
		refused(t, err, attest.ReasonMalformed)
	}
}

var zeros = base64.RawURLEncoding.EncodeToString(make([]byte, 32))

// number is 2^bits - 1.
func number(bits uint) string {
	n := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), bits), big.NewInt(1))
	return base64.RawURLEncoding.EncodeToString(n.Bytes())
}

func FuzzParseJWK(f *testing.F) {
	f.Add([]byte(rfc8037))
	f.Add([]byte(rfc7638))
	f.Add(newPair(f, "ES512").public.JWK())
	f.Fuzz(func(t *testing.T, text []byte) {
		key, err := recoverykey.ParseJWK(text)
		if err != nil {
			return
		}
		again, err := recoverykey.ParseJWK(key.JWK())
		if err != nil || string(again.JWK()) != string(key.JWK()) {
			t.Errorf("%s: %v", key.JWK(), err)
		}
		if err := key.Verify("ES256", []byte("nobody signed this"), text); err == nil {
			t.Error("verified")
		}
	})
}
