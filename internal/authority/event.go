package authority

import (
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/notify"
	"github.com/regrant/regrant/storage"
)

// event is something that both the journal and the owner learn.
type event struct {
	kind          journal.Kind
	as            string
	own           bool // a session of the owner's brought it about, see [Owner]
	accountID     string
	identifiers   []string
	authenticator *account.Authenticator // nil while there is none
	detail        map[string]string      // for the journal alone
}

// texts is what the owner reads: what happened, through whom, and what to do if it was not them.
var texts = map[journal.Kind]string{
	journal.KindActivationCodeMade: "{by} made an activation code for your account. Whoever has it can, within ten " +
		"minutes, register a device that counts for recovery of your account. If you did not ask for it, tell your help desk at once.",
	journal.KindActivationCodeDisabled: "Somebody had a part of an activation code for your account and entered the " +
		"rest wrongly too often. The code is of no use any more. If this was not you, tell your help desk.",
	journal.KindDeviceEnrolled: "The device {device} was registered for your account with an activation code that {by} " +
		"made. From {from} on it counts for recovery of your account. If this was not you, have the device revoked at once.",
	journal.KindDeviceVouched: "The device {device} was registered for your account, because a certificate that {by} has issued names " +
		"you as its owner. From {from} on it counts for recovery of your account. If it is not yours, have it revoked at once.",
	journal.KindDeviceConfirmed: "The device {device} was added to the ways to recover your account, and its key was confirmed. From {from} on it " +
		"can be used. If this was not you, remove it at {issuer}/authenticators before then, or tell your help desk at once.",
	journal.KindDeviceDisowned: "The device {device} was registered with an activation code that was made in a sign-in of yours, and was then said not to be " +
		"yours. It can never recover your account. Whoever used the code has seen it: look who can see your screen. If this was not you, tell your help desk.",
	journal.KindDeviceUnconfirmed: "The device {device} was registered with an activation code that was made in a sign-in of yours, and nobody confirmed it in " +
		"time. It can never recover your account. If it is yours, add it again, with a new key. If it is not, tell your help desk.",
	journal.KindAuthenticatorRevoked: "{by} revoked the device {device}. It can no longer recover your account. If you " +
		"did not expect this, tell your help desk.",
}

// record writes e into journal and outbox. Whoever calls us by a name has only said so: nothing proved it, and the
// journal keeps that apart.
func (a *Authority) record(tx storage.Tx, e event) error {
	detail, text := map[string]string{"actor_proof": "none"}, texts[e.kind]
	if own, ok := ownTexts[e.kind]; ok && e.own {
		text = own
	}
	if e.own {
		detail["actor_proof"] = "session"
	}
	maps.Copy(detail, e.detail)
	attributes := map[string]string{"by": e.as}
	entry := journal.Entry{Kind: e.kind, Upstream: a.Upstream, AccountID: e.accountID, Actor: e.as, Detail: detail}
	fill := []string{"{by}", e.as, "{issuer}", a.Issuer}
	if d := e.authenticator; d != nil {
		device := d.Name()
		fill = append(fill, "{device}", device, "{from}", d.EffectiveAt.Format(time.RFC3339))
		if d.Awaits != nil {
			fill = append(fill, "{before}", d.Awaits.Before.Format(time.RFC3339))
		}
		entry.Authenticator = d.ID
		detail["device_id"] = d.DeviceID
		attributes["device"], attributes["device_id"], attributes["authenticator"] = device, d.DeviceID, d.ID
	}
	if err := a.Journal.Append(tx, entry); err != nil {
		return err
	}
	return a.Outbox.Put(tx, notify.Message{
		Type: string(e.kind), Upstream: a.Upstream, AccountID: e.accountID, Identifiers: e.identifiers,
		Text: strings.NewReplacer(fill...).Replace(text), Attributes: attributes,
	})
}

const (
	maxName   = account.MaxLabel // characters of a person's name or a device's label
	maxReason = 256              // characters
)

// checkName refuses what could not be read in a journal or a notice as what it is: too little or too much, and
// anything that does not print, such as line breaks and marks that turn the direction of writing.
func checkName(what, s string, least int) error {
	return checkText(what, s, least, maxName)
}

func checkReason(s string) error {
	return checkText("reason", s, 0, maxReason)
}

func checkText(what, s string, least, most int) error {
	if utf8.RuneCountInString(s) < least || !account.Printable(s, most) {
		return fmt.Errorf("%w: %s must have %d to %d characters, all of which print", ErrRequest, what, least, most)
	}
	return nil
}
