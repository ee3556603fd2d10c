package secret

import (
	"unicode/utf8"

	"golang.org/x/text/secure/precis"

	"github.com/regrant/regrant/attest"
)

const (
	// MinPassphrase is how many characters a passphrase has at least: SP 800-63B-4 section 3.1.1.2 wants them of one that stands alone.
	MinPassphrase = 15
	// MaxPassphrase is how many it has at most. The same section lets nobody refuse one of 64.
	MaxPassphrase = 128

	maxPassphraseText = 8 * MaxPassphrase // bytes as typed, where an accent may be a character of its own
	maxPassphraseBody = 8 << 10           // bytes; every byte as an escape, and what is around it
)

// passphrase is a passphrase in the form of the RFC 8265 profile OpaqueString, in which it is hashed.
type passphrase string

// parsePassphrase brings what was typed into that form, so that it is the same on every keyboard. Refused are control characters
// and code points that no standard has a meaning for. Nothing is cut off or trimmed.
func parsePassphrase(typed string) (passphrase, error) {
	if len(typed) > maxPassphraseText {
		return "", attest.Refuse(attest.ReasonMalformed, "a passphrase has at most %d characters", MaxPassphrase)
	}
	p, err := precis.OpaqueString.String(typed)
	if err != nil {
		return "", attest.Refuse(attest.ReasonMalformed, "the passphrase is empty or has a character that passphrases may not have")
	}
	switch n := utf8.RuneCountInString(p); {
	case n < MinPassphrase:
		return "", attest.Refuse(attest.ReasonMalformed, "a passphrase has at least %d characters", MinPassphrase)
	case n > MaxPassphrase:
		return "", attest.Refuse(attest.ReasonMalformed, "a passphrase has at most %d characters", MaxPassphrase)
	}
	return passphrase(p), nil
}
