// Package upstream is the contract with the identity provider behind the
// gateway.
//
// An [Adapter] speaks to one realm of one server. It offers idempotent verbs,
// one for each step of a completion: whoever runs the steps may repeat each of
// them until reading back shows that it holds. It also judges the requests
// that pass on their way to the server ([Adapter.Guard]) and leads the
// gateway's own login ([Adapter.LoginURL]).
//
// What a server cannot do is declared in [Facts]; a verb that the facts rule
// out answers [ErrUnsupported]. Refused and could-not-tell are kept apart in
// the errors below, because the first ends a recovery and the second only
// makes it wait.
package upstream

import (
	"context"
	"net/http"
	"time"

	"github.com/regrant/regrant/attest"
)

// An Adapter is one realm of an identity provider.
//
// Its methods are safe for concurrent use. Creating an adapter calls nobody;
// the first verb does. Every verb bounds the time and the size of what it
// reads, follows no redirect, and is done only when reading back from the
// server shows the state it promises. Every error other than [ErrNoAccount],
// [ErrAmbiguous], [ErrRefused], [ErrNoLogin] and [ErrUnsupported] wraps
// [ErrUnavailable].
type Adapter interface {
	// Facts says what this adapter can do. It is constant and does no I/O.
	Facts() Facts

	// Guard judges a request before it is forwarded to the server, and one for
	// the gateway's own start page, which can only be an [Entrance]. It is pure:
	// no I/O, and r is not changed.
	Guard(r *http.Request) Verdict

	// Resolve finds the one account that a person knows by identifier.
	// [ErrNoAccount] and [ErrAmbiguous] are definite answers.
	Resolve(ctx context.Context, identifier string) (Account, error)

	// State reads an account by its stable id.
	State(ctx context.Context, id string) (State, error)

	// Revoke ends every session and token of the account, offline ones too.
	// Whoever knows the password can sign in again while it works: those
	// sessions are the affair of Finish.
	Revoke(ctx context.Context, id string) error

	// Prepare unlocks the account and makes the server demand the new
	// credentials that actions promise, keeping demands already there. It is
	// called again as the server redeems the broker's code.
	Prepare(ctx context.Context, id string, actions []attest.Action) error

	// Session makes the way in for whoever proved himself. The caller has
	// chosen s.Subject, fresh for this recovery, and stored it before the call.
	// Afterwards s.Subject leads to s.AccountID and to nobody else; of an
	// adapter that is [Facts].Direct, s.Subject has one session and no more,
	// however often this is called. A program that gets an access token has had
	// its way in: it is gone when this returns, and if it could not be taken
	// away, the error says so. [ErrUnsupported] says of a program's that this
	// account needs a browser now.
	Session(ctx context.Context, s Session) (Outcome, error)

	// Finish takes the way in away once the login shows at the server, or 60
	// seconds after s.RedeemedAt; an adapter that is Direct leaves its session.
	// What a program was given shows by itself.
	// Then, only if a login showed, it ends the sessions that began before it,
	// and removes the lost credentials that s.Actions replace. It reports done
	// when nothing is left to do, which includes that the person has set the
	// credential that s.Actions promise; false without an error means: call
	// again later. From an account that is disabled meanwhile it removes no
	// credential.
	Finish(ctx context.Context, s Session) (done bool, err error)

	// Abandon takes the way in of s away, the session of an adapter that is
	// Direct too, and none of another recovery. The lost credentials stay.
	Abandon(ctx context.Context, s Session) error

	// LoginURL is where a login of the gateway's own, as a client of the
	// server, starts. The login of a recovery leads on into the gateway's
	// broker if the server can be told so.
	LoginURL(ctx context.Context, l Login) (string, error)

	// LoginResult redeems what the server sent back for l. [ErrRefused] says
	// that code or ID token are not acceptable.
	LoginResult(ctx context.Context, back Answer, l Login) (Principal, error)
}

// Facts are the abilities of an adapter, fixed by its kind and configuration.
type Facts struct {
	// Name identifies the kind of server, such as "keycloak".
	Name string
	// Admin tells whether identifiers and account state can be asked of the
	// server. Otherwise they are what the login at which a person enrolled said.
	Admin bool
	// Revokes tells whether Revoke can end sessions and tokens.
	Revokes bool
	// Actions are those that the adapter can carry out.
	Actions []attest.Action
	// Direct tells that Session makes the server's own session. Otherwise the
	// server brokers a login to the gateway, which answers it.
	Direct bool
	// Programs are the actions of recoveries for which Session serves programs,
	// too. None: a program's recovery ends in a browser.
	Programs []attest.Action
	// Audience is what assertions of the gateway's broker must be addressed to,
	// so that the server takes them (RFC 7523 section 3). Empty: it takes none.
	Audience string
	// LoginByCookie tells that the server's own session says who signed in at
	// the gateway's login, which comes back without a code.
	LoginByCookie bool
	// BrokerRedirects are the redirect URIs under which the server brokers
	// logins to the gateway; no other is registered for its client.
	BrokerRedirects []string
	// ACR says what the server's authentication context classes prove, as its
	// operator declared. One that is not in it proves nothing.
	ACR map[string]Assurance
}

