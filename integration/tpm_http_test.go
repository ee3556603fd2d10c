package integration

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/swtpm"
	"github.com/regrant/regrant/internal/tpmclient"
	"github.com/regrant/regrant/internal/wire"
)

// inChip makes new keys in a chip.
func inChip(t *testing.T, chip *swtpm.TPM) *tpmclient.Device {
	t.Helper()
	opened, err := tpmclient.Open(chip.Socket, "")
	fatal(t, err)
	keys, err := opened.NewDevice()
	fatal(t, err)
	t.Cleanup(func() { _ = keys.Close(); _ = opened.Close() })
	return keys
}

// challenged begins an enrolment.
func challenged(t *testing.T, e *env.Env, code string, offer []byte) (wire.ChallengeResponse, claimant.Answer) {
	t.Helper()
	c := claimant.Claimant{Issuer: e.Issuer, Client: e.Client}
	a, err := c.JSON(t.Context(), "/devices/challenge", wire.ChallengeRequest{ActivationCode: code, Method: "tpm", Evidence: offer})
	fatal(t, err)
	var begun wire.ChallengeResponse
	if a.Status == http.StatusOK {
		fatal(t, a.Into(&begun))
	}
	return begun, a
}

// with changes members of a JSON object.
func with(t *testing.T, object []byte, changes map[string]any) []byte {
	t.Helper()
	var members map[string]any
	fatal(t, json.Unmarshal(object, &members))
	for name, value := range changes {
		members[name] = value
	}
	text, err := json.Marshal(members)
	fatal(t, err)
	return text
}

// An attacker has a chip that is trusted, and wants a key bound that lives elsewhere.
func TestAKeyThatDoesNotLiveInTheTrustedChipIsNotBound(t *testing.T) {
	c := chips(t, 2)
	e := withTPM(t, c[:1], alone)
	trusted, other := inChip(t, c[0]), inChip(t, c[1])
	code := activationCode(t, e)
	mine, err := trusted.Offer()
	fatal(t, err)
	theirs, err := other.Offer()
	fatal(t, err)
	var certificates struct {
		EK json.RawMessage `json:"ek_certificates"`
	}
	fatal(t, json.Unmarshal(mine, &certificates))

	begun, a := challenged(t, e, code, with(t, theirs, map[string]any{"ek_certificates": certificates.EK}))
	if a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	for name, keys := range map[string]*tpmclient.Device{"the trusted chip": trusted, "the other": other} {
		if _, err := keys.Answer(begun.Options, e.Issuer, begun.Account); err == nil {
			t.Errorf("%s solves the riddle", name)
		}
	}
	// What is left is to guess the secret.
	good, _ := challenged(t, e, code, mine)
	answer, err := trusted.Answer(good.Options, e.Issuer, good.Account)
	fatal(t, err)
	for name, in := range map[string]wire.EnrollRequest{
		"the answer to another riddle": {ActivationCode: code, State: begun.State, Evidence: answer},
		"a guess": {
			ActivationCode: code, State: good.State, Evidence: with(t, answer, map[string]any{"secret": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}),
		},
	} {
		if a := post(t, e, in); a.Status != http.StatusBadRequest || a.Code() != "malformed" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	if n := bound(t, e, "tpm"); n != 0 {
		t.Errorf("%d are bound", n)
	}
	if a := post(t, e, wire.EnrollRequest{ActivationCode: code, State: good.State, Evidence: answer}); a.Status != http.StatusOK {
		t.Errorf("the good answer: %d %s", a.Status, a.Body)
	}
}
