package recoverykey_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/mr-tron/base58"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/recoverykey"
)

// Examples of the did:key and did:jwk documents.
func TestExamplesOfTheMethodsAreRead(t *testing.T) {
	for did, curve := range map[string]string{
		"did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK":                                                                                                                         "Ed25519",
		"did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169":                                                                                                                        "P-256",
		"did:key:z82Lm1MpAkeJcix9K8TMiLd5NMAhnwkjjCBeWHXyu3U4oT2MVJJKXkcVBgjGhnLBn2Kaau9":                                                                                                  "P-384",
		"did:key:z2J9gaYxrKVpdoG9A4gRnmpnRCcxU6agDtFVVBVdn1JedouoZN7SzcyREXXzWgt3gGiwpoHq7K68X4m32D8HgzG8wv3sY5j7":                                                                         "P-521",
		"did:jwk:eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6ImFjYklRaXVNczNpOF91c3pFakoydHBUdFJNNEVVM3l6OTFQSDZDZEgyVjAiLCJ5IjoiX0tjeUxqOXZXTXB0bm1LdG00NkdxRHo4d2Y3NEk1TEtncmwyR3pIM25TRSJ9": "P-256",
	} {
		key, err := recoverykey.ParseDID(did)
		if err != nil || !strings.Contains(string(key.JWK()), `"crv":"`+curve+`"`) {
			t.Errorf("%s: %v", did, err)
			continue
		}
		if strings.HasPrefix(did, "did:key:") && key.DID() != did {
			t.Errorf("%s became %s", did, key.DID())
		}
	}
}

func TestOneKeyHasOneDIDOfAMethod(t *testing.T) {
	good := newPair(t, "Ed25519").public.DID()
	raw, err := base58.Decode(strings.TrimPrefix(good, "did:key:z"))
	if err != nil {
		t.Fatal(err)
	}
	of := func(data ...byte) string { return "did:key:z" + base58.Encode(data) }
	for name, tt := range map[string]struct {
		did    string
		reason attest.Reason
	}{
		"empty":                  {"", attest.ReasonUnsupported},
		"another method":         {"did:web:example.com", attest.ReasonUnsupported},
		"in capitals":            {strings.Replace(good, "did:key", "DID:key", 1), attest.ReasonUnsupported},
		"fragment":               {good + "#" + strings.TrimPrefix(good, "did:key:"), attest.ReasonMalformed},
		"query":                  {good + "?versionId=1", attest.ReasonMalformed},
		"space":                  {good + " ", attest.ReasonMalformed},
		"another multibase":      {"did:key:m" + base64.RawStdEncoding.EncodeToString(raw), attest.ReasonUnsupported},
		"version":                {strings.Replace(good, "did:key:", "did:key:1.1:", 1), attest.ReasonUnsupported},
		"nothing":                {"did:key:z", attest.ReasonMalformed},
		"zero in front":          {strings.Replace(good, ":z", ":z1", 1), attest.ReasonUnsupported},
		"digit that is not":      {good[:len(good)-1] + "0", attest.ReasonMalformed},
		"letter beyond ASCII":    {good + "é", attest.ReasonMalformed},
		"long form of the codec": {of(append([]byte{0xed, 0x81, 0x00}, raw[2:]...)...), attest.ReasonMalformed},
		"codec without end":      {of(0xed), attest.ReasonMalformed},
		"codec beyond 64 bits":   {of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01), attest.ReasonMalformed},
		"X25519":                 {of(append([]byte{0xec, 0x01}, raw[2:]...)...), attest.ReasonUnsupported},
		"secp256k1":              {of(append([]byte{0xe7, 0x01}, raw[2:]...)...), attest.ReasonUnsupported},
		"private key":            {of(append([]byte{0x80, 0x26}, raw[2:]...)...), attest.ReasonUnsupported},
		"key too short":          {of(raw[:33]...), attest.ReasonMalformed},
		"key too long":           {of(append(raw[:34:34], 0)...), attest.ReasonMalformed},
		"small order":            {of(append([]byte{0xed, 0x01}, make([]byte, 32)...)...), attest.ReasonKey},
		"P-256 uncompressed":     {of(append([]byte{0x80, 0x24, 4}, make([]byte, 64)...)...), attest.ReasonKey},
		"P-256 off the curve":    {of(append([]byte{0x80, 0x24, 2}, make([]byte, 31)...)...), attest.ReasonKey},
		"RSA that is not":        {of(0x85, 0x24, 0x30, 0x00), attest.ReasonMalformed},
		"JWK in another text":    {"did:jwk:" + base64.URLEncoding.EncodeToString([]byte(rfc8037)) + "=", attest.ReasonMalformed},
		"JWK that is private":    {"did:jwk:" + b64(strings.Replace(rfc8037, "{", `{"d":"AAAA",`, 1)), attest.ReasonMalformed},
		"JWK with a fragment":    {"did:jwk:" + b64(rfc8037) + "#0", attest.ReasonMalformed},
		"longer than it can be":  {"did:key:z" + strings.Repeat("z", 5000), attest.ReasonMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := recoverykey.ParseDID(tt.did)
			refused(t, err, tt.reason)
		})
	}
}

func b64(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func FuzzParseDID(f *testing.F) {
	for _, algorithm := range []string{"Ed25519", "ES256", "PS256"} {
		f.Add(newPair(f, algorithm).public.DID())
	}
	f.Add("did:jwk:" + b64(rfc8037))
	f.Fuzz(func(t *testing.T, did string) {
		key, err := recoverykey.ParseDID(did)
		if err != nil {
			return
		}
		if strings.HasPrefix(did, "did:key:") && key.DID() != did {
			t.Errorf("%q became %q", did, key.DID())
		}
	})
}
