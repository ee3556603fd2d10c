package kratos

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// tag is what a session says of the recovery that made it, in the place where
// others name the browser: the only one that the maker of a session can write to
// and Kratos shows again. It opens nothing.
type tag string

const tagged = "Account recovery by Regrant "

// tagOf names the recovery that chose subject.
func tagOf(subject string) tag { return tag(short([]byte(subject))) }

// prefix is how the user agent of a session begins that the recovery made.
func (t tag) prefix() string { return tagged + string(t) + " " }

// userAgent is the whole of it, with the password that stood then.
func (t tag) userAgent(password string) string { return t.prefix() + password }

// passwordThen is the password that stood when s was made, of a session that the
// recovery made.
func (t tag) passwordThen(s session) string {
	for _, d := range s.Devices {
		if password, ok := strings.CutPrefix(d.UserAgent, t.prefix()); ok {
			return password
		}
	}
	return ""
}

func short(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}
