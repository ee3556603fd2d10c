package pages

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files")

var sheet = Sheet{
	Issuer: "https://id.example.com/recovery", Account: "alice@example.com", MadeAt: time.Date(2026, 11, 21, 20, 20, 0, 0, time.UTC),
	EffectiveAt: time.Date(2026, 11, 24, 20, 20, 0, 0, time.UTC),
	Codes: []string{
		"0123FQ-4567TM-89ABVC-CDEFRS-GHJK0Y-MNPQWW-RSTV3H",
		"ZYXWM0-VTSRH2-QPNM9K-KJHGA7-FEDCT4-BA98J5-7654PE",
	},
}

// What people print has every word that it needs, and changes only on purpose: go test ./internal/gateway/pages -update
func TestTheSheetOfCodesIsAsItWasAgreed(t *testing.T) {
	for name, p := range map[string]Page{"codesheet.html": CodeSheet(sheet), "newcode.html": NewCode(sheet)} {
		got := write(t, p).Body.String()
		got = strings.Replace(got, styleCSS, "", 1) // has tests of its own
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s has changed:\n%s", name, got)
		}
	}
}

func TestTheSheetSaysWhatItIs(t *testing.T) {
	body := write(t, CodeSheet(sheet)).Body.String()
	for _, said := range append([]string{
		sheet.Issuer, sheet.Account, "21 November 2026, 20:20 UTC", "24 November 2026, 20:20 UTC", "when you have lost what you sign in with", "Each code works once", "these stop working",
	}, sheet.Codes...) {
		if strings.Count(body, said) != 1 {
			t.Errorf("%q occurs %d times", said, strings.Count(body, said))
		}
	}
	usable := sheet
	usable.EffectiveAt = usable.MadeAt
	if strings.Contains(write(t, CodeSheet(usable)).Body.String(), "Can be used from") {
		t.Error("codes that can be used at once are told to wait")
	}
	if strings.Index(body, "Each code works once") > strings.Index(body, sheet.Codes[0]) {
		t.Error("how codes work comes after them")
	}
	if strings.Contains(body, "<script") || strings.Contains(body, "style=") {
		t.Error("the page needs more than its stylesheet")
	}
}

// On paper there is nothing to press, and no code is cut in two.
func TestTheSheetIsMadeForPaper(t *testing.T) {
	_, printed, ok := strings.Cut(styleCSS, "@media print {")
	if !ok {
		t.Fatal("nothing is said about paper")
	}
	for _, rule := range []string{"form, nav { display: none; }", "li, section { break-inside: avoid; }", "color-scheme: light"} {
		if !strings.Contains(printed, rule) {
			t.Errorf("no rule %q", rule)
		}
	}
}

func TestATypoIsNamedInWords(t *testing.T) {
	for _, tt := range []struct {
		groups []int
		want   string
	}{
		{nil, "The code has too many or too few characters. Compare it with your sheet: it has seven groups of six characters."},
		{[]int{3}, "The third group has a typo. Compare it with your sheet."},
		{[]int{1, 7}, "The first and seventh groups have typos. Compare them with your sheet."},
		{[]int{1, 2, 5}, "The first, second and fifth groups have typos. Compare them with your sheet."},
	} {
		if got := CodeTypo(tt.groups); got != tt.want {
			t.Errorf("%v: %q", tt.groups, got)
		}
	}
}
