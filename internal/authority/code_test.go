package authority

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/upstream"
)

func TestCodeIsEightGroupsThatLastTenMinutes(t *testing.T) {
	g := newGateway(t)
	code, err := g.NewCode(t.Context(), CodeRequest{Identifier: "ALICE", As: "carol"})
	if err != nil {
		t.Fatal(err)
	}
	groups := strings.Split(code.Text, "-")
	if len(groups) != 8 || len(groups[0]) != 4 || len(groups[7]) != 4 {
		t.Errorf("code %s", code.Text)
	}
	if !code.ExpiresAt.Equal(g.clock.Now().Add(codeLife)) {
		t.Errorf("expires %v", code.ExpiresAt)
	}
	if g.code(t) == code.Text {
		t.Error("two codes are equal")
	}
}

func TestCodeIsNotKept(t *testing.T) {
	g := newGateway(t)
	selector, verifier, err := parseCode(g.code(t))
	if err != nil {
		t.Fatal(err)
	}
	all := g.everything(t)
	if !bytes.Contains(all, []byte(selector)) {
		t.Error("the code is not stored under its selector")
	}
	if bytes.Contains(all, []byte(verifier)) || bytes.Contains(all, []byte(verifier[:8])) {
		t.Error("the store holds the verifier")
	}
	if strings.Contains(g.log.String(), verifier) {
		t.Error("the log holds the verifier")
	}
}

func TestCodeIsJournalledAndTold(t *testing.T) {
	g := newGateway(t)
	text := g.code(t)
	e := g.journalled(t)
	if len(e) != 1 || e[0].Kind != journal.KindActivationCodeMade ||
		e[0].AccountID != "alice-id" || e[0].Actor != "carol" || e[0].Upstream != "main" {
		t.Fatalf("journal %+v", e)
	}
	if e[0].Detail["actor_proof"] != "none" {
		t.Error("the journal takes the name for proven")
	}
	m := g.told(t)[string(journal.KindActivationCodeMade)]
	if m.AccountID != "alice-id" || !strings.Contains(m.Text, "carol") ||
		!strings.Contains(m.Text, "help desk") || len(m.Identifiers) != 2 {
		t.Errorf("told %+v", m)
	}
	if strings.Contains(m.Text, text) {
		t.Error("the notice holds the code")
	}
}

func TestUnfitCodeRequestIsRefused(t *testing.T) {
	for name, r := range map[string]CodeRequest{
		"no name":             {Identifier: "alice"},
		"long name":           {Identifier: "alice", As: strings.Repeat("x", 65)},
		"line break in name":  {Identifier: "alice", As: "carol\nmallory"},
		"bidi mark in name":   {Identifier: "alice", As: "carol\u202e"},
		"invalid UTF-8":       {Identifier: "alice", As: "carol\xff"},
		"no identifier":       {As: "carol"},
		"space in identifier": {Identifier: "al ice", As: "carol"},
		"subject not asked":   {Identifier: "alice", As: "carol", Subject: "alice-id"},
	} {
		g := newGateway(t)
		if _, err := g.NewCode(t.Context(), r); !errors.Is(err, ErrRequest) {
			t.Errorf("%s: error %v, want ErrRequest", name, err)
		}
		if len(g.journalled(t)) != 0 {
			t.Errorf("%s: journalled", name)
		}
	}
}

func TestNameOf64CharactersIsAccepted(t *testing.T) {
	g := newGateway(t)
	if _, err := g.NewCode(t.Context(), CodeRequest{Identifier: "alice", As: strings.Repeat("é", 64)}); err != nil {
		t.Error(err)
	}
}

func TestUpstreamDecidesWhoGetsACode(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*fakeAdapter)
		want   error
	}{
		"unknown":         {func(f *fakeAdapter) { f.state.Identifiers = nil }, upstream.ErrNoAccount},
		"ambiguous":       {func(f *fakeAdapter) { f.resolve = upstream.ErrAmbiguous }, upstream.ErrAmbiguous},
		"cannot be asked": {func(f *fakeAdapter) { f.resolve = upstream.ErrUnavailable }, upstream.ErrUnavailable},
		"state unknown":   {func(f *fakeAdapter) { f.stateErr = upstream.ErrUnavailable }, upstream.ErrUnavailable},
		"disabled":        {func(f *fakeAdapter) { f.state.Enabled = false }, ErrDisabled},
	} {
		g := newGateway(t)
		c.change(g.adapter)
		if _, err := g.NewCode(t.Context(), CodeRequest{Identifier: "alice", As: "carol"}); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
	}
}

