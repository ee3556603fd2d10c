package doctor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTheExitStatusIsThatOfTheWorstFinding(t *testing.T) {
	for name, c := range map[string]struct {
		statuses []Status
		strict   bool
		want     int
	}{
		"all pass":              {[]Status{StatusPass, StatusPass}, false, 0},
		"a warning":             {[]Status{StatusPass, StatusWarn}, false, 0},
		"a warning with strict": {[]Status{StatusPass, StatusWarn}, true, 1},
		"a failure":             {[]Status{StatusFail, StatusPass}, false, 1},
		"nobody could tell":     {[]Status{StatusUnknown, StatusWarn}, false, 2},
		"both":                  {[]Status{StatusUnknown, StatusFail}, false, 1},
		"nothing":               {nil, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var list []Finding
			for _, s := range c.statuses {
				list = append(list, Finding{Check: "x", Status: s})
			}
			if got := NewReport(list, c.strict, nil).Exit(); got != c.want {
				t.Errorf("exit %d, want %d", got, c.want)
			}
		})
	}
}

// Kratos and the Hydra before it are asked some of the same.
func TestACheckThatWasMadeOfTwoServersIsOneFindingAsBadAsTheWorst(t *testing.T) {
	report := NewReport([]Finding{
		{Check: "skew", Status: StatusPass, Seen: "they agree"},
		{Check: "cookies", Status: StatusFail, Seen: "open", Remedy: "Close it."},
		{Check: "paths", Status: StatusFail, Seen: "one", Remedy: "Mend one."},
		{Check: "skew", Status: StatusFail, Seen: "an hour off", Remedy: "Wind it."},
		{Check: "cookies", Status: StatusUnknown, Seen: "silent", Remedy: "Ask."},
		{Check: "paths", Status: StatusFail, Seen: "another", Remedy: "Mend another."},
	}, false, nil)
	want := []Finding{
		{Check: "skew", Status: StatusFail, Seen: "an hour off", Remedy: "Wind it."},
		{Check: "cookies", Status: StatusFail, Seen: "open; silent", Remedy: "Close it. Ask."},
		{Check: "paths", Status: StatusFail, Seen: "one; another", Remedy: "Mend one. Mend another."},
	}
	if !slices.Equal(report.Findings, want) {
		t.Errorf("%+v", report.Findings)
	}
}

func TestTheTableTellsRemediesAndNothingThatSteersATerminal(t *testing.T) {
	var b strings.Builder
	NewReport([]Finding{
		{Check: "a-check", Status: StatusPass, Seen: "fine"},
		{Check: "b-check", Status: StatusFail, Seen: "bad\x1b[2J\nworse", Remedy: "do something"},
	}, false, nil).Table(&b)
	text := b.String()
	if !strings.Contains(text, "b-check (fail): do something") || strings.Contains(text, "\x1b") || !strings.Contains(text, "fail 1, unknown 0, warn 0, pass 1") {
		t.Errorf("%q", text)
	}
	if strings.Index(text, "b-check") > strings.Index(text, "a-check") {
		t.Error("the worst is not first")
	}
}

func TestWhatIsAcceptedIsShownAndCountsForNothing(t *testing.T) {
	accepted := map[string]string{"x": "the consent app asks"}
	for _, c := range []struct {
		x, other Status
		strict   bool
		want     int
		status   Status
	}{
		{StatusWarn, StatusPass, true, 0, StatusPass},
		{StatusUnknown, StatusPass, false, 0, StatusPass},
		{StatusUnknown, StatusWarn, false, 0, StatusWarn},
		{StatusWarn, StatusUnknown, true, 2, StatusUnknown},
		{StatusWarn, StatusWarn, true, 1, StatusFail},
		{StatusFail, StatusPass, false, 1, StatusFail}, // a fault that is open has to be mended
	} {
		r := NewReport([]Finding{{Check: "x", Status: c.x, Remedy: "do something"}, {Check: "y", Status: c.other}}, c.strict, accepted)
		if r.Exit() != c.want || r.Status != c.status {
			t.Errorf("%+v: exit %d", c, r.Exit())
		}
		for _, f := range r.Findings {
			if f.Check == "x" && (f.Status != c.x || (f.Accepted == "") != (c.x == StatusFail)) {
				t.Errorf("%+v: %+v", c, f)
			}
		}
	}
	var b strings.Builder
	NewReport([]Finding{{Check: "z", Status: StatusPass}, {Check: "x", Status: StatusWarn, Remedy: "do something"}}, true, accepted).Table(&b)
	for _, want := range []string{"x (warn, accepted): the consent app asks", "warn 0, pass 1, accepted 1"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in %q", want, b.String())
		}
	}
}

