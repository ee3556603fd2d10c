package wire

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/internal/strictjson"
)

// The texts are those of the protocol, so that a renamed member shows.
func TestRequestsReadAsDocumented(t *testing.T) {
	for _, tt := range []struct {
		text string
		into any
	}{
		{`{"account_identifier":"alice@example.com","actions":["replace-passkey","sign-in"],"client_id":"c"}`, new(InitiateRequest)},
		{`{"recovery_id":"r","evidence":[{"method":"device-certificate","certificate_chain":["-----BEGIN"],"algorithm":"ES256","signature":"s"}]}`, new(AttestRequest)},
		{`{"recovery_id":"r"}`, new(StatusRequest)},
		{`{"recovery_token":"t"}`, new(HandoffRequest)},
		{`{"activation_code":"c","csr":"-----BEGIN","label":"laptop"}`, new(EnrollRequest)},
		{`{"activation_code":"c","method":"tpm","evidence":{"ek_certificates":["x"]}}`, new(ChallengeRequest)},
		{`{"activation_code":"c","state":"s","label":"laptop","evidence":{"secret":"x"}}`, new(EnrollRequest)},
	} {
		if err := strictjson.Decode([]byte(tt.text), tt.into); err != nil {
			t.Errorf("%T: %v", tt.into, err)
		}
		if got, err := json.Marshal(tt.into); err != nil || string(got) != tt.text {
			t.Errorf("%T came back as %s, %v", tt.into, got, err)
		}
	}
}

func TestResponsesReadAsDocumented(t *testing.T) {
	at := time.Date(2026, 11, 21, 20, 20, 0, 0, time.UTC)
	for _, tt := range []struct {
		value any
		want  string
	}{
		{
			InitiateResponse{RecoveryID: "r", Statement: "s\n", Nonce: "n", ExpiresIn: 900, Methods: []MethodOffer{{Method: "device-certificate"}}},
			`{"recovery_id":"r","statement":"s\n","nonce":"n","expires_in":900,"methods":[{"method":"device-certificate"}]}`,
		},
		{
			AttestResponse{Outcome: OutcomeGranted, RecoveryToken: "t", ExpiresIn: 120, Reference: "ABCD2345"},
			`{"outcome":"granted","recovery_token":"t","expires_in":120,"reference":"ABCD2345"}`,
		},
		{StatusResponse{State: "granted"}, `{"state":"granted"}`},
		{HandoffResponse{Code: "c", ExpiresIn: 60, ContinueURI: "u"}, `{"code":"c","expires_in":60,"continue_uri":"u"}`},
		{
			TokenResponse{AccessToken: "a", TokenType: "DPoP", ExpiresIn: 300, Scope: "recovery:complete"},
			`{"access_token":"a","token_type":"DPoP","expires_in":300,"scope":"recovery:complete"}`,
		},
		{CompleteResponse{Outcome: OutcomeDone}, `{"outcome":"done"}`},
		{
			EnrollResponse{CertificateChain: []string{"p"}, DeviceID: "d", Account: "a", Issuer: "i", NotAfter: at, EffectiveAt: at},
			`{"certificate_chain":["p"],"device_id":"d","account":"a","issuer":"i","not_after":"2026-11-21T20:20:00Z","effective_at":"2026-11-21T20:20:00Z"}`,
		},
		{
			Problem{Type: ProblemMalformed.Type(), Title: "t", Status: 400, Member: "/actions"},
			`{"type":"urn:regrant:problem:malformed","title":"t","status":400,"member":"/actions"}`,
		},
	} {
		if got, err := json.Marshal(tt.value); err != nil || string(got) != tt.want {
			t.Errorf("%T is %s, %v", tt.value, got, err)
		}
	}
}

func TestProofsAreKeptAsSent(t *testing.T) {
	const element = `{"method":"device-certificate", "algorithm":"ES256"}`
	var r AttestRequest
	if err := strictjson.Decode([]byte(`{"recovery_id":"r","evidence":[`+element+`]}`), &r); err != nil {
		t.Fatal(err)
	}
	proofs, err := r.Proofs()
	if err != nil || len(proofs) != 1 || proofs[0].Method != "device-certificate" || string(proofs[0].Body) != element {
		t.Errorf("%q, %v", proofs, err)
	}
}

func TestProofsThatNameNoMethodAreRefused(t *testing.T) {
	for name, evidence := range map[string]string{
		"empty":        `{}`,
		"null":         `null`,
		"no object":    `"device-certificate"`,
		"other type":   `{"method":1}`,
		"other case":   `{"Method":"device-certificate"}`,
		"one too many": strings.Repeat(`{"method":"m"},`, MaxEvidence) + `{"method":"m"}`,
	} {
		var r AttestRequest
		if err := strictjson.Decode([]byte(`{"evidence":[`+evidence+`]}`), &r); err != nil {
			t.Fatal(err)
		}
		if proofs, err := r.Proofs(); err == nil || proofs != nil {
			t.Errorf("%s: %q", name, proofs)
		}
	}
}

func TestProblemsSayTheirCode(t *testing.T) {
	if got := (Problem{Type: ProblemRefused.Type()}).Code(); got != ProblemRefused {
		t.Errorf("code %q", got)
	}
	for _, foreign := range []string{"", "about:blank", "urn:other:refused"} {
		if got := (Problem{Type: foreign}).Code(); got != "" {
			t.Errorf("%q has code %q", foreign, got)
		}
	}
}
