package account

import (
	"cmp"
	"unicode"
	"unicode/utf8"
)

// MaxLabel is how many characters a person's name for an authenticator may have.
const MaxLabel = 64

// Name is what the authenticator is called before people.
func (a *Authenticator) Name() string { return cmp.Or(a.Label, a.DeviceID, string(a.Method)) }

// Printable tells whether text can be read in a journal or a notice as what it is: at most so many characters, and none that
// does not print, such as line breaks and marks that turn the direction of writing.
func Printable(text string, most int) bool {
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > most {
		return false
	}
	for _, r := range text {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