// Account is an account as the server names it.
type Account struct {
	// ID is the stable id, never reused and never an address.
	ID string
	// Identifiers are all names by which the server lets the person sign in,
	// such as user name and e-mail address.
	Identifiers []string
}

// State is what decisions need to know about an account. A lock after wrong
// passwords is not part of it: whoever wants to keep a person out can cause
// one, so it is no reason to refuse.
type State struct {
	Account
	// Enabled is false for an account that its operators have switched off.
	Enabled bool
	// Privilege tells whether the account holds power over others.
	Privilege Privilege
	// Impossible are actions that cannot be carried out for this account, such
	// as a new password for one whose directory is read-only.
	Impossible []attest.Action
}

// Privilege tells whether an account holds power over other accounts.
type Privilege uint8

const (
	// PrivilegeUnknown counts as privileged.
	PrivilegeUnknown Privilege = iota
	// PrivilegeOrdinary is an account with power over itself only.
	PrivilegeOrdinary
	// PrivilegePrivileged is an account that can act on others.
	PrivilegePrivileged
)

// Session describes the way in of one recovery.
type Session struct {
	// AccountID is the stable id of the account.
	AccountID string
	// Subject is the fresh random name under which the gateway's broker
	// presents the account; it serves one recovery.
	Subject string
	// Actions are those granted.
	Actions []attest.Action
	// GrantedAt is when the recovery was granted: credentials made before it
	// may be the lost ones.
	GrantedAt time.Time
	// RedeemedAt is when the server redeemed the broker's code; zero: not yet.
	RedeemedAt time.Time
	// Now is the caller's clock, the one that RedeemedAt was read from. The
	// server's may differ.
	Now time.Time
	// Program tells that a program asks for the session, and not a browser.
	Program bool
	// Assert makes an assertion of the gateway's broker about Subject, for
	// [Facts].Audience: another one at each call, good for 30 seconds and once.
	// Nil unless Program, and there is an Audience.
	Assert func() (string, error)
	// Entry is what the browser came with, see [Verdict]; "" if it came by
	// itself. It has been in the browser's hands, sealed.
	Entry string
	// Txn names the recovery, as its token does. It opens nothing, and the server
	// may be told it.
	Txn string
	// ACR and AMR are how the person proved himself (OpenID Connect Core
	// section 2, RFC 8176).
	ACR string
	AMR []string
}

// Outcome says how the gateway lets a person in: by one of its members.
type Outcome struct {
	// BrokerSubject is the sub with which the pending broker request is to be
	// answered.
	BrokerSubject string
	// Direct is for the browser, of an adapter that is [Facts].Direct.
	Direct *Direct
	// Token is for a program.
	Token *Token
}

// AnswerLife is for how long after s.RedeemedAt Session may be called again by
// whoever did not get its answer. What was answered with a session or a token is
// not finished before.
const AnswerLife = 30 * time.Second

// Direct is the server's own answer to the browser that it has signed in.
type Direct struct {
	// Location is where the browser goes on.
	Location string
	// Cookies are values of Set-Cookie, to be handed on as they came.
	Cookies []string
}

// Token is what a program gets: a session or an access token of the server's.
type Token struct {
	// Kind is "session_token" or "access_token".
	Kind  string
	Value string
	// Type is how an access token is used (RFC 6749 section 7.1).
	Type string
	// Scope of an access token.
	Scope string
	// ExpiresIn is for how long it is good. Zero: the server does not tell.
	ExpiresIn time.Duration
}

// Kinds of [Token].
const (
	TokenSession = "session_token"
	TokenAccess  = "access_token"
)

// Login is one login of the gateway's own. State, Nonce and Verifier are fresh
// random strings bound to the browser by the caller.
type Login struct {
	// Recovery tells that a recovery which is ready ends in this login.
	// Otherwise a person signs in with the account's own credentials.
	Recovery    bool
	RedirectURI string
	State       string
	Nonce       string
	// Verifier is the PKCE code verifier (RFC 7636).
	Verifier string
	// ACR are the authentication context classes that are asked for, the most
	// wanted first (OpenID Connect Core section 3.1.2.1, acr_values). The server
	// may answer with another one.
	ACR []string
	// Started is when the login began, by the adapter's clock.
	Started time.Time
}

// Answer is what the server sent back through the browser.
type Answer struct {
	Code string
	// Issuer is the parameter iss (RFC 9207); empty if there was none.
	Issuer string
	// Cookies are those that the browser brought, for a server whose own
	// session says who signed in.
	Cookies []*http.Cookie
}

// Principal is who signed in at the gateway's own login, and how.
type Principal struct {
	// AccountID is the stable id.
	AccountID string
	// Identifiers are the account's own names, an e-mail address only if the
	// server vouches for it. None: the server tells none.
	Identifiers []string
	// AuthenticatedAt is when, by the adapter's clock.
	AuthenticatedAt time.Time
	// ACR and AMR are how, in the server's own words (OpenID Connect Core
	// section 2, RFC 8176). Either may be empty.
	ACR string
	AMR []string
	// Best is the least that the account's own credentials reach together. The
	// zero value: the server does not tell, or knows no more than one factor.
	Best Assurance
}
