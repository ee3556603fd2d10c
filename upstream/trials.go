package upstream

import (
	"context"
	"strings"
	"time"
)

// Trials is what an [Adapter] can do besides where a whole recovery can be tried out, with an account that is made for it and
// deleted afterwards. It needs no more rights at the server than the adapter has anyway. Errors are as of [Adapter].
type Trials interface {
	// MakeTrial makes an account with power over nobody, by the name that it is given, which must be a [TrialName], and the password. It never
	// takes an account that is there already: that, and what the server's own rules forbid, is [ErrRefused], and the error says what was said. It
	// is [ErrUnsupported] too where the adapter has no right to make accounts.
	MakeTrial(ctx context.Context, name, password string) (Account, error)

	// EndTrial deletes the account that MakeTrial made by that name, with its sessions, and reads back that it is gone. id is its stable id; "" if
	// MakeTrial gave no answer, and then whoever has the name is looked up. An account that does not have the name stays: [ErrRefused]. That
	// there is none is no error.
	EndTrial(ctx context.Context, name, id string) error

	// TrialSessions lists the account's sessions at the server.
	TrialSessions(ctx context.Context, id string) ([]TrialSession, error)

	// TrialPath says how people come from the server to the gateway. It does no I/O.
	TrialPath() TrialPath
}

// TrialSession is one session as the server's own API shows it.
type TrialSession struct {
	ID      string
	BeganAt time.Time // by our clock, up to two seconds early
}

// TrialPath is how whoever has lost the credentials gets from the server to the gateway: by URL or by Link. Where it has neither, and where Assist holds and
// the page has no such link, people go to the gateway's own start page.
type TrialPath struct {
	// URL is where people go who want to recover.
	URL string `json:"url,omitzero"`
	// Link is part of the address of a link on the server's sign-in page.
	Link string `json:"link,omitzero"`
	// Assist tells that the server's own recovery was left as it is, beside the gateway's.
	Assist bool `json:"assist,omitzero"`
	// MendEntry and MendSignIn say what to look at if that does not lead to the gateway, and if what the gateway answers makes no session.
	MendEntry  string `json:"mend_entry"`
	MendSignIn string `json:"mend_sign_in"`
	// Program is what a program gets that recovers without a browser.
	Program TrialProgram `json:"program"`
}

// TrialProgram is where the server itself tells whose the token is that a program was given: to whoever has the token, so that nobody needs a right for it.
type TrialProgram struct {
	// Option of the upstream's configuration by which programs are given something.
	Option string `json:"option"`
	// URL takes an access token as Bearer and answers with its sub (OpenID Connect Core section 5.3), or a session token as X-Session-Token, and answers
	// with identity.id. "": programs are given nothing, see [Facts].Programs.
	URL string `json:"url,omitzero"`
	// Mend says what to look at if a program is given nothing, or nothing good.
	Mend string `json:"mend,omitzero"`
}

// TrialPrefix is how the names of accounts for trials begin, so that nobody mistakes one for a person's.
const TrialPrefix = "regrant-trial-"

// trialDomain receives no mail, ever (RFC 6761 section 6.4).
const trialDomain = "@trial.invalid"

// TrialName makes a name of a random part, in small letters: some servers know no others.
func TrialName(random string) string { return TrialPrefix + strings.ToLower(random) }

// TrialAddress is the e-mail address of an account for trials, where the server demands one.
func TrialAddress(name string) string { return name + trialDomain }

// IsTrial tells whether an account is one that was made by that name.
func (a Account) IsTrial(name string) bool {
	for _, known := range a.Identifiers {
		if strings.HasPrefix(name, TrialPrefix) && len(name) > len(TrialPrefix) && (known == name || known == TrialAddress(name)) {
			return true
		}
	}
	return false
}
