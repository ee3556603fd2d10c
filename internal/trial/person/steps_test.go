package person

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/regrant/regrant/upstream"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// observer sees one thing after the other, and the last for ever.
type observer struct {
	seen []Seen
	err  error
}

func (o *observer) Observe(context.Context) (Seen, error) {
	now := o.seen[0]
	if len(o.seen) > 1 {
		o.seen = o.seen[1:]
	}
	return now, o.err
}

func (*observer) ActivationCode(context.Context) (string, error) { return "", errors.New("none") }

// whole is what is seen of a recovery that went well.
func whole() Seen {
	return Seen{
		Sessions: []upstream.TrialSession{{ID: "new", BeganAt: noon}},
		Journal: []Entry{
			{noon, granted, "REF"}, {noon, "recovery-redeemed", "REF"}, {noon, session, "REF"}, {noon, done, "REF"}, {noon, "recovery-granted", "OTHER"},
		},
	}
}

func TestEachStepHoldsOnlyIfItWasSeen(t *testing.T) {
	for name, c := range map[string]struct {
		do     func(*person, context.Context) (string, error)
		change func(*Seen)
		want   Outcome
	}{
		"the old session has ended":             {(*person).oldEnded, func(*Seen) {}, Held},
		"the old session still stands":          {(*person).oldEnded, func(s *Seen) { s.Sessions = append(s.Sessions, upstream.TrialSession{ID: "old"}) }, Failed},
		"the journal has all":                   {(*person).recorded, func(*Seen) {}, Held},
		"the journal has no end":                {(*person).recorded, func(s *Seen) { s.Journal = s.Journal[:3] }, Failed},
		"the journal has no grant":              {(*person).recorded, func(s *Seen) { s.Journal = s.Journal[1:] }, Failed},
		"the journal has no session":            {(*person).recorded, func(s *Seen) { s.Journal = []Entry{s.Journal[0], s.Journal[3]} }, Failed},
		"the journal is about another recovery": {(*person).recorded, func(s *Seen) { s.Journal[3].Reference = "OTHER" }, Failed},
		"the recovery was abandoned":            {(*person).recorded, func(s *Seen) { s.Journal[3].Kind = abandoned }, Failed},
		"everybody was told":                    {(*person).told, func(*Seen) {}, Held},
		"somebody was not told":                 {(*person).told, func(s *Seen) { s.Notices = []string{"recovery-done"} }, Failed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := whole()
				c.change(&s)
				p := &person{operator: &observer{seen: []Seen{s}}, reference: "REF", old: []string{"old"}}
				seen, err := c.do(p, t.Context())
				if step := StepOf("x", seen, err); step.Outcome != c.want || step.Seen == "" {
					t.Errorf("%+v", step)
				}
			})
		})
	}
}

func TestWhatCannotBeSeenIsNotHeld(t *testing.T) {
	for name, do := range map[string]func(*person, context.Context) (string, error){
		"old": (*person).oldEnded, "journal": (*person).recorded, "notices": (*person).told,
	} {
		p := &person{operator: &observer{seen: []Seen{whole()}, err: errors.New("away")}, reference: "REF", old: []string{"old"}}
		seen, err := do(p, t.Context())
		if step := StepOf("x", seen, err); step.Outcome != Untold {
			t.Errorf("%s: %+v", name, step)
		}
	}
}

func TestWhatComesLateIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		early := whole()
		early.Journal = early.Journal[:3]
		p := &person{operator: &observer{seen: []Seen{early, early, whole()}}, reference: "REF"}
		if _, err := p.recorded(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestWithoutASessionBeforeNothingIsSaidOfItsEnd(t *testing.T) {
	_, err := (&person{}).oldEnded(t.Context())
	if step := StepOf("x", "", err); step.Outcome != Skipped {
		t.Errorf("%+v", step)
	}
}

func TestOnlyTheGatewaysOwnAddressesAreItsOwn(t *testing.T) {
	issuer, err := url.Parse("https://id.example.com/recovery")
	must(t, err)
	p := &person{issuer: issuer}
	for address, want := range map[string]bool{
		"https://id.example.com/recovery": true, "https://id.example.com/recovery/oidc/authorize?x": true,
		"https://id.example.com/recovery2": false, "https://id.example.com/": false, "http://id.example.com/recovery": false, "https://id.example.com.evil/recovery": false,
	} {
		u, err := url.Parse(address)
		must(t, err)
		if p.ours(u) != want {
			t.Errorf("%s: %v", address, !want)
		}
	}
}

func TestAPageIsReadAsABrowserWould(t *testing.T) {
	at, err := url.Parse("https://id.example.com/realms/acme/x")
	must(t, err)
	p := readPage(at, 200, `<title> Sign in </title><style>no</style><a href="/realms/acme/login-actions/reset-credentials?tab_id=1&amp;x=2">Forgot?</a>
		<form action="/search"><input name=q></form>
		<form method=post action="/login?x=1"><input type=hidden name=csrf value=t><input name=username value=""><input type=password name=password>
		<input type=checkbox name=remember value=1><button name=method value=password>Go</button></form>`)
	f, ok := p.signIn()
	if !ok || f.name != "username" || f.password != "password" || f.values.Get("csrf") != "t" || f.values.Get("method") != "password" || f.values.Has("remember") {
		t.Errorf("%+v", f)
	}
	if p.title != "Sign in" || p.link("/login-actions/reset-credentials") != "/realms/acme/login-actions/reset-credentials?tab_id=1&x=2" || strings.Contains(p.text, "no") {
		t.Errorf("%+v", p)
	}
	if _, ok := p.leadingTo("/search"); ok {
		t.Error("a search is taken for a form that changes something")
	}
}

func TestAStepSaysWhatItsErrorMeans(t *testing.T) {
	for want, err := range map[Outcome]error{
		Held: nil, Skipped: skipped("no"), Failed: failed("mend", "seen"), Untold: &untold{"seen", "mend", nil},
	} {
		if step := StepOf("x", "seen", err); step.Outcome != want {
			t.Errorf("%v: %+v", err, step)
		}
	}
	if step := StepOf("x", "", errors.New("whatever")); step.Outcome != Untold || step.Mend == "" {
		t.Errorf("%+v", step)
	}
}
