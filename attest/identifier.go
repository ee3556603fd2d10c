package attest

import (
	"errors"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
)

// MaxIdentifier is how long an account identifier may be, in bytes, as typed and in canonical form.
const MaxIdentifier = 256

// Identifier is the name by which a claimant calls an account (a username, an e-mail address), in the canonical form of the RFC 8265 profile
// UsernameCaseMapped. Two spellings of one name are equal as Go values. The zero value names nothing.
type Identifier struct{ s string }

// ParseIdentifier brings what was typed into canonical form. Refused are the empty and the too long name, invalid UTF-8, and every
// space, control, format, bidirectional, private and unassigned code point: each can make two names that look the same, or a
// line of the statement that reads other than it is.
func ParseIdentifier(typed string) (Identifier, error) {
	if len(typed) > MaxIdentifier {
		return Identifier{}, errors.New("account identifier is too long")
	}
	if !utf8.ValidString(typed) {
		return Identifier{}, errors.New("account identifier is not valid UTF-8")
	}
	canonical, err := precis.UsernameCaseMapped.String(typed)
	if err != nil || canonical == "" { // the profile itself lets the empty name pass
		return Identifier{}, errors.New("account identifier is empty or has a character that names may not have")
	}
	// RFC 8264 section 7: a few strings change again on a second pass. A name must be its own canonical form.
	if again, err := precis.UsernameCaseMapped.String(canonical); err != nil || again != canonical {
		return Identifier{}, errors.New("account identifier has no stable form")
	}
	if len(canonical) > MaxIdentifier {
		return Identifier{}, errors.New("account identifier is too long")
	}
	// PRECIS lets joiners through where a script needs them; they are invisible, so not here.
	for _, r := range canonical {
		if !unicode.IsGraphic(r) {
			return Identifier{}, errors.New("account identifier has an invisible character")
		}
	}
	return Identifier{canonical}, nil
}

// String returns the canonical form.
func (id Identifier) String() string { return id.s }

// MarshalText returns the canonical form.
func (id Identifier) MarshalText() ([]byte, error) { return []byte(id.s), nil }

// UnmarshalText is [ParseIdentifier].
func (id *Identifier) UnmarshalText(text []byte) error {
	parsed, err := ParseIdentifier(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}
