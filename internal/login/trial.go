package login

import (
	"context"
	"fmt"

	"github.com/regrant/regrant/upstream"
)

// OpenTrial begins a session of an account that was just made to try a recovery out, as if its owner had signed in with one factor, and returns the
// session's secret. Whoever calls it has made the account: nobody has ever signed in to it.
func (s *Service) OpenTrial(ctx context.Context, who upstream.Account) (secret string, err error) {
	secret = random()
	_, err = s.begin(ctx, s.hash(secret), transaction{Login: upstream.Login{State: random()}}, upstream.Principal{
		AccountID: who.ID, Identifiers: who.Identifiers, AuthenticatedAt: s.Clock(),
	})
	if err != nil {
		return "", fmt.Errorf("opening the session of a trial: %w", err)
	}
	return secret, nil
}
