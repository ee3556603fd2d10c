package appraise_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/appraise"
)

// A security key, as ssh-keygen shows it, and what it signed: touched, untouched, and with a PIN one signature later.
const (
	sshKey       = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIF77QxZIkru9lvEDoCN8IB5yyMJdKkRX9EOL3rlhVUZ5AAAABHNzaDo="
	sshNamespace = "recovery@id.example.com"
)

func sshSignature(inner string) string {
	return "-----BEGIN SSH SIGNATURE-----\n" + inner + "\n-----END SSH SIGNATURE-----\n"
}

const sshHead = `U1NIU0lHAAAAAQAAAEoAAAAac2stc3NoLWVkMjU1MTlAb3BlbnNzaC5jb20AAAAgXvtDFk
iSu72W8QOgI3wgHnLIwl0qRFf0Q4veuWFVRnkAAAAEc3NoOgAAABdyZWNvdmVyeUBpZC5l
eGFtcGxlLmNvbQAAAAAAAAAGc2hhNTEyAAAAZwAAABpzay1zc2gtZWQyNTUxOUBvcGVuc3
`

var (
	touched = sshSignature(sshHead + `NoLmNvbQAAAECigU8XBeCiEk9omdlDYFu6LugyLED+iAZea2N7u/THEifevPWFhe/3r4Lu
ClByx42SY1CmWHIWeGtvQYy08/IEAQAAAAc=`)
	untouched = sshSignature(sshHead + `NoLmNvbQAAAED5yBoSw2RWbM8qhrBxJtwy8JclRB0k+g+7htwTS/ASU3AD98gU73sgTb4u
oSJ3CqUAR3hVzRFZ7FW88Amf8+YMAAAAAAc=`)
	verified = sshSignature(sshHead + `NoLmNvbQAAAECVbhB+mIKwGeGXMq0IfdIF2CXCcagAfBETuTCqxZADwqg/09/wOZfO+zci
DXo4SFSjchPrOpS1oahNnHoJVnYKBQAAAAg=`)
)

func sshRequest(signature string) object {
	return object{
		"id": "one", "format": "sshsig", "time": "2026-11-21T20:20:00Z", "challenge": encode([]byte(challenge)),
		"evidence": object{"signature": signature},
		"expect":   object{"public_key": sshKey, "namespace": sshNamespace},
	}
}

func TestSSHSignatureIsAppraised(t *testing.T) {
	claims := claimsOf(t, mustAccept(t, sshRequest(touched)))
	if claims["key_fingerprint"] != "SHA256:VeBI85JVRBv6B+JwXsmgnYxYfTyFG+aqBE5KSSUKNAQ" || claims["sign_count"] != 7.0 ||
		claims["algorithm"] != "sk-ssh-ed25519@openssh.com" {
		t.Errorf("%v", claims)
	}
	mustAccept(t, in(sshRequest(verified), "expect", object{"user_verification": true, "sign_count": 7}))
	mustAccept(t, in(sshRequest(untouched), "expect", object{"user_presence": false}))
	for name, tt := range map[string]struct {
		q      object
		reason attest.Reason
	}{
		"not touched":                 {sshRequest(untouched), attest.ReasonPresence},
		"not touched, to be":          {in(sshRequest(untouched), "expect", object{"user_presence": true}), attest.ReasonPresence},
		"not verified":                {in(sshRequest(touched), "expect", object{"user_verification": true}), attest.ReasonPresence},
		"counter stands":              {in(sshRequest(touched), "expect", object{"sign_count": 7}), attest.ReasonCounter},
		"another namespace":           {in(sshRequest(touched), "expect", object{"namespace": "file"}), attest.ReasonPurpose},
		"empty namespace":             {in(sshRequest(touched), "expect", object{"namespace": ""}), attest.ReasonPurpose},
		"certificate for a key":       {in(sshRequest(touched), "expect", object{"public_key": "ssh-ed25519-cert-v01@openssh.com AAAA"}), attest.ReasonKey},
		"another key":                 {in(sshRequest(touched), "expect", object{"public_key": otherSSHKey}), attest.ReasonIdentity},
		"not a signature":             {sshRequest("x"), attest.ReasonMalformed},
		"empty challenge":             {with(sshRequest(touched), "challenge", ""), attest.ReasonChallenge},
		"another challenge":           {with(sshRequest(touched), "challenge", encode([]byte("x"))), attest.ReasonSignature},
		"another challenge, no touch": {with(sshRequest(untouched), "challenge", encode([]byte("x"))), attest.ReasonSignature},
	} {
		t.Run(name, func(t *testing.T) { mustRefuse(t, tt.q, tt.reason) })
	}
	for name, q := range map[string]object{
		"no challenge":      with(sshRequest(touched), "challenge", nil),
		"no signature":      in(sshRequest(touched), "evidence", object{"signature": nil}),
		"no key":            in(sshRequest(touched), "expect", object{"public_key": nil}),
		"no namespace":      in(sshRequest(touched), "expect", object{"namespace": nil}),
		"unknown wish":      in(sshRequest(touched), "expect", object{"touch": true}),
		"counter below 0":   in(sshRequest(touched), "expect", object{"sign_count": -1}),
		"presence, a word":  in(sshRequest(touched), "expect", object{"user_presence": "required"}),
		"unknown evidence":  in(sshRequest(touched), "evidence", object{"public_key": sshKey}),
		"signature, a list": in(sshRequest(touched), "evidence", object{"signature": []string{touched}}),
	} {
		t.Run(name, func(t *testing.T) { mustFail(t, q) })
	}
}

