package grant

import (
	"context"
	"time"
)

// Recoveries keeps what has been granted. Implementations are safe for concurrent use.
type Recoveries interface {
	// Redeem consumes the recovery token of r.Txn and stores r.AccessToken, in one transaction: of any number of calls
	// for one recovery, on any number of nodes, at most one returns nil. It checks again that the recovery was neither
	// vetoed nor revoked and has not expired, and returns [ErrSpent] if it cannot be redeemed. Any other error means
	// that nobody can tell; nothing must then be consumed that a later call would need.
	Redeem(ctx context.Context, r Redemption) error
	// AccessToken returns what Redeem stored under signature, or [ErrSpent] if that is unknown or expired. Any other
	// error means that nobody can tell.
	AccessToken(ctx context.Context, signature string) (AccessToken, error)
}

// A Redemption is everything that one exchange changes.
type Redemption struct {
	Txn        string // the recovery
	JTI        string // the recovery token that was presented
	ClientID   string // the client that presented it
	Thumbprint string // RFC 7638 thumbprint of the DPoP key that it was presented with
	// AccessToken is to be stored in the same transaction.
	AccessToken AccessToken
}

// An AccessToken is what an opaque access token stands for. The token itself is never stored.
type AccessToken struct {
	Signature string // the key to store it under; reveals nothing of the token
	Txn       string
	ClientID  string
	// Thumbprint names the DPoP key without which the token is worth nothing.
	Thumbprint string
	Scope      string
	Subject    string // stable identifier of the account at the upstream
	ExpiresAt  time.Time
}
