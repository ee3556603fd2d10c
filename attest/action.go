package attest

import (
	"errors"
	"slices"
)

// Action is one thing that a recovery may do. The list is closed: nothing unlisted is ever done to an account.
type Action string

// The actions.
const (
	ActionSignIn         Action = "sign-in"
	ActionResetPassword  Action = "reset-password"
	ActionReplacePasskey Action = "replace-passkey"
	ActionReplaceOTP     Action = "replace-otp"
	ActionRevokeSessions Action = "revoke-sessions"
	ActionRehearse       Action = "rehearse"
	ActionVerifyCaller   Action = "verify-caller"
)

// actions is the closed list in its own order, the order in which a statement names them.
var actions = []Action{
	ActionSignIn, ActionResetPassword, ActionReplacePasskey, ActionReplaceOTP, ActionRevokeSessions, ActionRehearse, ActionVerifyCaller,
}

// ParseActions reads a list of actions. There must be at least one, each known and none twice. They are returned in
// the order of the closed list, so that one set of actions has one statement, whatever order it was asked in.
func ParseActions(names []string) ([]Action, error) {
	if len(names) == 0 {
		return nil, errors.New("no action named")
	}
	var parsed []Action
	for _, a := range actions {
		if slices.Contains(names, string(a)) {
			parsed = append(parsed, a)
		}
	}
	if len(parsed) != len(names) {
		return nil, errors.New("an action is unknown or named twice")
	}
	return parsed, nil
}
