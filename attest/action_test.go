package attest

import (
	"slices"
	"testing"
)

func TestActionsComeInTheirOwnOrder(t *testing.T) {
	got, err := ParseActions([]string{"revoke-sessions", "sign-in", "replace-passkey"})
	if err != nil || !slices.Equal(got, []Action{ActionSignIn, ActionReplacePasskey, ActionRevokeSessions}) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestEveryActionIsKnown(t *testing.T) {
	got, err := ParseActions([]string{
		"sign-in", "reset-password", "replace-passkey", "replace-otp", "revoke-sessions", "rehearse", "verify-caller",
	})
	if err != nil || !slices.Equal(got, actions) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestActionsOutsideTheListAreRefused(t *testing.T) {
	for name, list := range map[string][]string{
		"none":           nil,
		"empty name":     {""},
		"unknown":        {"sign-in", "delete-account"},
		"twice":          {"sign-in", "sign-in"},
		"other case":     {"Sign-In"},
		"two in one":     {"sign-in replace-passkey"},
		"with a newline": {"sign-in\n"},
	} {
		if got, err := ParseActions(list); err == nil || got != nil {
			t.Errorf("%s: accepted as %v", name, got)
		}
	}
}
