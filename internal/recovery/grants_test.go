package recovery

import (
	"errors"
	"testing"

	"github.com/regrant/regrant/fosite/grant"
)

// Whatever the token says, the record of the recovery says for whom it is.
func TestATokenIsRedeemedAsItWasGrantedOnly(t *testing.T) {
	h := newHouse(t)
	good := h.redemption(h.granted())
	for name, change := range map[string]func(*grant.Redemption){
		"another token":   func(r *grant.Redemption) { r.JTI = newSecret() },
		"another client":  func(r *grant.Redemption) { r.ClientID = "other" },
		"another key":     func(r *grant.Redemption) { r.Thumbprint = newSecret() },
		"another account": func(r *grant.Redemption) { r.AccessToken.Subject = "somebody-else" },
	} {
		bad := good
		change(&bad)
		if err := h.Grants().Redeem(t.Context(), bad); !errors.Is(err, grant.ErrSpent) {
			t.Errorf("%s: got %v, want ErrSpent", name, err)
		}
	}
	must(t, h.Grants().Redeem(t.Context(), good))
}