func TestWithoutAdminAPITheSubjectIsGiven(t *testing.T) {
	g := newGateway(t)
	g.adapter.admin = false
	if _, err := g.NewCode(t.Context(), CodeRequest{Identifier: "bob", As: "carol"}); !errors.Is(err, ErrRequest) {
		t.Errorf("without subject: error %v, want ErrRequest", err)
	}
	code, err := g.NewCode(t.Context(), CodeRequest{Identifier: "BOB", Subject: "bob-id", As: "carol"})
	if err != nil {
		t.Fatal(err)
	}
	e, err := g.Enroll(t.Context(), code.Text, freshCSR(t), "")
	if err != nil {
		t.Fatal(err)
	}
	a := g.bound(t, e.AuthenticatorID)
	if a.AccountID != "bob-id" || len(a.Identifiers) != 1 || a.Identifiers[0] != "bob" || e.Account != "bob" {
		t.Errorf("bound to %s with %v", a.AccountID, a.Identifiers)
	}
}

func TestCodeIsReadAsPeopleTypeIt(t *testing.T) {
	const text = "0123-4567-89AB-CDEF-GHJK-MNPQ-RSTV-W1Y0"
	want := strings.ReplaceAll(text, "-", "")
	for name, typed := range map[string]string{
		"as made":       text,
		"lower case":    strings.ToLower(text),
		"no hyphens":    want,
		"spaces":        " " + strings.ReplaceAll(text, "-", "  ") + "\r\n",
		"O for 0":       strings.ReplaceAll(text, "0", "O"),
		"o for 0":       strings.ReplaceAll(text, "0", "o"),
		"I for 1":       strings.ReplaceAll(text, "1", "I"),
		"l for 1":       strings.ReplaceAll(text, "1", "l"),
		"grouped other": "01-234567-89ABCDEFGHJKMNPQRSTVW1Y-0",
	} {
		selector, verifier, err := parseCode(typed)
		if err != nil || selector+verifier != want || len(selector) != selectorLength {
			t.Errorf("%s: %s %s, %v", name, selector, verifier, err)
		}
	}
}

func TestWhatIsNoCodeIsRefused(t *testing.T) {
	const good = "0123456789ABCDEFGHJKMNPQRSTVW1Y0"
	for name, typed := range map[string]string{
		"nothing": "", "short": good[1:], "long": good + "0", "U": "U" + good[1:], "sign": "*" + good[1:], "two bytes": "é" + good[1:],
		"NUL": good + "\x00", "padded for ever": good + strings.Repeat("-", maxCodeText),
	} {
		if s, v, err := parseCode(typed); !errors.Is(err, ErrCode) || s+v != "" {
			t.Errorf("%s: %q %q, %v", name, s, v, err)
		}
	}
}

func FuzzParseCode(f *testing.F) {
	f.Add("0123-4567-89AB-CDEF-GHJK-MNPQ-RSTV-W1Y0")
	f.Add("oil 0123456789ABCDEFGHJKMNPQRSTV w")
	f.Add("")
	f.Add("U")
	f.Fuzz(func(t *testing.T, text string) {
		selector, verifier, err := parseCode(text)
		if err != nil {
			if !errors.Is(err, ErrCode) || selector+verifier != "" {
				t.Errorf("%q: %q %q with %v", text, selector, verifier, err)
			}
			return
		}
		if len(selector) != selectorLength || len(selector+verifier) != codeLength || strings.Trim(selector+verifier, symbols) != "" {
			t.Errorf("%q: %q %q", text, selector, verifier)
		}
		again, rest, err := parseCode(selector + "-" + verifier)
		if err != nil || again != selector || rest != verifier {
			t.Errorf("%q is not its own reading: %q %q %v", selector+verifier, again, rest, err)
		}
	})
}

func TestCodeExpires(t *testing.T) {
	for after, want := range map[time.Duration]error{codeLife - time.Second: nil, codeLife: ErrCode} {
		g := newGateway(t)
		code := g.code(t)
		g.clock.Advance(after)
		if _, err := g.Enroll(t.Context(), code, freshCSR(t), ""); !errors.Is(err, want) {
			t.Errorf("after %v: %v, want %v", after, err, want)
		}
	}
}
