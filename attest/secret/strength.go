package secret

import (
	"slices"
	"strings"
	"unicode"

	"github.com/trustelem/zxcvbn"
)

const (
	// minGuesses is how many guesses a passphrase must take somebody who guesses cleverly. He has a hundred (SP 800-63B-4 section
	// 3.2.2), and only after he has proved something else.
	minGuesses = 1e12
	// judged is how many characters are looked at. The work grows faster than their square, and what begins strong is strong.
	judged = 64
)

// ours are words that come to mind on the page where a passphrase is chosen.
var ours = []string{"recovery", "recover", "account", "passphrase", "password", "regrant"}

// isStrong tells whether p is hard to guess for somebody who knows the account's name and the issuer.
func isStrong(p passphrase, name, issuer string) bool {
	known := slices.Concat(words(name), words(issuer), ours)
	return zxcvbn.PasswordStrength(surprise(beginning(string(p)), known), known).Guesses >= minGuesses
}

// surprise is s without the words that are known, and without what it had before: the library counts "horse horse" as two words.
func surprise(s string, known []string) string {
	var kept []string
	for _, w := range strings.Fields(strings.ToLower(s)) {
		if slices.Contains(known, w) {
			continue
		}
		if w = period(w); !slices.Contains(kept, w) {
			kept = append(kept, w)
		}
	}
	return strings.Join(kept, " ")
}

// period is the beginning of s that all the rest repeats.
func period(s string) string {
	for n := range s {
		if n > 0 && strings.HasPrefix(s, s[n:]) {
			return s[:n]
		}
	}
	return s
}

// words are the parts of s that somebody may build a passphrase from, and s itself.
func words(s string) []string {
	s = strings.ToLower(beginning(s))
	return append(strings.FieldsFunc(s, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }), s)
}

func beginning(s string) string {
	runes := []rune(s)
	return string(runes[:min(len(runes), judged)])
}
