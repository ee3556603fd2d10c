package secret

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// symbols is Crockford's base 32: no letter that is easily misread, 5 bits in each.
const symbols = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

const (
	symbolBits = 5

	selectorLength = 9  // symbols
	verifierLength = 26 // symbols

	codeGroups  = 7
	groupData   = 5             // symbols of a group, before its check character
	groupLength = groupData + 1 // characters

	maxCodeText = 256 // bytes that are looked at, with whatever is between the groups
)

// The compiler refuses a code that is weaker than promised, or whose groups do not hold it.
const (
	_ = uint(verifierLength*symbolBits - 128)
	_ = uint(codeGroups*groupData - selectorLength - verifierLength)
	_ = uint(selectorLength + verifierLength - codeGroups*groupData)
)

// code is a recovery code without check characters, in symbols.
type code struct{ selector, verifier string }

// newCode makes a code of random symbols. 32 symbols divide the 256 values of a byte evenly, so each is as likely as any other.
func newCode(random io.Reader) (code, error) {
	drawn, err := draw(random, selectorLength+verifierLength)
	if err != nil {
		return code{}, err
	}
	for i, b := range drawn {
		drawn[i] = symbols[b%byte(len(symbols))]
	}
	return code{string(drawn[:selectorLength]), string(drawn[selectorLength:])}, nil
}

// text is the code as people keep it: groups with their check characters and hyphens between them. The check characters say nothing that is not
// in the groups, so they take nothing from what has to be guessed.
func (c code) text() string {
	data := c.selector + c.verifier
	groups := make([]string, codeGroups)
	for g := range groups {
		group := data[g*groupData : (g+1)*groupData]
		groups[g] = group + string(checkCharacter(g, group))
	}
	return strings.Join(groups, "-")
}

// checkCharacter is Horner's rule over the field of 32 elements: each place of a group has a weight of its own, and none is zero. So
// one wrong character is always noticed, and so are two that have changed places. It begins with the number of the group, so that
// groups that have changed places are wrong too.
func checkCharacter(group int, data string) byte {
	sum := group + 1
	for i := range len(data) {
		sum = double(sum ^ strings.IndexByte(symbols, data[i]))
	}
	return symbols[sum]
}

// double multiplies by x in GF(2)[x] modulo x⁵+x²+1.
func double(v int) int {
	if v <<= 1; v >= len(symbols) {
		v ^= 0b100101
	}
	return v
}

// TypoError says that a text can be no recovery code, whoever it is for. No account is looked at, and nothing is counted.
type TypoError struct {
	// Groups are those with a typo, counted from 1. None: there are so many or so few characters that it cannot be told.
	Groups []int
}

func (e *TypoError) Error() string {
	if len(e.Groups) == 0 {
		return fmt.Sprintf("a code has %d groups of %d characters", codeGroups, groupLength)
	}
	return fmt.Sprintf("typo in these groups: %v", e.Groups)
}

// CheckCode tells whether text could be a recovery code, by its check characters alone. The error is a *[TypoError].
func CheckCode(text string) error {
	_, err := parseCode(text)
	return err
}

// parseCode reads a code as a person types it: in either case, with O for 0 and I or L for 1, with hyphens and spaces or
// without. The error is a *[TypoError].
func parseCode(text string) (code, error) {
	if len(text) > maxCodeText {
		return code{}, &TypoError{}
	}
	parts := strings.FieldsFunc(text, separates)
	typed := []rune(strings.Map(fold, strings.Join(parts, "")))
	if len(typed) != codeGroups*groupLength {
		return code{}, &TypoError{oddGroups(parts)}
	}
	var data strings.Builder
	var wrong []int
	for g := range codeGroups {
		group := string(typed[g*groupLength : (g+1)*groupLength])
		if !checks(g, group) {
			wrong = append(wrong, g+1)
			continue
		}
		data.WriteString(group[:groupData])
	}
	if odd := oddGroups(parts); wrong != nil && odd != nil {
		wrong = odd // a character slipped from one group into another: those between are right
	}
	if wrong != nil {
		return code{}, &TypoError{wrong}
	}
	return code{data.String()[:selectorLength], data.String()[selectorLength:]}, nil
}

// checks tells whether the characters of a group are symbols, the last one the right check character.
func checks(g int, group string) bool {
	for _, c := range group {
		if !strings.ContainsRune(symbols, c) {
			return false
		}
	}
	return group[groupData] == checkCharacter(g, group[:groupData])
}

// oddGroups are the groups, as they were typed, that have too many or too few characters; nil where they were not typed as seven.
func oddGroups(parts []string) (odd []int) {
	if len(parts) != codeGroups {
		return nil
	}
	for g, part := range parts {
		if len([]rune(part)) != groupLength {
			odd = append(odd, g+1)
		}
	}
	return odd
}

// separates tells what may stand between groups: every kind of space, and every dash that a word processor makes of a hyphen.
func separates(c rune) bool { return unicode.IsSpace(c) || unicode.Is(unicode.Pd, c) }

// fold brings a character to the symbol that was meant.
func fold(c rune) rune {
	switch c = unicode.ToUpper(c); c {
	case 'O':
		return '0'
	case 'I', 'L':
		return '1'
	default:
		return c
	}
}
