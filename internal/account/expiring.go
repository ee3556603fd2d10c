package account

import (
	"context"
	"time"

	"github.com/regrant/regrant/storage"
)

// page is how many authenticators one snapshot reads, so that a large store holds none for long.
const page = 1000

// Expiring counts the authenticators that are not revoked and expire within each of the times given, in that order.
// It reads all there are.
func (s *Store) Expiring(ctx context.Context, db storage.DB, within ...time.Duration) ([]int, error) {
	counts := make([]int, len(within))
	var after []byte
	for more := true; more; {
		err := db.View(ctx, func(r storage.Reader) error {
			read := 0
			for a, err := range s.authenticators.All(r, after, page) {
				if err != nil {
					return err
				}
				read, after = read+1, []byte(a.ID)
				a.countExpiring(counts, within, r.Now())
			}
			more = read == page
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return counts, nil
}

func (a *Authenticator) countExpiring(counts []int, within []time.Duration, now time.Time) {
	left := a.NotAfter.Sub(now)
	if !a.RevokedAt.IsZero() || a.NotAfter.IsZero() || left < 0 {
		return
	}
	for i, w := range within {
		if left <= w {
			counts[i]++
		}
	}
}