func TestACheckThatBreaksIsUnknown(t *testing.T) {
	list := Examine(t.Context(), 0, []Check[int]{
		{ID: "broken", Look: func(context.Context, int) Verdict { panic("secret") }},
		{ID: "whole", Look: func(context.Context, int) Verdict { return Pass("fine") }},
	})
	if list[0].Status != StatusUnknown || strings.Contains(list[0].Seen, "secret") || list[1].Status != StatusPass {
		t.Errorf("%+v", list)
	}
}

func TestLongFindingsAreCut(t *testing.T) {
	lines := strings.Split("a b c d e f g h", " ")
	if v := Fault(lines, ""); v.Seen != "a; b; c; d; e; f; and 2 more" || v.Status != StatusFail {
		t.Errorf("%+v", v)
	}
	if v := Doubt(nil, "fine"); v.Seen != "fine" || v.Status != StatusPass {
		t.Errorf("%+v", v)
	}
}

func TestClocks(t *testing.T) {
	for ahead, want := range map[time.Duration]Status{
		0: StatusPass, -5 * time.Second: StatusPass, 6 * time.Second: StatusWarn, -31 * time.Second: StatusFail, time.Hour: StatusFail,
	} {
		if v := Skew(ahead); v.Status != want {
			t.Errorf("%v: %+v", ahead, v)
		}
	}
}

// goodGateway is one in which all is well.
func goodGateway() Gateway {
	return Gateway{
		Replay: errors.New("invalid_grant"), Replayed: true, KeyAge: time.Hour, RotateEvery: 90 * 24 * time.Hour, Free: 10 << 30, Reserve: 1 << 28,
		Files: []SecretFile{{Path: "/etc/regrant/secret", Mode: 0o640}}, Notifiers: []Reached{{Address: "https://hooks.example.com"}},
	}
}

func TestAGoodGatewayPasses(t *testing.T) {
	for _, f := range Examine(t.Context(), goodGateway(), GatewayChecks) {
		if f.Status != StatusPass {
			t.Errorf("%+v", f)
		}
	}
}

func TestEachFaultOfAGatewayIsFound(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		id     string
		want   Status
		change func(*Gateway)
	}{
		"nothing is exchanged":   {"exchange", StatusFail, func(g *Gateway) { g.Exchange = broken }},
		"so nothing is replayed": {"replay", StatusUnknown, func(g *Gateway) { g.Exchange = broken }},
		"exchanged twice":        {"replay", StatusFail, func(g *Gateway) { g.Replay, g.Replayed = nil, false }},
		"refused otherwise":      {"replay", StatusUnknown, func(g *Gateway) { g.Replay, g.Replayed = broken, false }},
		"old keys":               {"key-age", StatusWarn, func(g *Gateway) { g.KeyAge = 92 * 24 * time.Hour }},
		"full":                   {"store-space", StatusFail, func(g *Gateway) { g.Free = 1 << 27 }},
		"nearly full":            {"store-space", StatusWarn, func(g *Gateway) { g.Free = 1<<28 + 1 }},
		"not a byte left":        {"store-space", StatusFail, func(g *Gateway) { g.Free = 0 }},
		"no disk":                {"store-space", StatusUnknown, func(g *Gateway) { g.FreeErr = broken }},
		"keys not read":          {"key-age", StatusUnknown, func(g *Gateway) { g.KeyAgeErr = broken }},
		"notices not read":       {"notices-delivered", StatusUnknown, func(g *Gateway) { g.WaitingErr = broken }},
		"a file for all":         {"secret-files", StatusFail, func(g *Gateway) { g.Files[0].Mode = 0o644 }},
		"the group writes":       {"secret-files", StatusFail, func(g *Gateway) { g.Files[0].Mode = 0o660 }},
		"a file out of sight":    {"secret-files", StatusUnknown, func(g *Gateway) { g.Files[0].Err = broken }},
		"nobody is told":         {"notifier-reachable", StatusFail, func(g *Gateway) { g.Notifiers[0].Err = broken }},
		"losses not read":        {"notices-delivered", StatusUnknown, func(g *Gateway) { g.LostErr = broken }},
		"never told":             {"notices-delivered", StatusFail, func(g *Gateway) { g.Lost = 1 }},
		"told late":              {"notices-delivered", StatusWarn, func(g *Gateway) { g.Waiting = 6 * time.Minute }},
		"a risk":                 {"methods-risk", StatusWarn, func(g *Gateway) { g.Risks = []string{"x stands on RA-1"} }},
		"a warning":              {"gateway-warnings", StatusWarn, func(g *Gateway) { g.Warnings = []string{"x"} }},
	} {
		t.Run(name, func(t *testing.T) {
			g := goodGateway()
			c.change(&g)
			found := Examine(t.Context(), g, GatewayChecks)
			at := slices.IndexFunc(found, func(f Finding) bool { return f.Check == c.id })
			if at < 0 || found[at].Status != c.want {
				t.Errorf("%d of %+v", at, found)
			}
		})
	}
}
