package attest

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"
)

const goodText = `regrant recovery proof v1
issuer: https://id.example.com/recovery
account: alice@example.com
actions: sign-in replace-passkey
recovery: 04HMASR9NG20D32NXG0H248D18
holder: 0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I
requested: 2026-11-21T20:20:00Z from 203.0.113.0/24
nonce: AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE
expires: 2026-11-21T20:35:00Z
`

func goodStatement(t testing.TB) Statement {
	t.Helper()
	account, err := ParseIdentifier("Alice@example.com")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 21, 20, 20, 0, 0, time.UTC)
	return Statement{
		Issuer:    "https://id.example.com/recovery",
		Account:   account,
		Actions:   []Action{ActionSignIn, ActionReplacePasskey},
		Recovery:  "04HMASR9NG20D32NXG0H248D18",
		Holder:    "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
		Requested: at,
		Network:   netip.MustParsePrefix("203.0.113.0/24"),
		Nonce:     [32]byte(bytes.Repeat([]byte{1}, 32)),
		Expires:   at.Add(15 * time.Minute),
	}
}

func TestStatementTextIsGolden(t *testing.T) {
	if got := goodStatement(t).Text(); got != goodText {
		t.Errorf("text is\n%s", got)
	}
}

func TestStatementTextIsInUTC(t *testing.T) {
	s := goodStatement(t)
	zone := time.FixedZone("east", 5*3600)
	s.Requested, s.Expires = s.Requested.In(zone), s.Expires.In(zone)
	if got := s.Text(); got != goodText {
		t.Errorf("text is\n%s", got)
	}
}

func TestStatementParsesBack(t *testing.T) {
	got, err := ParseStatement(goodText)
	if err != nil {
		t.Fatal(err)
	}
	if got.Text() != goodText || got.Account.String() != "alice@example.com" || got.Network.String() != "203.0.113.0/24" {
		t.Errorf("parsed %+v", got)
	}
}

func TestStatementRefusals(t *testing.T) {
	for _, tt := range []struct{ name, old, new string }{
		{"empty", goodText, ""},
		{"other title", "proof v1", "proof v2"},
		{"no last line feed", "20:35:00Z\n", "20:35:00Z"},
		{"line behind", "20:35:00Z\n", "20:35:00Z\n\n"},
		{"carriage returns", "\n", "\r\n"},
		{"line missing", "account: alice@example.com\n", ""},
		{"line twice", "account: alice@example.com\n", "account: alice@example.com\naccount: alice@example.com\n"},
		{"lines in another order", "nonce: ", "holder: "},
		{"no space behind the label", "account: ", "account:"},
		{"two spaces behind the label", "account: ", "account:  "},
		{"issuer without TLS", "https://", "http://"},
		{"issuer with query", "/recovery", "/recovery?x"},
		{"issuer with empty query", "/recovery", "/recovery?"},
		{"issuer with fragment", "/recovery", "/recovery#x"},
		{"issuer with user", "id.example.com", "a@id.example.com"},
		{"issuer without host", "https://id.example.com/recovery", "https:///recovery"},
		{"issuer with space", "/recovery", "/reco very"},
		{"issuer with look-alike letter", "example.com/", "ex\u0430mple.com/"},
		{"issuer too long", "/recovery", "/" + strings.Repeat("x", maxIssuer)},
		{"account not canonical", "alice", "Alice"},
		{"account empty", "alice@example.com", ""},
		{"action unknown", "sign-in", "take-over"},
		{"action twice", "sign-in", "replace-passkey"},
		{"actions in another order", "sign-in replace-passkey", "replace-passkey sign-in"},
		{"no action", "sign-in replace-passkey", ""},
		{"actions with two spaces", "sign-in replace", "sign-in  replace"},
		{"recovery in lower case", "HMASR", "hmasr"},
		{"recovery of other letters", "04HM", "U4HM"},
		{"recovery too short", "04HM", "4HM"},
		{"recovery with stray bits", "D18\n", "D19\n"},
		{"holder too short", "0ZcO", "ZcO"},
		{"holder with stray bits", "guA4I\n", "guA4J\n"},
		{"holder with padding", "guA4I\n", "guA4I=\n"},
		{"time with fraction", "20:20:00Z", "20:20:00.5Z"},
		{"time with zero fraction", "20:20:00Z", "20:20:00.0Z"},
		{"time with offset", "20:20:00Z", "20:20:00+00:00"},
		{"time that is none", "20:20:00Z", "25:20:00Z"},
		{"no network", " from 203.0.113.0/24", ""},
		{"network with host bits", "113.0/24", "113.7/24"},
		{"network not canonical", "/24", "/024"},
		{"address without length", "/24", ""},
		{"nonce too short", "AQEB", "QEB"},
		{"expiry that is no time", "20:35:00Z", "later"},
		{"expired when requested", "20:35:00Z", "20:20:00Z"},
		{"far too long", "alice", strings.Repeat("a", 4<<10)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.ReplaceAll(goodText, tt.old, tt.new)
			if text == goodText {
				t.Fatal("the case changes nothing")
			}
			if s, err := ParseStatement(text); err == nil {
				t.Errorf("accepted, as\n%s", s.Text())
			}
		})
	}
}

// Every change of one byte gives another statement or none: no two texts mean the same.
func TestMangledStatementsAreOthers(t *testing.T) {
	for i := range len(goodText) {
		for _, b := range []byte{goodText[i] ^ 1, goodText[i] ^ 0x20, goodText[i] ^ 0x80, '\n', ' '} {
			mangled := goodText[:i] + string([]byte{b}) + goodText[i+1:]
			if s, err := ParseStatement(mangled); err == nil && s.Text() != mangled {
				t.Errorf("byte %d as %q reads as another text", i, b)
			}
		}
		if _, err := ParseStatement(goodText[:i]); err == nil {
			t.Errorf("prefix of %d bytes accepted", i)
		}
	}
}

func FuzzParseStatement(f *testing.F) {
	f.Add(goodText)
	f.Add(strings.ReplaceAll(goodText, "203.0.113.0/24", "2001:db8::/64"))
	f.Add(strings.ReplaceAll(goodText, "203.0.113.0/24", "::ffff:203.0.113.0/120"))
	f.Add(strings.ReplaceAll(goodText, "alice@example.com", "bücher"))
	f.Add(strings.ReplaceAll(goodText, "\n", "\r\n"))
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseStatement(text)
		if err != nil {
			if s.Text() != (Statement{}).Text() {
				t.Error("a statement came with the error")
			}
			return
		}
		if s.Text() != text {
			t.Errorf("%q became %q", text, s.Text())
		}
	})
}
