package login

import (
	"crypto/subtle"
	"encoding/json"
	"net/url"
	"time"

	"github.com/regrant/regrant/upstream"
)

// transaction is a login under way. The browser carries it, sealed: the store holds nothing of whoever has not signed in.
type transaction struct {
	Login    upstream.Login
	Expires  time.Time // by our clock: how long a cookie lives is the browser's word only
	Account  string    // who alone may come back; "" anybody
	Replaces []byte    // the session that ends when this login does; nil: none
}

func (s *Service) seal(t transaction) string {
	plain, err := json.Marshal(t)
	if err != nil {
		panic(err) // only for a type of ours that has no JSON
	}
	return s.box.Seal(plain, []byte(s.Issuer))
}

// open returns the transaction to which an answer belongs. The state ties the answer to the browser that asked: without it,
// anybody could have a visitor signed in as somebody else, and bind an authenticator of the visitor's to that account.
func (s *Service) open(sealed string, answer url.Values) (transaction, error) {
	var t transaction
	plain, err := s.box.Open(sealed, []byte(s.Issuer))
	if err != nil || json.Unmarshal(plain, &t) != nil {
		return transaction{}, ErrOver
	}
	for _, name := range []string{"state", "code", "iss", "error"} {
		if len(answer[name]) > 1 { // whoever reads the other one is misled
			return transaction{}, ErrOver
		}
	}
	if subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(t.Login.State)) != 1 || !s.Clock().Before(t.Expires) {
		return transaction{}, ErrOver
	}
	if answer.Get("code") == "" && !s.Provider.Facts().LoginByCookie || answer.Get("error") != "" {
		return transaction{}, ErrCancelled
	}
	return t, nil
}
