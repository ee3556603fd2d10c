package enrolment

import (
	"strings"
	"time"

	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/notify"
	"github.com/regrant/regrant/storage"
)

// event is something that both the journal and the owner learn.
type event struct {
	kind          journal.Kind
	visitor       Visitor
	authenticator *account.Authenticator
}

// texts is what the owner reads (SP 800-63B-4 sections 4.1.2.1 and 4.6): what happened, and what to do if it was not them.
var texts = map[journal.Kind]string{
	journal.KindAuthenticatorBound: "{what} was added to the ways to recover your account. From {from} on it can be used. " +
		"If this was not you, remove it at {issuer}/authenticators before then, or tell your help desk at once.",
	journal.KindAuthenticatorRemoved: "{what} was removed from the ways to recover your account. If this was not you, tell your help desk at once.",
	journal.KindAuthenticatorLost: "{what} was reported lost. It can no longer recover your account, and recoveries under way were stopped. " +
		"If this was not you, tell your help desk at once.",
}

// record writes e into journal and outbox.
func (s *Service) record(tx storage.Tx, e event) error {
	a := e.authenticator
	detail := map[string]string{
		"method": string(a.Method), "class": string(a.Method.Class()), "network": e.visitor.Network.String(),
		"acr": e.visitor.Session.ACR(), "amr": strings.Join(e.visitor.Session.AMR(), " "),
	}
	if a.Model != "" {
		detail["model"] = a.Model
	}
	err := s.Journal.Append(tx, journal.Entry{
		Kind: e.kind, Upstream: s.Namespace, AccountID: a.AccountID, Authenticator: a.ID, Actor: "owner", Detail: detail,
	})
	if err != nil {
		return err
	}
	what := "An authenticator (" + string(a.Method) + ")"
	if name := a.Name(); name != string(a.Method) {
		what = name + " (" + string(a.Method) + ")"
	}
	text := strings.NewReplacer("{what}", what, "{issuer}", s.Issuer,
		"{from}", a.EffectiveAt.Format(time.RFC3339)).Replace(texts[e.kind])
	return s.Outbox.Put(tx, notify.Message{
		Type: string(e.kind), Upstream: s.Namespace, AccountID: a.AccountID, Identifiers: a.Identifiers, Text: text,
		Attributes: map[string]string{"authenticator": a.ID, "method": string(a.Method), "device": a.Name(), "network": e.visitor.Network.String()},
	})
}
