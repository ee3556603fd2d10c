package pages

import (
	"strings"
	"testing"
	"time"
)

func TestOwnersAreToldHowTheyStandAndWhatToDo(t *testing.T) {
	both := []string{"passkey", "recovery-code"}
	for name, c := range map[string]struct {
		advice Advice
		said   []string
		unsaid string
	}{
		"nothing":             {Advice{Kind: "nothing-bound", Add: []string{"passkey"}}, []string{"Nothing can recover your account yet", "Add this now, while you are signed in: Passkey."}, "is enough to recover"},
		"nothing, none alone": {Advice{Kind: "nothing-bound"}, []string{"No single method mends that", "what has to go with it"}, "is enough to recover"},
		"not enough":          {Advice{Kind: "not-enough", Add: both}, []string{"is not enough to recover your account", "Passkey, or Recovery codes."}, "is enough to recover"},
		"one way":             {Advice{Kind: "one-way", Add: both}, []string{"but only just", "Add one more, and keep it in another place: Passkey, or Recovery codes."}, "is not enough to recover"},
		"one way, none mends": {Advice{Kind: "one-way"}, []string{"Keep each in a place of its own."}, "Add one"},
		"one way, not yet":    {Advice{Kind: "one-way", Add: both, Later: true}, []string{"Until what is new counts, nothing can recover your account"}, "most of your recovery codes"},
		"fine":                {Advice{}, []string{"also if you lose any one of these too"}, "Until what"},
		"fine, but few codes": {Advice{FewCodes: true}, []string{"also if you lose any one of these too", "most of your recovery codes"}, "Until what"},
		"one way, with few":   {Advice{Kind: "one-way", FewCodes: true}, []string{"but only just", "most of your recovery codes"}, "Until what"},
	} {
		body := write(t, Authenticators(Owner{}, c.advice, nil, nil, Form{Action: "/x"})).Body.String()
		for _, said := range c.said {
			if !strings.Contains(body, said) {
				t.Errorf("%s: does not say %q", name, said)
			}
		}
		if strings.Contains(body, c.unsaid) {
			t.Errorf("%s: says %q", name, c.unsaid)
		}
	}
}

func TestOnlyWhatIsEnoughAloneIsSaidToRecover(t *testing.T) {
	const alone, beside = "can recover your account", "counts for recovery, but is not enough alone"
	for standing, words := range map[string]string{"usable": "", "probation": "new; from 2 January 2026, 03:04 UTC on it "} {
		a := Authenticator{Standing: standing, EffectiveAt: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)}
		if got := standingWords(a); got != words+beside {
			t.Errorf("%s, not enough alone: %q", standing, got)
		}
		a.Alone = true
		if got := standingWords(a); got != words+alone {
			t.Errorf("%s, enough alone: %q", standing, got)
		}
	}
	for _, standing := range []string{"awaited", "disabled", "expired", "unsupported", "another"} {
		if got := standingWords(Authenticator{Standing: standing, Alone: true}); strings.Contains(got, alone) {
			t.Errorf("%s: %q", standing, got)
		}
	}
}

func TestAfterAddingOnePeopleAreToldWhatIsMissing(t *testing.T) {
	for kind, said := range map[string]string{
		"not-enough": "It is not enough yet to recover your account. Add this now, while you are signed in: SSH key.",
		"one-way":    "One loss more can still lock you out. Add one more, and keep it in another place: SSH key.",
	} {
		steps := Bound{Advice: Advice{Kind: kind, Add: []string{"ssh-key"}}}.next()
		if len(steps) != 2 || steps[0].Text != said && steps[1].Text != said {
			t.Errorf("%s: %+v", kind, steps)
		}
	}
	if steps := (Bound{}).next(); len(steps) != 1 || !strings.HasPrefix(steps[0].Text, "Rehearse it") {
		t.Errorf("%+v", steps)
	}
}
