package secret

import (
	"crypto/rand"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// mustCode makes a code and its text.
func mustCode(t testing.TB) (code, string) {
	t.Helper()
	c, err := newCode(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return c, c.text()
}

// typos is what [CheckCode] says of text; ok if nothing is wrong.
func typos(t testing.TB, text string) (groups []int, ok bool) {
	t.Helper()
	err := CheckCode(text)
	if err == nil {
		return nil, true
	}
	var typo *TypoError
	if !errors.As(err, &typo) {
		t.Fatalf("%v is no typo", err)
	}
	return typo.Groups, false
}

// computed from the alphabet and the lengths, not from what they are said to be.
func TestCodesHaveTheEntropyThatIsPromised(t *testing.T) {
	alphabet := map[rune]bool{}
	for _, c := range symbols {
		alphabet[c] = true
	}
	perSymbol := math.Log2(float64(len(alphabet)))
	if got := perSymbol * verifierLength; got < 128 {
		t.Errorf("the verifier has %.1f bits", got)
	}
	if got := perSymbol * selectorLength; got < 40 {
		t.Errorf("the selector has %.1f bits", got)
	}
	if strings.ContainsAny(symbols, "ILOU") || perSymbol != symbolBits {
		t.Errorf("alphabet %q", symbols)
	}
}

func TestSymbolsAreEquallyLikely(t *testing.T) {
	count := map[rune]int{}
	const codes = 2000
	for range codes {
		c, _ := mustCode(t)
		for _, s := range c.selector + c.verifier {
			count[s]++
		}
	}
	expected, chi := float64(codes*(selectorLength+verifierLength))/32, 0.0
	for _, s := range symbols {
		d := float64(count[s]) - expected
		chi += d * d / expected
	}
	if len(count) != 32 || chi > 90 { // 31 degrees of freedom: one in ten million
		t.Errorf("%d symbols, chi-square %.1f", len(count), chi)
	}
}

func TestNoCodeWithoutRandomness(t *testing.T) {
	if c, err := newCode(iotest.ErrReader(errors.New("broken"))); err == nil || c != (code{}) {
		t.Errorf("%v, %v", c, err)
	}
	if c, err := newCode(strings.NewReader("too little")); err == nil || c != (code{}) {
		t.Errorf("%v, %v", c, err)
	}
	if c, err := newCode(nil); err == nil || c != (code{}) {
		t.Errorf("%v, %v", c, err)
	}
}

func TestCodesAreReadAsPeopleTypeThem(t *testing.T) {
	c, text := mustCode(t)
	for name, typed := range map[string]string{
		"as printed":         text,
		"lower case":         strings.ToLower(text),
		"without hyphens":    strings.ReplaceAll(text, "-", ""),
		"spaces":             " " + strings.ReplaceAll(text, "-", "  ") + "\r\n",
		"spaced hyphens":     strings.ReplaceAll(text, "-", " - "),
		"other dashes":       strings.ReplaceAll(text, "-", "–"),
		"no-break spaces":    strings.ReplaceAll(text, "-", "\u00a0"),
		"other groups":       text[:3] + " " + text[3:] + "-",
		"O for 0":            strings.ReplaceAll(text, "0", "O"),
		"o for 0":            strings.ReplaceAll(text, "0", "o"),
		"I for 1":            strings.ReplaceAll(text, "1", "I"),
		"l for 1":            strings.ReplaceAll(text, "1", "l"),
		"seven other pieces": regroup(text),
	} {
		if got, err := parseCode(typed); err != nil || got != c {
			t.Errorf("%s: %q: %v", name, typed, err)
		}
	}
}

// regroup puts the hyphens of a code into other places.
func regroup(text string) string {
	bare := strings.ReplaceAll(text, "-", "")
	return bare[:1] + "-" + bare[1:2] + "-" + bare[2:3] + "-" + bare[3:4] + "-" + bare[4:5] + "-" + bare[5:6] + "-" + bare[6:]
}

func TestEveryWrongCharacterIsNamedWithItsGroup(t *testing.T) {
	for range 20 {
		_, text := mustCode(t)
		for i := range text {
			if text[i] == '-' {
				continue
			}
			for _, other := range symbols + "U*é" {
				if byte(other) == text[i] {
					continue
				}
				typed := text[:i] + string(other) + text[i+1:]
				if got, ok := typos(t, typed); ok || !slices.Equal(got, []int{i/(groupLength+1) + 1}) {
					t.Fatalf("%q typed as %q: groups %v", text, typed, got)
				}
			}
		}
	}
}

func TestEveryPairThatChangedPlacesIsNamedWithItsGroup(t *testing.T) {
	for range 200 {
		_, text := mustCode(t)
		for g := range codeGroups {
			start := g * (groupLength + 1)
			for i := start; i < start+groupLength; i++ {
				for j := i + 1; j < start+groupLength; j++ { // not only neighbours
					if text[i] == text[j] {
						continue
					}
					typed := []byte(text)
					typed[i], typed[j] = typed[j], typed[i]
					if got, ok := typos(t, string(typed)); ok || !slices.Equal(got, []int{g + 1}) {
						t.Fatalf("%q typed as %q: groups %v", text, typed, got)
					}
				}
			}
		}
	}
}

func TestGroupsThatChangedPlacesAreNamed(t *testing.T) {
	_, text := mustCode(t)
	for a := range codeGroups {
		for b := a + 1; b < codeGroups; b++ {
			groups := strings.Split(text, "-")
			groups[a], groups[b] = groups[b], groups[a]
			if got, ok := typos(t, strings.Join(groups, "-")); ok || !slices.Equal(got, []int{a + 1, b + 1}) {
				t.Errorf("groups %d and %d: %v", a+1, b+1, got)
			}
		}
	}
}

func TestLeftOutAndDoubledCharactersAreNamedWithTheirGroup(t *testing.T) {
	_, text := mustCode(t)
	groups := strings.Split(text, "-")
	for name, tt := range map[string]struct {
		typed string
		want  []int
	}{
		"left out":              {text[:15] + text[16:], []int{3}},
		"doubled":               {text[:15] + text[14:15] + text[15:], []int{3}},
		"left out and doubled":  {text[:1] + text[2:15] + text[14:15] + text[15:], []int{1, 3}},
		"left out, no hyphens":  {strings.ReplaceAll(text[:15]+text[16:], "-", ""), nil},
		"a group is missing":    {strings.Join(groups[1:], "-"), nil},
		"a group too many":      {text + "-" + groups[0], nil},
		"nothing":               {"", nil},
		"far too long":          {strings.Repeat(text, 100), nil},
		"two groups, two typos": {"*" + text[1:15] + "*" + text[16:], []int{1, 3}},
	} {
		if got, ok := typos(t, tt.typed); ok || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q: groups %v", name, tt.typed, got)
		}
	}
}

func FuzzCheckCode(f *testing.F) {
	text := code{symbols[:selectorLength], symbols[:verifierLength]}.text()
	for _, seed := range []string{text, strings.ToLower(text), "", "-", "OIL0-1", strings.Repeat("0", 42), "\xff\u2014é", regroup(text)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		c, err := parseCode(typed)
		if err != nil {
			groups, _ := typos(t, typed)
			for _, g := range groups {
				if g < 1 || g > codeGroups {
					t.Errorf("group %d", g)
				}
			}
			return
		}
		if again, err := parseCode(c.text()); err != nil || again != c {
			t.Errorf("%q is read as %v, and that as %v", typed, c, again)
		}
	})
}
