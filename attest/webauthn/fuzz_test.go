package webauthn

import (
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"github.com/regrant/regrant/attest/attesttest"
)

// good is a registration and an assertion of each format, as seeds.
func good(t testing.TB) (registrations, assertions [][]byte, keys [][]byte) {
	t.Helper()
	for _, format := range []string{"", "self", "packed", "fido-u2f", "tpm", "android-key", "apple"} {
		p := attesttest.NewPasskey(t, "example.org")
		registrations = append(registrations, p.Create(t, []byte("x"), "https://example.org", attesttest.Attester{Format: format, CA: attesttest.NewCA(t)}, nil))
		assertions = append(assertions, p.Get([]byte("x"), "https://example.org", nil))
		keys = append(keys, attesttest.CBOR(p.COSE()))
	}
	return registrations, assertions, keys
}

// member returns a member of the response of a credential.
func member(t testing.TB, credential []byte, name string) []byte {
	t.Helper()
	var c struct {
		Response map[string]any `json:"response"`
	}
	if err := json.Unmarshal(credential, &c); err != nil {
		t.Fatal(err)
	}
	b, err := base64.RawURLEncoding.DecodeString(c.Response[name].(string))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func FuzzCredential(f *testing.F) {
	registrations, assertions, _ := good(f)
	for _, seed := range append(registrations, assertions...) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parseCredential(text)
		attesttest.MustRefuse(t, err)
		if err == nil && (len(c.RawID) == 0 || len(c.RawID) > maxCredentialID) {
			t.Errorf("credential id of %d bytes", len(c.RawID))
		}
	})
}

func FuzzClientData(f *testing.F) {
	registrations, assertions, _ := good(f)
	for _, seed := range append(registrations, assertions...) {
		f.Add(member(f, seed, "clientDataJSON"))
	}
	party := Party{RPIDs: []string{"example.org"}, Origins: []string{"https://example.org"}}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parseClientData(text)
		attesttest.MustRefuse(t, err)
		if err != nil {
			return
		}
		err = c.check(party, typeGet, []byte("x"))
		attesttest.MustRefuse(t, err)
		if err == nil && (c.Type != typeGet || c.Challenge != "eA" || c.Origin != "https://example.org" || c.CrossOrigin || c.TopOrigin != nil) {
			t.Errorf("accepted %+v", c)
		}
	})
}

func FuzzAuthenticatorData(f *testing.F) {
	registrations, assertions, _ := good(f)
	for _, seed := range assertions {
		f.Add(member(f, seed, "authenticatorData"), false)
	}
	for _, seed := range registrations {
		o, err := parseObject(member(f, seed, "attestationObject"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(o.data.raw, true)
	}
	party := Party{RPIDs: []string{"example.org"}}
	f.Fuzz(func(t *testing.T, raw []byte, create bool) {
		ceremony := map[bool]string{true: typeCreate, false: typeGet}[create]
		d, err := parseAuthData(raw, ceremony)
		attesttest.MustRefuse(t, err)
		if err != nil {
			return
		}
		_, err = d.check(party)
		attesttest.MustRefuse(t, err)
		if err == nil && raw[32]&5 != 5 {
			t.Errorf("accepted flags %x", raw[32])
		}
	})
}

func FuzzKey(f *testing.F) {
	_, _, keys := good(f)
	for _, seed := range keys {
		f.Add(seed)
	}
	f.Add(decoyKey())
	f.Fuzz(func(t *testing.T, cose []byte) {
		key, err := parseKey(cose)
		attesttest.MustRefuse(t, err)
		if err == nil && (!key.algorithm.Known() || key.key == nil) {
			t.Errorf("key %+v", key)
		}
	})
}

func FuzzMetadata(f *testing.F) {
	ca := attesttest.NewCA(f)
	f.Add(ca.Metadata(f, []any{attesttest.MetadataEntry(make([]byte, 16), ca.Certificate)}, nil, nil))
	f.Add("e30.e30.AA")
	f.Fuzz(func(t *testing.T, blob string) {
		m, err := ParseMetadata(blob, nil, time.Date(2026, 11, 21, 20, 20, 0, 0, time.UTC))
		attesttest.MustRefuse(t, err)
		if m != nil {
			t.Error("accepted without a root")
		}
	})
}
