package grant

import (
	"context"
	"time"
)

// Recoveries keeps what has been granted. Implementations are safe for concurrent use. An error that is none of those
// named means that nobody can tell; nothing must then be consumed that a later call would need.
type Recoveries interface {
	// Redeem consumes the recovery token of r.Txn and stores r.AccessToken, in one transaction: of any number of calls
	// for one recovery, on any number of nodes, at most one returns nil. It checks again that the recovery was neither
	// vetoed nor revoked and has not expired, and that client, key and account are the ones that it was granted to, and
	// returns [ErrSpent] if it cannot be redeemed. The same transaction uses up r.Proof and r.Assertion: [ErrProofUsed] or
	// [ErrAssertionUsed] if one of them was used before.
	Redeem(ctx context.Context, r Redemption) error
	// AccessToken returns what Redeem stored under signature, or [ErrSpent] if that is unknown or expired.
	AccessToken(ctx context.Context, signature string) (AccessToken, error)
	// Standing returns nil if t could be used now, and [ErrSpent] if not: it was used, or its recovery is over, vetoed
	// or revoked.
	Standing(ctx context.Context, t TokenName) error
	// Revoke ends the recovery of r.Token with everything that was granted in it, and says so in the journal, in one
	// transaction that uses up r.Proof too. It returns [ErrSpent] if there is nothing left to end, and [ErrProofUsed].
	Revoke(ctx context.Context, r Revocation) error
	// UseAssertion remembers a client assertion for as long as any node would take it: [ErrAssertionUsed] the second time.
	UseAssertion(ctx context.Context, a UsedAssertion) error
}

// A Proof is a DPoP proof (RFC 9449) that the caller verified for a request; the zero value is none.
type Proof struct {
	Thumbprint string // RFC 7638, of its key
	ID         string // names this proof among all of this key and endpoint
}

// A Redemption is everything that one exchange changes.
type Redemption struct {
	Txn        string // the recovery
	JTI        string // the recovery token that was presented
	ClientID   string // the client that presented it
	Thumbprint string // RFC 7638 thumbprint of the DPoP key that it was presented with
	Proof      string // the ID of that proof
	// Assertion is what the client authenticated with; nil if it was something else.
	Assertion *UsedAssertion
	// AccessToken is to be stored in the same transaction.
	AccessToken AccessToken
}

// A TokenName names one token of a recovery: JTI a recovery token, Signature an access token. The other one is empty.
type TokenName struct {
	Txn       string
	JTI       string
	Signature string
}

// A Revocation is the wish of a client to end what it was granted.
type Revocation struct {
	Token    TokenName
	ClientID string
	Proof    string // the ID of the DPoP proof that a public client brought, or ""
}

// An AccessToken is what an opaque access token stands for. The token itself is never stored.
type AccessToken struct {
	Signature string // the key to store it under; reveals nothing of the token
	Txn       string
	ClientID  string
	// Thumbprint names the DPoP key without which the token is worth nothing.
	Thumbprint string
	// CertificateSHA256 is the base64url SHA-256 of the certificate on whose TLS connection alone the token is worth
	// something; empty unless its client authenticated with one (RFC 8705 §3).
	CertificateSHA256 string `json:",omitempty"`
	Scope             string
	Subject           string // stable identifier of the account at the upstream
	IssuedAt          time.Time
	ExpiresAt         time.Time
}
