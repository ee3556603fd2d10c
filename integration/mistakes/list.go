package mistakes

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// A Mistake is one thing that is wrong with a request.
type Mistake struct {
	Name string // as the documentation calls it, in Markdown
	// Why Regrant does not answer as Ory Hydra does, in Markdown; "" where both answer alike.
	Why string
	// Again says that the good request was sent before this one, and answered.
	Again bool

	change func(*Attempt)
}

// List is every mistake.
func List() []Mistake {
	return slices.Concat(claims(), ownClaims(), payloads(), headers(), algorithms(), tokens(), parameters(), bodies(), clients(), replays())
}

// ClientList is every mistake in the assertion that authenticates a client (RFC 7523 §2.2).
func ClientList() []Mistake {
	all := slices.Concat(names(), audiences(), times(), ids(), payloads(), headers(), algorithms(), tokens())
	all = slices.DeleteFunc(all, func(m Mistake) bool { return slices.Contains(noneOfAClient, m.Name) })
	for i, m := range all {
		all[i].Why = cmp.Or(whyOfAClient[m.Name], m.Why)
	}
	return all
}

func set(claim string, value any) func(*Attempt) {
	return func(a *Attempt) { a.claims[claim] = value }
}

// edit replaces a claim, or a time, by what it makes of the server.
func edit(claim string, value func(*Server) any) func(*Attempt) {
	return func(a *Attempt) { a.claims[claim] = value(a.server) }
}

// spell changes the text of a claim.
func spell(claim string, change func(string) string) func(*Attempt) {
	return func(a *Attempt) { a.claims[claim] = change(a.claims[claim].(string)) }
}

// move sets times of the claims, from now.
func move(times map[string]time.Duration) func(*Attempt) {
	return func(a *Attempt) {
		for claim, d := range times {
			a.claims[claim] = time.Now().Add(d).Unix()
		}
	}
}

func without(claim string) func(*Attempt) { return func(a *Attempt) { delete(a.claims, claim) } }

func head(member string, value any) func(*Attempt) {
	return func(a *Attempt) { a.header[member] = value }
}

func headless(member string) func(*Attempt) { return func(a *Attempt) { delete(a.header, member) } }

func headText(change func(string) string) func(*Attempt) {
	return func(a *Attempt) {
		a.texts = func(header, claims string) (string, string) { return change(header), claims }
	}
}

func claimsText(change func(string) string) func(*Attempt) {
	return func(a *Attempt) {
		a.texts = func(header, claims string) (string, string) { return header, change(claims) }
	}
}

func mangled(change func(string) string) func(*Attempt) {
	return func(a *Attempt) { a.token = change }
}

// also adds members at the end of an object in JSON.
func also(members string) func(string) string {
	return func(object string) string { return strings.TrimSuffix(object, "}") + "," + members + "}" }
}

func suffix(s string) func(string) string { return func(text string) string { return text + s } }
func prefix(s string) func(string) string { return func(text string) string { return s + text } }

// flip changes one letter of the part of a token.
func flip(part, at int) func(*Attempt) {
	return mangled(func(token string) string {
		parts := strings.Split(token, ".")
		letters := []byte(parts[part])
		if letters[at] == 'A' {
			letters[at] = 'B'
		} else {
			letters[at] = 'A'
		}
		parts[part] = string(letters)
		return strings.Join(parts, ".")
	})
}
