// Package login signs people in for self-service: to see, bind and remove the authenticators that recover their account.
//
// The gateway is an OpenID client of the identity provider's own login here. [Service.Start] sends the browser there and
// gives it a sealed transaction to keep; [Service.Callback] takes the answer of that login, in that browser, once, and begins
// a [Session] of ten minutes; [MayBind] says what the session is good for. How code and ID token are verified is the
// adapter's affair (`upstream/oidc`): nothing here speaks OpenID Connect.
//
// A session is a record in the store under a keyed hash of a random secret, and the secret is the browser's cookie. It is
// not sealed into the cookie: what is signed out must be over (SP 800-63B-4 section 5.1), also for whoever copied the
// cookie before. The record is written only once a person has signed in, so no stranger causes a write.
package login

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

// Life is how long a session opens anything: each change of authenticators comes with a login of its own.
const Life = 10 * time.Minute

// Pending is how long a person may take to sign in.
const Pending = 10 * time.Minute

// Why nobody is signed in. Errors of the identity provider are those of [upstream.Adapter]; every other could not tell.
var (
	// ErrNone: there is no such session, or no more.
	ErrNone = errors.New("nobody is signed in")
	// ErrOver: the answer belongs to no login that waits in this browser.
	ErrOver = errors.New("the login is over, or is not this browser's")
	// ErrCancelled: the identity provider says that nobody signed in.
	ErrCancelled = errors.New("the login was cancelled")
	// ErrOther: somebody else signed in than was asked for.
	ErrOther = errors.New("another account signed in")
)

// Provider is the identity provider as it is used here.
type Provider interface {
	Facts() upstream.Facts
	LoginURL(ctx context.Context, l upstream.Login) (string, error)
	LoginResult(ctx context.Context, back upstream.Answer, l upstream.Login) (upstream.Principal, error)
}

// Config is what a Service stands on. All members are required.
type Config struct {
	Namespace string // prefix of our keys in DB
	Issuer    string
	DB        storage.DB
	Ring      *keys.Ring
	Accounts  *account.Store
	Provider  Provider
	Clock     func() time.Time // of logins under way; sessions end by the store's
}

// Service signs people in. It is safe for concurrent use.
type Service struct {
	Config
	box      *keys.Box
	sessions *storage.Table[record]
}

// New makes a Service. It calls nobody.
func New(c Config) *Service {
	return &Service{Config: c, box: c.Ring.Box(keys.OwnLogin), sessions: newTable(c.Namespace, c.Ring.Sealer(keys.Record))}
}

// Wish is what a login is to be good for.
type Wish struct {
	// Recovery says that a recovery which is ready ends in this login.
	Recovery bool
	// Need is what the login is to prove. The identity provider is asked for it and may do less.
	Need upstream.Assurance
	// Current is the session that the new one follows and ends. With Need, nobody but its account is let in: whoever is
	// asked for a better login must not come back as somebody else. Zero: none.
	Current Session
}

// Start begins a login. The browser is sent to the address to, and keeps sealed for [Pending] in a cookie that follows it
// back from another site.
func (s *Service) Start(ctx context.Context, w Wish) (to, sealed string, err error) {
	now := s.Clock()
	t := transaction{
		Expires: now.Add(Pending), Replaces: w.Current.r.ID,
		Login: upstream.Login{
			Recovery: w.Recovery, RedirectURI: s.Issuer + "/login/callback", Started: now,
			State: random(), Nonce: random(), Verifier: random(),
		},
	}
	if w.Need != (upstream.Assurance{}) {
		t.Login.ACR, t.Account = classes(s.Provider.Facts().ACR, w.Need), w.Current.r.AccountID
	}
	if to, err = s.Provider.LoginURL(ctx, t.Login); err != nil {
		return "", "", fmt.Errorf("starting a login: %w", err)
	}
	return to, s.seal(t), nil
}

// Callback takes the answer that came with a browser that keeps sealed, and its cookies, and begins a session. The secret is the cookie's:
// always a fresh one, so that nobody can choose it for somebody else.
//
// After [ErrOver] the browser keeps what it has: any site can send it here with a made-up answer. After "could not tell" it
// does too, since the same answer may do later. After any other error the login has ended.
func (s *Service) Callback(ctx context.Context, sealed string, answer url.Values, cookies []*http.Cookie) (session Session, secret string, err error) {
	t, err := s.open(sealed, answer)
	if err != nil {
		return Session{}, "", err
	}
	who, err := s.Provider.LoginResult(ctx, upstream.Answer{Code: answer.Get("code"), Issuer: answer.Get("iss"), Cookies: cookies}, t.Login)
	if err != nil {
		return Session{}, "", fmt.Errorf("ending a login: %w", err)
	}
	if t.Account != "" && t.Account != who.AccountID {
		return Session{}, "", ErrOther
	}
	secret = random()
	session, err = s.begin(ctx, s.hash(secret), t, who)
	if err != nil {
		return Session{}, "", err
	}
	return session, secret, nil
}

// random is 256 bits, base64url.
func random() string {
	var b [secretSize]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}
