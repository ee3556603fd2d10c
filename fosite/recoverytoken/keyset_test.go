package recoverytoken

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/json"
	"maps"
	"strings"
	"testing"
)

// publicJWK is a key as an issuer publishes it.
func publicJWK(t testing.TB, name string) map[string]any {
	t.Helper()
	key := newKey(t, name)
	x, y := make([]byte, 32), make([]byte, 32)
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	copy(x, point[1:33])
	copy(y, point[33:])
	return map[string]any{"kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y), "kid": name, "alg": "ES256", "use": "sig"}
}

func document(t testing.TB, keys ...map[string]any) []byte {
	t.Helper()
	encoded, err := json.Marshal(map[string]any{"keys": keys, "further": "members are ignored"})
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

func TestPublishedKeyVerifies(t *testing.T) {
	f := newFixture(t)
	for name, change := range map[string]func(map[string]any){
		"as published":      func(map[string]any) {},
		"without alg":       func(k map[string]any) { delete(k, "alg") },
		"without use":       func(k map[string]any) { delete(k, "use") },
		"with key_ops":      func(k map[string]any) { delete(k, "use"); k["key_ops"] = []string{"verify"} },
		"with other things": func(k map[string]any) { k["note"] = "x" },
	} {
		t.Run(name, func(t *testing.T) {
			key := publicJWK(t, "key-1")
			change(key)
			var err error
			if f.Keys, err = ParseJWKS(document(t, publicJWK(t, "key-0"), key)); err != nil || len(f.Keys) != 2 {
				t.Fatalf("got %v, %v", f.Keys, err)
			}
			if _, err := f.Verify(f.sign(t, goodHeader, f.payload(t)), now); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestKeyForSomethingElseIsLeftOut(t *testing.T) {
	for name, change := range map[string]map[string]any{
		"RSA":                 {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
		"another curve":       {"crv": "P-384"},
		"not on the curve":    {"y": b64([]byte(strings.Repeat("y", 32)))},
		"short coordinate":    {"x": "AQAB"},
		"another algorithm":   {"alg": "ES384"},
		"alg in lower case":   {"alg": "es256"},
		"for encryption":      {"use": "enc"},
		"for signing only":    {"key_ops": []string{"sign"}},
		"no identifier":       {"kid": ""},
		"type unknown":        {"kty": "AKP"},
		"no type":             {"kty": nil},
		"identifier a number": {"kid": 1},
	} {
		t.Run(name, func(t *testing.T) {
			key := publicJWK(t, "key-1")
			maps.Copy(key, change)
			got, err := ParseJWKS(document(t, publicJWK(t, "key-0"), key))
			if err != nil || len(got) != 1 || got["key-0"] == nil {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestDocumentIsRefusedAsAWhole(t *testing.T) {
	key := publicJWK(t, "key-1")
	private := maps.Clone(key)
	private["d"] = b64(make([]byte, 32))
	good := string(document(t, key))
	for name, bad := range map[string]string{
		"empty":             "",
		"not an object":     `[]`,
		"no keys":           `{}`,
		"keys is null":      `{"keys":null}`,
		"keys is an object": `{"keys":{}}`,
		"key is a string":   `{"keys":["x"]}`,
		"keys twice":        `{"keys":[],` + good[1:],
		"member twice":      strings.Replace(good, `"alg"`, `"kid":"other","alg"`, 1),
		"trailing":          good + "{}",
		"nested too deeply": `{"keys":[` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `]}`,
		"private key":       string(document(t, private)),
		"symmetric key":     `{"keys":[{"kty":"oct","k":"AQAB","kid":"key-1"}]}`,
		"identifier twice":  string(document(t, key, key)),
		"too many":          `{"keys":[` + strings.Repeat("{},", maxKeys) + `{}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := ParseJWKS([]byte(bad)); err == nil {
				t.Errorf("got %v", got)
			}
		})
	}
}

func FuzzParseJWKS(f *testing.F) {
	f.Add(document(f, publicJWK(f, "key-1")))
	f.Add(document(f, publicJWK(f, "key-1"), publicJWK(f, "key-0")))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AQAB"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","kid":"a","x":"AA","y":"AA"}]}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		keys, err := ParseJWKS(document)
		if err != nil && keys != nil {
			t.Errorf("got %v beside %v", keys, err)
		}
		for id, key := range keys {
			if id == "" || key.Curve != elliptic.P256() || !onCurve(key) {
				t.Errorf("took %q: %v", id, key)
			}
		}
	})
}

func onCurve(key *ecdsa.PublicKey) bool { _, err := key.ECDH(); return err == nil }