// The generator of the curve.
const otherSSHKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFhmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZm"

// recoveryKeyRequest is RFC 8032 section 7.1, test 2.
func recoveryKeyRequest(t testing.TB) object {
	t.Helper()
	return object{
		"id": "one", "format": "recovery-key", "time": "2026-11-21T20:20:00Z", "challenge": encode([]byte{0x72}),
		"evidence": object{"algorithm": "Ed25519", "signature": encode(fromHex(t,
			"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"))},
		"expect": object{"public_key": object{
			"kty": "OKP", "crv": "Ed25519", "x": encode(fromHex(t, "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")),
		}},
	}
}

func TestRecoveryKeyIsAppraised(t *testing.T) {
	if claims := claimsOf(t, mustAccept(t, recoveryKeyRequest(t))); len(claims) != 1 || claims["thumbprint"] != "FtIu-VbGrfe_KB6CH7GNwODB72MNxj_ml11dEvO-7kk" {
		t.Errorf("%v", claims)
	}
	jwk := `{"crv":"Ed25519","kty":"OKP","x":"PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw"}`
	mustAccept(t, in(recoveryKeyRequest(t), "expect", object{"public_key": nil, "did": "did:jwk:" + encode([]byte(jwk))}))
	padded := recoveryKeyRequest(t)["evidence"].(object)["signature"].(string)
	mustAccept(t, in(recoveryKeyRequest(t), "evidence", object{"signature": base64.StdEncoding.EncodeToString(fromBase64(t, padded))}))
	for name, tt := range map[string]struct {
		q      object
		reason attest.Reason
	}{
		"another challenge":  {with(recoveryKeyRequest(t), "challenge", encode([]byte{0x73})), attest.ReasonSignature},
		"empty challenge":    {with(recoveryKeyRequest(t), "challenge", ""), attest.ReasonChallenge},
		"another algorithm":  {in(recoveryKeyRequest(t), "evidence", object{"algorithm": "ES256"}), attest.ReasonKey},
		"unknown algorithm":  {in(recoveryKeyRequest(t), "evidence", object{"algorithm": "EdDSA"}), attest.ReasonUnsupported},
		"not bytes":          {in(recoveryKeyRequest(t), "evidence", object{"signature": "!"}), attest.ReasonMalformed},
		"empty signature":    {in(recoveryKeyRequest(t), "evidence", object{"signature": ""}), attest.ReasonSignature},
		"key of small order": {in(recoveryKeyRequest(t), "expect", object{"public_key": object{"kty": "OKP", "crv": "Ed25519", "x": encode(make([]byte, 32))}}), attest.ReasonKey},
		"key with a name":    {in(recoveryKeyRequest(t), "expect", object{"public_key": object{"kty": "OKP", "crv": "Ed25519", "x": encode(make([]byte, 32)), "kid": "1"}}), attest.ReasonMalformed},
		"unknown DID":        {in(recoveryKeyRequest(t), "expect", object{"public_key": nil, "did": "did:web:example.com"}), attest.ReasonUnsupported},
	} {
		t.Run(name, func(t *testing.T) { mustRefuse(t, tt.q, tt.reason) })
	}
	for name, q := range map[string]object{
		"no challenge": with(recoveryKeyRequest(t), "challenge", nil),
		"no signature": in(recoveryKeyRequest(t), "evidence", object{"signature": nil}),
		"no algorithm": in(recoveryKeyRequest(t), "evidence", object{"algorithm": nil}),
		"no key":       in(recoveryKeyRequest(t), "expect", object{"public_key": nil}),
		"key and DID":  in(recoveryKeyRequest(t), "expect", object{"did": "did:key:z"}),
		"unknown wish": in(recoveryKeyRequest(t), "expect", object{"algorithm": "Ed25519"}),
	} {
		t.Run(name, func(t *testing.T) { mustFail(t, q) })
	}
}

// with changes one member of a request; nil takes it out.
func with(q object, name string, value any) object {
	return in(object{"q": q}, "q", object{name: value})["q"].(object)
}

func fromHex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func fromBase64(t testing.TB, text string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// claimsOf reads the claims of an answer as they are written.
func claimsOf(t testing.TB, a appraise.Answer) map[string]any {
	t.Helper()
	text, err := a.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var m struct{ Claims map[string]any }
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m.Claims
}
