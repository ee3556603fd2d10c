// Package canary looks for secrets in what somebody gets to see who should not: a store, a log, a page. It finds them however they are
// written: in base64 and hexadecimal, with signs escaped, in another case, and inside what is itself in base64. For tests.
package canary

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Secrets are canaries, by name. One of less than [Shortest] bytes is looked for only where it is written longer.
type Secrets map[string][]byte

// Shortest is how long a text must be to be found by itself and not by accident, in bytes.
const Shortest = 12

// nested is how often something may lie in base64 inside something in base64.
const nested = 4

// Code adds a recovery code: as it is printed, in one word, and what of it has to be known.
func (s Secrets) Code(name, text string) {
	word := strings.ReplaceAll(text, "-", "")
	var symbols string
	for i := 0; i+6 <= len(word); i += 6 { // the sixth of each group is its check character
		symbols += word[i : i+5]
	}
	s[name], s[name+" in one word"], s[name+" without check characters"] = []byte(text), []byte(word), []byte(symbols)
	s["verifier of "+name], s["verifier of "+name+" as printed"] = []byte(symbols[9:]), []byte(text[14:])
}

// Absent fails the test for each secret that is in data.
func (s Secrets) Absent(t testing.TB, where string, data []byte) {
	t.Helper()
	for _, name := range s.Found(data) {
		t.Errorf("%s is in %s", name, where)
	}
}

// Found names the secrets that are in data, in order.
func (s Secrets) Found(data []byte) []string {
	type needle struct{ name, text string }
	begin := map[[Shortest]byte][]needle{}
	for name, secret := range s {
		for _, text := range spellings(secret) {
			if len(text) >= Shortest {
				first := [Shortest]byte([]byte(text))
				begin[first] = append(begin[first], needle{name, text})
			}
		}
	}
	found := map[string]bool{}
	hay := lower(unfold(data, nested))
	for i := 0; i+Shortest <= len(hay); i++ {
		for _, n := range begin[[Shortest]byte(hay[i:])] {
			if bytes.HasPrefix(hay[i:], []byte(n.text)) {
				found[n.name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// spellings are how a secret may be written, as [lower] leaves them.
func spellings(secret []byte) (all []string) {
	quoted, _ := json.Marshal(string(secret)) // a string
	for _, text := range []string{
		string(secret), hex.EncodeToString(secret), url.QueryEscape(string(secret)), url.PathEscape(string(secret)), strings.Trim(string(quoted), `"`),
	} {
		all = append(all, string(lower([]byte(text))))
	}
	for before := range 3 { // where it begins in a longer text decides how it looks; what is shared with its neighbours is left out
		text := base64.StdEncoding.EncodeToString(append(make([]byte, before), secret...))
		from, to := []int{0, 2, 3}[before], len(text)-4
		if from < to {
			all = append(all, string(lower([]byte(text[from:to]))))
		}
	}
	return all
}

// lower makes one of what differs in case, or in the alphabet of base64.
func lower(text []byte) []byte {
	out := make([]byte, len(text))
	for i, b := range text {
		switch {
		case 'A' <= b && b <= 'Z':
			b += 'a' - 'A'
		case b == '-':
			b = '+'
		case b == '_':
			b = '/'
		}
		out[i] = b
	}
	return out
}

var coded = regexp.MustCompile(`[A-Za-z0-9+/_-]{16,}`)

// unfold is data, and whatever is in it in base64, and in that.
func unfold(data []byte, depth int) []byte {
	out := bytes.Clone(data)
	for _, run := range coded.FindAll(data, -1) {
		run = []byte(strings.NewReplacer("-", "+", "_", "/").Replace(string(run)))
		if inside, err := base64.RawStdEncoding.DecodeString(string(run)); err == nil && depth > 0 {
			out = append(append(out, '\n'), unfold(inside, depth-1)...)
		}
	}
	return out
}
