package account

import (
	"fmt"

	"github.com/regrant/regrant/storage"
)

// Assured remembers how well the account's owner was ever seen to sign in (an AAL of SP 800-63B-4, and whether that was
// phishing-resistant), and returns the best of it: an account that has reached a level has a factor of that level.
func (s *Store) Assured(tx storage.Tx, accountID string, level uint8, resistant bool) (bestLevel uint8, bestResistant bool, err error) {
	g, err := s.guard(tx, accountID)
	if err != nil {
		return 0, false, err
	}
	if level > g.Level || resistant && !g.Resistant {
		g.Level, g.Resistant = max(g.Level, level), g.Resistant || resistant
		if err := s.guards.Put(tx, g); err != nil {
			return 0, false, fmt.Errorf("noting how somebody signed in: %w", err)
		}
	}
	return g.Level, g.Resistant, nil
}
