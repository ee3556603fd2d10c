package pages

import (
	"fmt"
	"strings"
	"time"
)

// Sheet is a set of recovery codes that was just made, as it is shown once and printed.
type Sheet struct {
	Issuer, Account string
	MadeAt          time.Time
	EffectiveAt     time.Time // from when they can be used
	Codes           []string
}

// CodeSheet is the sheet of a set. Whoever sees it has the codes, so it must not be kept by any cache.
func CodeSheet(s Sheet) Page {
	return Page{
		Title: "Your recovery codes",
		Text: []string{
			"With one of these codes you prove that this account is yours when you have lost what you sign in with. They are shown only now: " +
				"print this page, or write the codes down, and keep them where you keep other important papers, not beside your device.",
			"Each code works once. When you make new codes, these stop working.",
		},
		Facts: sheetFacts(s),
		Codes: s.Codes,
		After: "Nobody who helps you will ask for a code. Enter them at the address above and nowhere else. " +
			"Capital or small letters make no difference, nor do hyphens and spaces; there is no letter O, I, L or U in a code.",
	}
}

// NewCode is the sheet of the one code that takes the place of a code that was used.
func NewCode(s Sheet) Page {
	p := CodeSheet(s)
	p.Title = "Your new recovery code"
	p.Text = []string{
		"You have used up one of your recovery codes. This one takes its place, and your other codes still work. It is shown only now: " +
			"print this page, or write the code down, and keep it with the others.",
		"It works once. When you make a new set of codes, it stops working.",
	}
	return p
}

func sheetFacts(s Sheet) []Fact {
	facts := []Fact{{"Account", s.Account}, {"Where to enter a code", s.Issuer}, {"Made", moment(s.MadeAt, "")}}
	if s.EffectiveAt.After(s.MadeAt) {
		facts = append(facts, Fact{"Can be used from", moment(s.EffectiveAt, "")})
	}
	return facts
}

// CodeTypo says what is wrong with a code that was typed, by its groups counted from 1. With none it has too many or too few characters.
func CodeTypo(groups []int) string {
	named := make([]string, len(groups))
	for i, g := range groups {
		named[i] = ordinal(g)
	}
	switch n := len(named); n {
	case 0:
		return "The code has too many or too few characters. Compare it with your sheet: it has seven groups of six characters."
	case 1:
		return fmt.Sprintf("The %s group has a typo. Compare it with your sheet.", named[0])
	default:
		return fmt.Sprintf("The %s and %s groups have typos. Compare them with your sheet.", strings.Join(named[:n-1], ", "), named[n-1])
	}
}

func ordinal(n int) string {
	words := []string{"first", "second", "third", "fourth", "fifth", "sixth", "seventh"}
	if n < 1 || n > len(words) {
		return fmt.Sprintf("number %d", n)
	}
	return words[n-1]
}
