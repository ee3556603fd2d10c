package pages

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Authenticator is one recovery method of an account, as its owner sees it.
type Authenticator struct {
	Label, Method, Standing                          string
	BoundAt, EffectiveAt, UsedAt, ProvenAt, NotAfter time.Time
	CodesLeft                                        string // of a set of codes
	Alone                                            bool   // it can be enough with nothing beside it
	Details                                          []Fact
	URL                                              string // of its own page
}

// Owner is whoever signed in to see and change them.
type Owner struct {
	Name  string
	Until time.Time // the session ends
}

// Authenticators lists the recovery methods of an account and what can be added, with what its owner should do. signOut ends the session.
func Authenticators(o Owner, advice Advice, list []Authenticator, add []Section, signOut Form) Page {
	signOut.Button, signOut.Quiet = "Sign out here", true
	p := Page{
		Title: "Your recovery methods",
		Text:  advice.words(),
		Facts: []Fact{{"Signed in as", o.Name}, {"Until", moment(o.Until, "")}},
		Form:  &signOut,
		After: "A device is enrolled with an activation code. Where none can be made here, your help desk or administrator gives you one.",
	}
	for _, a := range list {
		way := "See details, remove it, or report it lost: "
		if a.Standing == "awaited" {
			way = "Confirm it, or turn it away: "
		}
		p.Items = append(p.Items, Item{Name: a.Label, Facts: a.facts(), Way: &Link{way + a.Label, a.URL}})
	}
	p.Sections = add
	return p
}

func (a Authenticator) facts() []Fact {
	facts := []Fact{{"Kind", MethodWords(a.Method)}, {"State", standingWords(a)}, {"Added", moment(a.BoundAt, "")}}
	if a.CodesLeft != "" {
		facts = append(facts, Fact{"Codes left", a.CodesLeft})
	}
	facts = append(facts, Fact{"Last proved to work", moment(a.ProvenAt, "never")}, Fact{"Last used to recover", moment(a.UsedAt, "never")})
	return append(facts, Fact{"Valid until", moment(a.NotAfter, "removed")})
}

func standingWords(a Authenticator) string {
	switch a.Standing {
	case "usable":
		return a.worth()
	case "awaited":
		return "counts for nothing until you confirm it"
	case "probation":
		return "new; from " + moment(a.EffectiveAt, "") + " on it " + a.worth()
	case "disabled":
		return "switched off after too many wrong guesses; make a new one"
	case "expired":
		return "expired; add a new one"
	case "unsupported":
		return "counts for nothing: this kind is no longer accepted here"
	default:
		return "no longer valid"
	}
}

// worth is what it does once it counts.
func (a Authenticator) worth() string {
	if a.Alone {
		return "can recover your account"
	}
	return "counts for recovery, but is not enough alone"
}

// MethodWords is what a method is called before people.
func MethodWords(method string) string {
	switch method {
	case "passkey":
		return "Passkey"
	case "device-certificate":
		return "Device certificate"
	case "tpm":
		return "TPM of a device"
	case "ssh-key":
		return "SSH key"
	case "recovery-key":
		return "Recovery key"
	case "recovery-code":
		return "Recovery codes"
	case "passphrase":
		return "Recovery passphrase"
	default:
		return method
	}
}

// Manage is the page of one authenticator, from which it is removed or reported lost.
func Manage(a Authenticator, list Link, remove, lost Form) Page {
	remove.Button, lost.Button = "Remove it", "Report it lost"
	return Page{
		Title: a.Label,
		Facts: append(a.facts(), a.Details...),
		Sections: []Section{
			{
				Title: "Remove", Form: &remove,
				Text: []string{"It then never counts for recovery again. Recoveries that are under way stop, and you are signed out here. You are told of it."},
			},
			{
				Title: "Report lost", Form: &lost,
				Text: []string{"Do this at once if it is lost, or if somebody else may have it. It then never counts for recovery again, and recoveries that are under way stop. " +
					"A sign-in with whatever you still have is enough; each sign-in reports one."},
			},
		},
		Way: &list,
	}
}

// Removed says that an authenticator has ended, and with it the session.
func Removed(label string, lost bool, form Form) Page {
	p := SignIn(form)
	p.Title = "It was removed"
	if lost {
		p.Title = "It was reported lost"
	}
	p.Facts = []Fact{{"No longer counts for recovery", label}}
	p.Text = []string{"Recoveries that were under way have stopped, and you are signed out here. Sign in again to see what is left, and to add another one."}
	return p
}

// SessionOver says that nobody is signed in any more.
func SessionOver(form Form) Page {
	p := SignIn(form)
	p.Title = "You are no longer signed in here"
	p.Text = []string{"A sign-in is good for ten minutes, and ends when a recovery method is removed or replaced. Nothing was changed just now."}
	p.Form.Button = "Sign in again"
	return p
}

// SignInAgain says that a change needs another sign-in, which form begins.
func SignInAgain(why string, form Form) Page {
	form.Button = "Sign in again"
	return Page{Title: "This needs another sign-in", Text: []string{why, "Nothing was changed."}, Form: &form, LeadsOn: true}
}

// Quarantined says that the account was recovered a short time ago.
func Quarantined(list Link) Page {
	return Page{
		Title: "Not so soon after a recovery",
		Text: []string{
			"For seven days after a recovery, recovery methods change only with an older one that took no part in it, so that whoever recovers an account with something stolen cannot keep it. Nothing was changed.",
			"If you have such an older method, rehearse a recovery with it while you are signed in here, and try again. What was added since can be reported lost at any time.",
		},
		Way: &list,
	}
}

// Details are what an enrolment noted, in words; what has none is for the journal.
func Details(model string, noted map[string]string) (facts []Fact) {
	if model != "" {
		facts = append(facts, Fact{"Model", model})
	}
	for _, name := range slices.Sorted(maps.Keys(noted)) {
		if words, ok := detailWords[name]; ok {
			facts = append(facts, Fact{words, cmp.Or(valueWords[noted[name]], noted[name])})
		}
	}
	return facts
}

var valueWords = map[string]string{"true": "yes", "false": "no"}

var detailWords = map[string]string{
	"algorithm": "Algorithm", "key_fingerprint": "Fingerprint", "rp_id": "Made for", "backup_eligible": "Can be copied to other devices",
}
