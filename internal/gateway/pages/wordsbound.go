package pages

import "time"

// Bound is an authenticator that was added.
type Bound struct {
	Method, Label string
	At            time.Time
	EffectiveAt   time.Time // from then on it recovers
	Details       []Fact
	Advice        Advice
	SignedOut     bool // since it took the place of another one
	List          Link
}

// Added says what came of an enrolment, and what to do next.
func Added(b Bound) Page {
	name := b.Label
	if name == "" {
		name = MethodWords(b.Method)
	}
	p := Page{
		Title: "It was added: " + MethodWords(b.Method),
		Facts: append([]Fact{{"Name", name}, {"Can be used from", moment(b.EffectiveAt, "")}}, b.Details...),
		Steps: b.next(),
		Way:   &b.List,
	}
	if !b.EffectiveAt.After(b.At) {
		p.Text = []string{"It counts for recovery at once."}
		return p
	}
	p.Text = []string{"It counts for recovery from the time below on. Until then it is on probation, and you are told of it at every address of yours, so that nobody adds one behind your back."}
	if b.Advice.Later {
		p.Text = append(p.Text, untilLater)
	}
	return p
}

// AddedCodes is the sheet of a set of codes, with what to do next.
func AddedCodes(s Sheet, b Bound) Page {
	p := CodeSheet(s)
	p.Steps, p.Way = b.next(), &b.List
	return p
}

// next is what to do after adding one.
func (b Bound) next() []Step {
	rehearse := Step{Text: "Rehearse it: begin a recovery that only rehearses, and prove yourself with it, and with what else you are asked for. Nothing changes then, and you know that it works."}
	var steps []Step
	switch b.Advice.Kind {
	case "not-enough":
		steps = []Step{{Text: "It is not enough yet to recover your account. " + b.Advice.next()}, rehearse}
	case "one-way":
		steps = []Step{rehearse, {Text: "One loss more can still lock you out. " + b.Advice.next()}}
	default:
		steps = []Step{rehearse}
	}
	if b.SignedOut {
		steps = append(steps, Step{Text: "You are signed out here, since what you had before has ended. Sign in again to change anything else."})
	}
	return steps
}

// EnrolmentOver says that an enrolment cannot be finished any more.
func EnrolmentOver(list Link) Page {
	return Page{
		Title: "This page has served its time",
		Text:  []string{"What was begun here is finished, is older than ten minutes, or belongs to another sign-in. Nothing was changed just now. Look at your list, and begin again if it is not there."},
		Way:   &list,
	}
}

// BoundBefore says that an authenticator is in use, or was once.
func BoundBefore(list Link) Page {
	return Page{
		Title: "It is known already",
		Text:  []string{"This key was added before, to this account or to another one, or was removed. A key is used for one account, once. Nothing was added; make a new key."},
		Way:   &list,
	}
}

// AccountFull says that there is no room for another one.
func AccountFull(list Link) Page {
	return Page{
		Title: "The account is full",
		Text:  []string{"The account has as many recovery methods as it can have. Nothing was added. Remove one that you no longer need, and try again."},
		Way:   &list,
	}
}

// TooOften says that too many were added a short time ago.
func TooOften(list Link) Page {
	return Page{
		Title: "Too many additions",
		Text: []string{
			"Twenty recovery methods were added to the account in the last 24 hours, and there can be no more. Nothing was added now. Try again tomorrow.",
			"You were told of each. If it was not you who added them, change what you sign in with, and tell your help desk at once.",
		},
		Way: &list,
	}
}

// NotAccepted says why nothing was added, and what to do. reason is one of the words of attest.
func NotAccepted(method, reason string) string { return "Nothing was added. " + why(method, reason) }

func why(method, reason string) string {
	if method == "passphrase" {
		if reason == "policy" {
			return "This passphrase is easy to guess. Choose more words, or more unusual ones."
		}
		return "The passphrase is too short, too long, or has a character that passphrases cannot have."
	}
	switch reason {
	case "malformed":
		return "What was sent could not be read. Send all of it, with its first and its last line, and nothing else."
	case "signature":
		return "The signature is not this key's, or not over the text below, which is new. Sign it once more with the key that you add."
	case "purpose":
		return "The signature was made for something else. Use the command below exactly as it stands."
	case "key", "unsupported":
		return "This kind of key is not taken here. Use another one."
	case "presence":
		return "The key has to ask for your fingerprint, face, PIN or touch. Use one that does."
	case "policy", "untrusted", "revoked", "expired":
		return "This device or key is of a kind that is not accepted here. Use another one."
	default:
		return "It was not accepted. Try again, or add another method."
	}
}

// What is wrong with a form before anything is verified.
const (
	PassphrasesDiffer = "Nothing was added. The two passphrases are not the same. Enter the same one twice."
	LabelUnusable     = "Nothing was added. The name is too long, or has characters that cannot be shown. Use up to 64 letters, digits and signs."
	PasskeyMissing    = "Nothing was added, for the browser sent no passkey. Passkeys need JavaScript; the other methods work without."
)
