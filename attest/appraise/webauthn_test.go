package appraise_test

import (
	"crypto/x509"
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
)

const origin = "https://login.example.org"

// passkeyScene is an authenticator, and good requests about it.
type passkeyScene struct {
	passkey *attesttest.Passkey
	root    *attesttest.CA
	format  string
}

func newPasskeyScene(t testing.TB, format string) *passkeyScene {
	t.Helper()
	return &passkeyScene{attesttest.NewPasskey(t, "example.org"), attesttest.NewCA(t), format}
}

func (s *passkeyScene) request(format string, evidence []byte, expect object) object {
	whole := object{"rp_id": "example.org", "origins": []string{origin}}
	maps.Copy(whole, expect)
	return object{
		"id": "one", "format": format, "time": now.Format(time.RFC3339), "challenge": encode([]byte(challenge)),
		"evidence": json.RawMessage(evidence), "trust": object{"roots": []string{attesttest.PEM(s.root.Certificate)}}, "expect": whole,
	}
}

func (s *passkeyScene) registration(t testing.TB, mutate func(*attesttest.Ceremony)) object {
	t.Helper()
	made := s.passkey.Create(t, []byte(challenge), origin, attesttest.Attester{Format: s.format, CA: s.root}, mutate)
	return s.request("webauthn-registration", made, nil)
}

func (s *passkeyScene) assertion(mutate func(*attesttest.Ceremony)) object {
	stored := object{
		"id": encode(s.passkey.ID), "public_key": encode(attesttest.CBOR(s.passkey.COSE())), "sign_count": 0, "backup_eligible": false,
		"user_handle": encode(s.passkey.UserHandle),
	}
	return s.request("webauthn-assertion", s.passkey.Get([]byte(challenge), origin, mutate), object{"credential": stored})
}

func TestRegistrationIsAppraised(t *testing.T) {
	s := newPasskeyScene(t, "packed")
	text, err := mustAccept(t, s.registration(t, nil)).Encode()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Claims map[string]any `json:"claims"`
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := object{
		"format": "packed", "attestation_type": "basic", "aaguid": uuid.UUID(s.passkey.AAGUID).String(), "credential_id": encode(s.passkey.ID),
		"public_key": encode(attesttest.CBOR(s.passkey.COSE())), "sign_count": 1.0, "user_verified": true, "backup_eligible": false, "backed_up": false,
	}
	if !maps.Equal(got.Claims, want) {
		t.Errorf("claims %v", got.Claims)
	}
}

// Without the list it is not consulted.
func TestAndroidsListIsKeptForPasskeysToo(t *testing.T) {
	s := newPasskeyScene(t, "android-key")
	good := s.registration(t, nil)
	mustAccept(t, good)
	mustAccept(t, in(good, "trust", object{"android_status": nil}))
	mustAccept(t, in(good, "trust", object{"android_status": object{"entries": object{}}}))
	serial := s.root.Certificate.SerialNumber.Text(16)
	listed := object{"entries": object{serial: object{"status": "REVOKED"}}}
	mustRefuse(t, in(good, "trust", object{"android_status": listed}), attest.ReasonRevoked)
	mustFail(t, in(good, "trust", object{"android_status": object{}}))
	other := newPasskeyScene(t, "packed").registration(t, nil)
	mustAccept(t, in(other, "trust", object{"android_status": listed})) // says nothing of others
}

