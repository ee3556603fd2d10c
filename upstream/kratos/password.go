package kratos

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// noPassword stands for none.
const noPassword = "none"

// password tells one password of an identity from another: the kind of Kratos'
// salted hash, and a hash of it, of which nobody can learn either.
func (i identity) password() string {
	var config struct {
		Hash string `json:"hashed_password"`
	}
	if json.Unmarshal(i.Credentials["password"].Config, &config) != nil || config.Hash == "" {
		return noPassword
	}
	kind := "other"
	if parts := strings.SplitN(config.Hash, "$", 3); len(parts) == 3 && parts[0] == "" {
		kind = parts[1]
	}
	return kind + ":" + short([]byte(config.Hash))
}

// isNewPassword tells whether now is another password than then, and not only
// another hash of it. Kratos writes a new hash of the same password when somebody
// signs in with it, if the old one was of a kind that it does not make any more
// or if another system kept it: so where the kinds differ, nobody may have signed
// in with a password meanwhile.
func isNewPassword(then, now string, signedIn bool) bool {
	kindThen, _, _ := strings.Cut(then, ":")
	kindNow, _, _ := strings.Cut(now, ":")
	return now != noPassword && now != then && (kindNow == kindThen || !signedIn)
}

// passwordSince tells whether a password was typed for s at that time or later.
func (s session) passwordSince(t time.Time) bool {
	for _, m := range s.Methods {
		if m.Method == "password" && !m.CompletedAt.Before(t) {
			return true
		}
	}
	return false
}
