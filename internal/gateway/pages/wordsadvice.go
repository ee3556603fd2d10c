package pages

import "strings"

// Advice is what an owner should do next.
type Advice struct {
	Kind     string   // nothing-bound, not-enough, one-way, or "": all is well
	Add      []string // methods of which any one mends it; empty: no single one does
	Later    bool     // what is bound is enough, but not before a probation ends
	FewCodes bool
}

// untilLater is said where nothing recovers before a probation ends.
const untilLater = "Until what is new counts, nothing can recover your account: do not lose what you sign in with."

// words say how the account stands, and what its owner should do.
func (a Advice) words() (text []string) {
	switch a.Kind {
	case "nothing-bound":
		text = []string{"Nothing can recover your account yet. If you lose what you sign in with, only your help desk can help. " + a.next()}
	case "one-way":
		text = []string{"What you have added is enough to recover your account, but only just: there is one of them without which the rest is not enough. If you lose that one too, only your help desk can help. " + a.next()}
	case "":
		text = []string{"What you have added is enough to recover your account when you have lost what you sign in with, also if you lose any one of these too. If one of them is not yours, remove it and tell your help desk."}
	default: // not-enough, and whatever this page does not know: nobody is told that he is safe by mistake
		text = []string{"What you have added is not enough to recover your account. If you lose what you sign in with, only your help desk can help. " + a.next()}
	}
	if a.Later {
		text = append(text, untilLater)
	}
	if a.FewCodes {
		text = append(text, "You have used most of your recovery codes. Make a new set; the old codes stop working then.")
	}
	return text
}

// next is what to add, in one or two sentences.
func (a Advice) next() string {
	switch {
	case a.Kind == "one-way" && len(a.Add) == 0:
		return "Keep each in a place of its own."
	case a.Kind == "one-way":
		return "Add one more, and keep it in another place: " + a.choice()
	case len(a.Add) == 0:
		return "No single method mends that. Add one; this page then says what has to go with it. If none can be added here, ask your help desk."
	default:
		return "Add this now, while you are signed in: " + a.choice()
	}
}

// choice names what can be added.
func (a Advice) choice() string {
	names := make([]string, len(a.Add))
	for i, m := range a.Add {
		names[i] = MethodWords(m)
	}
	return strings.Join(names, ", or ") + "."
}