func TestExpectationsOfARegistrationAreKept(t *testing.T) {
	s := newPasskeyScene(t, "packed")
	bare := newPasskeyScene(t, "")
	expect := func(q, changes object) object { return in(q, "expect", changes) }
	for name, tt := range map[string]struct {
		request object
		reason  attest.Reason // "": accepted
	}{
		"no roots":               {in(s.registration(t, nil), "trust", object{"roots": nil}), attest.ReasonUntrusted},
		"verified":               {expect(in(s.registration(t, nil), "trust", object{"roots": nil}), object{"attestation": "verified"}), ""},
		"no statement":           {bare.registration(t, nil), attest.ReasonUntrusted},
		"no statement where any": {expect(bare.registration(t, nil), object{"attestation": "any"}), ""},
		"another algorithm":      {expect(s.registration(t, nil), object{"algorithms": []int{-8}}), attest.ReasonKey},
		"no algorithm":           {expect(s.registration(t, nil), object{"algorithms": []int{}}), attest.ReasonKey},
		"evidence that is none":  {s.request("webauthn-registration", []byte(`{"id":"x"}`), nil), attest.ReasonMalformed},
		"evidence that is text":  {s.request("webauthn-registration", []byte(`"x"`), nil), attest.ReasonMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.reason == "" {
				mustAccept(t, tt.request)
			} else {
				mustRefuse(t, tt.request, tt.reason)
			}
		})
	}
	for name, changes := range map[string]object{
		"attestation": {"attestation": "none"}, "vendors": {"tpm_vendors": "some"}, "algorithms": {"algorithms": []string{"ES256"}},
	} {
		t.Run("wish/"+name, func(t *testing.T) { mustFail(t, expect(s.registration(t, nil), changes)) })
	}
	q := s.registration(t, nil)
	q["challenge"] = ""
	mustRefuse(t, q, attest.ReasonChallenge)
	delete(q, "challenge")
	mustFail(t, q)
}

func TestExpectationsOfAnAssertionAreKept(t *testing.T) {
	s := newPasskeyScene(t, "")
	stored := func(changes object) object {
		q := s.assertion(nil)
		in(q["expect"].(object), "credential", changes)
		return q
	}
	mustAccept(t, stored(nil))
	mustAccept(t, stored(object{"id": nil, "sign_count": nil, "backup_eligible": nil, "user_handle": nil}))
	mustRefuse(t, stored(object{"id": "AAAA"}), attest.ReasonIdentity)
	mustRefuse(t, stored(object{"user_handle": "AAAA"}), attest.ReasonIdentity)
	mustRefuse(t, stored(object{"backup_eligible": true}), attest.ReasonIdentity)
	mustRefuse(t, stored(object{"sign_count": 1000}), attest.ReasonCounter)
	mustRefuse(t, stored(object{"public_key": "AAAA"}), attest.ReasonMalformed)
	mustFail(t, stored(object{"public_key": nil}))
	mustFail(t, stored(object{"public_key": "!"}))
	mustFail(t, stored(object{"sign_count": -1}))
	mustFail(t, stored(object{"sign_count": 1 << 32}))
	mustFail(t, stored(object{"key": ""}))
	q := s.assertion(nil)
	q["challenge"] = ""
	mustRefuse(t, q, attest.ReasonChallenge)
	delete(q, "challenge")
	mustFail(t, q)
}

func TestMetadataIsTrustedAsItIsConfigured(t *testing.T) {
	s, service := newPasskeyScene(t, "packed"), attesttest.NewCA(t)
	entry := func(reports ...map[string]any) []any {
		return []any{attesttest.MetadataEntry(s.passkey.AAGUID, s.root.Certificate, reports...)}
	}
	with := func(blob string, root *x509.Certificate) object {
		return in(s.registration(t, nil), "trust", object{"roots": nil, "metadata_blob": blob, "metadata_roots": []string{attesttest.PEM(root)}})
	}
	good := service.Metadata(t, entry(), nil, nil)
	mustAccept(t, with(good, service.Certificate))
	mustRefuse(t, with(good, s.root.Certificate), attest.ReasonUntrusted)
	mustRefuse(t, with("x", service.Certificate), attest.ReasonMalformed)
	mustRefuse(t, with(service.Metadata(t, entry(object{"status": "REVOKED"}), nil, nil), service.Certificate), attest.ReasonRevoked)
	mustFail(t, in(with(good, service.Certificate), "trust", object{"metadata_roots": []string{"x"}}))
}
