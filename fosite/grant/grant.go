// Package grant turns a recovery into an access token, exactly once.
//
// When a recovery is granted, its holder gets a recovery token: a short-lived JWT, signed by this server ([Server.Mint]),
// that names account, client, recovery and the holder's key. The holder exchanges it at the token endpoint with the
// assertion grant of RFC 7523 ([Server.Exchange]) and completes the recovery with the access token that comes back
// ([Server.Authorize]). Both are bound to the holder's DPoP key (RFC 9449).
//
// The grant runs on fosite, behind a wrapper that checks what fosite leaves open ([Server.Verify]). fosite writes into
// a buffer of one request; what it wrote reaches [Recoveries.Redeem] in one call, so that consuming the token and
// storing the access token is one transaction of whoever keeps the recoveries.
package grant

import (
	"errors"
	"fmt"
	"slices"
	"time"

	oryfosite "github.com/ory/fosite"

	"github.com/regrant/regrant/fosite/internal/oauth"
	"github.com/regrant/regrant/fosite/recoverytoken"
)

const (
	// ClientDevice is the built-in public client of programs on a person's own machine.
	ClientDevice = "regrant-device"
	// ClientBrowser is the built-in client of the gateway's own pages. It may not use the token endpoint.
	ClientBrowser = "regrant-browser"

	// GrantType is the one grant type offered (RFC 7523 §2.1).
	GrantType = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	// ScopeComplete is the one scope: to complete the recovery that the token names.
	ScopeComplete = recoverytoken.Scope

	// AccessTokenLifetime is how long an access token opens the completion.
	AccessTokenLifetime = 300 * time.Second
)

// A Recovery is what a recovery token says.
type Recovery = recoverytoken.Claims

// A Key signs recovery tokens (ES256, P-256); its ID is the RFC 7638 thumbprint.
type Key = oauth.Key

// An Error is a refusal of the token endpoint (RFC 6749 §5.2).
type Error = oauth.Error

var (
	// ErrSpent says that a recovery token or access token opens nothing any more: used, vetoed, revoked or expired.
	ErrSpent = oauth.ErrSpent
	// ErrUnavailable says that the question could not be answered. It is never a refusal and never a grant.
	ErrUnavailable = oauth.ErrUnavailable
	// ErrProofUsed says that a DPoP proof was brought before.
	ErrProofUsed = errors.New("DPoP proof was used")
	// ErrAssertionUsed says that a client assertion was brought before.
	ErrAssertionUsed = errors.New("client assertion was used")
	// ErrInvalid says that a token is not one of this server, or not for this holder, or not for now.
	ErrInvalid = errors.New("invalid token")
)

// Config describes one authorization server. Every field without a default is needed.
type Config struct {
	Issuer     string           // {issuer}: https, without query, fragment and trailing slash
	Keys       func() []Key     // asked for each request; the first signs, all verify and are published
	OtherKeys  func() []string  // asked like Keys: thumbprints (RFC 7638) of keys with other purposes, which no client or holder may have; default: none
	Secret     []byte           // 32 bytes, for access tokens
	Clock      func() time.Time // default: time.Now. fosite reads the system's clock too; both must agree to a token's life
	Recoveries Recoveries
	Actions    []string // what a recovery may ask for, as the metadata says
	Clients    []Client // besides the built-in ones
}

// A Server mints, checks and redeems the recovery tokens of one issuer. It is safe for concurrent use.
type Server struct {
	issuer, tokenURL string
	keys             *oauth.KeySource
	clock            func() time.Time
	recoveries       Recoveries
	clients          map[string]*registered
	clientKeys       map[string]string // thumbprint of each client's keys to its identifier
	otherKeys        func() []string
	fosite           oryfosite.Config // copied for every request; see provider
	tokens           oauth.Opaque
	actions          []string
	metadata         []byte
}

// New checks the configuration and returns the server. It opens and calls nothing.
func New(c Config) (*Server, error) {
	if err := oauth.CheckIssuer(c.Issuer); err != nil {
		return nil, err
	}
	keys, err := oauth.NewKeySource(c.Keys)
	if err != nil {
		return nil, err
	}
	if len(c.Secret) != oauth.SecretBytes {
		return nil, fmt.Errorf("secret has %d bytes, not %d", len(c.Secret), oauth.SecretBytes)
	}
	if c.Recoveries == nil {
		return nil, errors.New("no store of recoveries")
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.OtherKeys == nil {
		c.OtherKeys = func() []string { return nil }
	}
	s := &Server{
		issuer: c.Issuer, tokenURL: c.Issuer + "/token", keys: keys, clock: c.Clock, recoveries: c.Recoveries,
		clientKeys: map[string]string{}, otherKeys: c.OtherKeys, actions: slices.Clone(c.Actions),
	}
	if err := s.register(c.Clients); err != nil {
		return nil, err
	}
	s.fosite = s.fositeConfig(slices.Clone(c.Secret))
	s.tokens = oauth.NewOpaque(&s.fosite)
	if err := s.describe(); err != nil {
		return nil, err
	}
	return s, nil
}

// verifier judges recovery tokens with the keys of this moment.
func (s *Server) verifier() recoverytoken.Verifier {
	return recoverytoken.Verifier{Issuer: s.issuer, Audience: s.tokenURL, Keys: s.keys.Now().Public()}
}
