package recovery

import (
	"fmt"
	"strings"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/notify"
)

// Message types, as receivers of notices see them.
const (
	MessageRefused   = "recovery-refused"
	MessageGranted   = "recovery-granted"
	MessageDone      = "recovery-done"
	MessageAbandoned = "recovery-abandoned"
	MessageProving   = "recovery-proving"
	MessageRehearsed = "recovery-rehearsed"
	MessageDisabled  = "authenticator-disabled"
)

// messageOf is the notice that goes with the state that rec has reached, or none. That a recovery is stopped is told at once, not
// when everything is taken back.
func messageOf(rec *record) string {
	switch rec.State {
	case StateProving:
		return MessageProving
	case StateGranted:
		return MessageGranted
	case StateDone:
		if hasAction(rec.Actions, attest.ActionRehearse) {
			return MessageRehearsed
		}
		return MessageDone
	case StateAbandoning:
		return MessageAbandoned
	default:
		return ""
	}
}

// texts are what the owner of the account reads. %[1]s is what was proved, a device or anything else that counts, %[2]s the reference.
var texts = map[string]string{
	MessageRefused:   "Somebody proved to hold %[1]s and tried to recover your account. It was refused. Reference %[2]s. If this was not you, have it revoked.",
	MessageGranted:   "Recovery of your account was allowed with %[1]s. Reference %[2]s. If this was not you, have it revoked at once: that stops the recovery.",
	MessageProving:   "Somebody began to recover your account and proved to hold %[1]s. Another proof is wanted. Reference %[2]s. If this was not you, have it revoked at once: that stops the recovery.",
	MessageRehearsed: "Recovery of your account was rehearsed with %[1]s. Nothing was changed. Reference %[2]s. If this was not you, have it revoked.",
	MessageDisabled:  "%[1]s is disabled: somebody guessed at it too often. Your other ways to recover are not touched. Make a new one. Reference %[2]s.",
	MessageDone:      "Your account was recovered with %[1]s. Reference %[2]s. If this was not you, tell your help desk at once.",
	MessageAbandoned: "A recovery of your account with %[1]s ended without signing in. No way to sign in was removed; open sessions may have ended. Reference %[2]s.",
}

// textCodes follows where a recovery code was used (SP 800-63B-4 section 4.2.1.1).
const textCodes = " A recovery code was used and replaced by a new one; %d are left."

// Other endings of an abandoned recovery than the usual one, whose sign-in never began.
const (
	textStopped  = "A recovery of your account with %[1]s was stopped after its sign-in had begun. All sessions are ended for the next 30 minutes. A new password or factor may have been set: have your credentials reset. Reference %[2]s."
	textStopLate = "A recovery of your account with %[1]s was stopped after its sign-in had begun, and its session could not be ended from here. Tell your help desk at once. Reference %[2]s."
	textUnseen   = "A recovery of your account with %[1]s began to sign in and was not seen to end. A new password or factor may have been set. Reference %[2]s."
)

func (s *Service) textOf(rec *record, kind string) string {
	switch {
	case kind == MessageGranted && rec.CodesLeft != nil:
		return texts[kind] + fmt.Sprintf(textCodes, *rec.CodesLeft)
	case kind != MessageAbandoned || rec.RedeemedAt.IsZero():
		return texts[kind]
	case s.endsSessions(rec):
		return textStopped
	case rec.vetoed():
		return textStopLate
	default:
		return textUnseen
	}
}

func (s *Service) message(rec *record, kind string) notify.Message {
	return notify.Message{
		Type: kind, Upstream: s.Namespace, AccountID: rec.AccountID, Identifiers: rec.Identifiers, Reference: rec.Reference,
		Actions: words(rec.Actions), Text: fmt.Sprintf(s.textOf(rec, kind), rec.Device, rec.Reference),
		Attributes: map[string]string{"device": rec.Device, "network": rec.Network, "txn": rec.Txn},
	}
}

func (s *Service) refusedMessage(at *attempt, held []*account.Authenticator) notify.Message {
	var names []string
	for _, a := range held {
		names = append(names, a.Name())
	}
	a, device := held[0], strings.Join(names, ", ")
	return notify.Message{
		Type: MessageRefused, Upstream: s.Namespace, AccountID: a.AccountID, Identifiers: a.Identifiers, Reference: at.reference,
		Text:       fmt.Sprintf(texts[MessageRefused], device, at.reference),
		Attributes: map[string]string{"device": device, "network": at.network.String(), "txn": at.statement.Recovery},
	}
}

func (s *Service) disabledMessage(a *account.Authenticator, reference string) notify.Message {
	return notify.Message{
		Type: MessageDisabled, Upstream: s.Namespace, AccountID: a.AccountID, Identifiers: a.Identifiers, Reference: reference,
		Text:       fmt.Sprintf(texts[MessageDisabled], a.Name(), reference),
		Attributes: map[string]string{"device": a.Name()},
	}
}

// words are the names on a list, as journal and notices carry them.
func words[W ~string](list []W) []string {
	out := make([]string, len(list))
	for i, w := range list {
		out[i] = string(w)
	}
	return out
}
