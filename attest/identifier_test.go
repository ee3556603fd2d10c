package attest

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestIdentifiersAreMadeCanonical(t *testing.T) {
	for typed, want := range map[string]string{
		"alice":                  "alice",
		"Alice":                  "alice",
		"Alice@Example.COM":      "alice@example.com",
		"a.b+tag_c-d@example.co": "a.b+tag_c-d@example.co",
		"o'neil@example.com":     "o'neil@example.com",
		"ＡＬＩＣＥ":                  "alice",     // full width
		"cafe\u0301":             "caf\u00e9", // composed
		"ÀÉ@bücher.example":      "àé@bücher.example",
		"\u05d0\u05dc\u05e3":     "\u05d0\u05dc\u05e3", // Hebrew alone is not mixed direction
	} {
		got, err := ParseIdentifier(typed)
		if err != nil || got.String() != want {
			t.Errorf("%q became %q, %v", typed, got, err)
		}
	}
}

func TestSpellingsOfOneNameAreEqual(t *testing.T) {
	a, errA := ParseIdentifier("Caf\u00e9@example.com")
	b, errB := ParseIdentifier("cafe\u0301@EXAMPLE.com")
	if errA != nil || errB != nil || a != b {
		t.Errorf("%q and %q differ", a, b)
	}
}

func TestIdentifiersThatDeceiveAreRefused(t *testing.T) {
	for name, typed := range map[string]string{
		"empty":                     "",
		"space":                     "alice smith",
		"space before":              " alice",
		"no-break space":            "alice\u00a0smith",
		"ideographic space":         "alice\u3000smith",
		"line feed":                 "alice\nactions: reset-password",
		"line separator":            "alice\u2028b",
		"null":                      "alice\x00",
		"escape":                    "\x1b[2Jalice",
		"delete":                    "alice\x7f",
		"C1 control":                "alice\u0085",
		"zero-width space":          "al\u200bice",
		"zero-width joiner":         "\u0915\u094d\u200d\u0937", // allowed by PRECIS after a virama
		"zero-width non-joiner":     "\u0915\u094d\u200c\u0937",
		"soft hyphen":               "al\u00adice",
		"byte order mark":           "\ufeffalice",
		"word joiner":               "al\u2060ice",
		"right-to-left override":    "alice\u202egro",
		"right-to-left mark":        "alice\u200f",
		"isolate":                   "alice\u2066",
		"two directions":            "alice\u05d0",
		"tag character":             "alice\U000e0041",
		"variation selector":        "alice\ufe0f",
		"Hangul filler":             "alice\u3164",
		"unassigned":                "alice\u0378",
		"private use":               "alice\ue000",
		"noncharacter":              "alice\uffff",
		"replacement character":     "alice\ufffd",
		"combining grapheme joiner": "al\u034fice",
		"ligature":                  "\ufb01nn",
		"invalid UTF-8":             "alice\xff",
		"surrogate in UTF-8":        "alice\xed\xa0\x80",
		"too long":                  strings.Repeat("a", MaxIdentifier+1),
	} {
		t.Run(name, func(t *testing.T) {
			if id, err := ParseIdentifier(typed); err == nil {
				t.Errorf("%q accepted as %q", typed, id)
			} else if id != (Identifier{}) {
				t.Error("an identifier came with the error")
			}
		})
	}
}

func TestLongestIdentifierIsAccepted(t *testing.T) {
	if _, err := ParseIdentifier(strings.Repeat("a", MaxIdentifier)); err != nil {
		t.Error(err)
	}
}

func TestIdentifierErrorsDoNotRepeatIt(t *testing.T) {
	if _, err := ParseIdentifier("alice secret"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("error is %v", err)
	}
}

func TestIdentifierSurvivesStorage(t *testing.T) {
	id, err := ParseIdentifier("Alice@example.com")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(id)
	if err != nil {
		t.Fatal(err)
	}
	var back Identifier
	if err := json.Unmarshal(text, &back); err != nil || back != id {
		t.Errorf("%s came back as %q, %v", text, back, err)
	}
	if err := json.Unmarshal([]byte(`"a b"`), &back); err == nil {
		t.Error("a stored identifier that is none was accepted")
	}
}

func FuzzParseIdentifier(f *testing.F) {
	for _, seed := range []string{"alice", "Alice@Example.com", "cafe\u0301", "\u05d0\u05d1", "a\u202eb", "\u0915\u094d\u200d\u0937", "ΌΔΟΣ", "İ"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		id, err := ParseIdentifier(typed)
		if err != nil {
			return
		}
		if again, err := ParseIdentifier(id.String()); err != nil || again != id {
			t.Errorf("%q is not its own canonical form: %q, %v", id, again, err)
		}
		if s := id.String(); s == "" || len(s) > MaxIdentifier || !utf8.ValidString(s) {
			t.Errorf("%q accepted", s)
		}
		for _, r := range id.String() {
			if unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Errorf("%q has code point %U", id, r)
			}
		}
	})
}
