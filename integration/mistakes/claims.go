package mistakes

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// claims are mistakes in what RFC 7523 §3 asks of an assertion.
func claims() []Mistake {
	return slices.Concat(names(), audiences(), times(), ids())
}

// anyOf is what can be wrong with every claim.
func anyOf(claim string, wrong any) []Mistake {
	return []Mistake{
		{Name: "no `" + claim + "`", change: without(claim)},
		{Name: "`" + claim + "` null", change: set(claim, nil)},
		{Name: "`" + claim + "` empty", change: set(claim, "")},
		{Name: fmt.Sprintf("`%s` of another type", claim), change: set(claim, wrong)},
		{Name: "`" + claim + "` twice", change: claimsText(func(text string) string {
			return `{"` + claim + `":"other",` + text[1:]
		})},
	}
}

func names() []Mistake {
	return slices.Concat(anyOf("iss", 7), []Mistake{
		{Name: "another `iss`", change: set("iss", "https://nobody.example")},
		{Name: "`iss` with a slash", change: spell("iss", suffix("/"))},
		{Name: "`iss` in upper case", change: spell("iss", strings.ToUpper)},
		{Name: "`iss` spelled `ISS`", change: func(a *Attempt) {
			a.claims["ISS"] = a.claims["iss"]
			delete(a.claims, "iss")
		}},
	}, anyOf("sub", []string{"a"}), []Mistake{
		{Name: "another `sub`", change: set("sub", "somebody-else")},
		{Name: "`sub` with a space", change: spell("sub", suffix(" "))},
		{Name: "`sub` of 5,000 letters", change: set("sub", strings.Repeat("a", 5000))},
	})
}

func audiences() []Mistake {
	return slices.Concat(anyOf("aud", 7), []Mistake{
		{Name: "another `aud`", change: set("aud", "https://other.example/token")},
		{Name: "`aud` the server's issuer", change: edit("aud", func(s *Server) any { return s.Issuer })},
		{Name: "`aud` with a slash", change: spell("aud", suffix("/"))},
		{Name: "`aud` with a query", change: spell("aud", suffix("?x"))},
		{Name: "`aud` in upper case", change: spell("aud", strings.ToUpper)},
		{Name: "`aud` a list of one", Why: oneForm, change: edit("aud", func(s *Server) any { return []string{s.TokenURL} })},
		{Name: "`aud` a list of two", Why: oneForm, change: edit("aud", func(s *Server) any { return []string{s.TokenURL, "https://other.example"} })},
		{Name: "`aud` a list of others", change: set("aud", []string{"https://other.example", "https://another.example"})},
		{Name: "`aud` an empty list", change: set("aud", []string{})},
	})
}

func times() []Mistake {
	const ten = 10 * 365 * 24 * time.Hour
	starts := anyOf("nbf", true)
	starts[0].Why, starts[1].Why = oneForm, oneForm // not there, or null
	return slices.Concat(anyOf("exp", "1e9"), anyOf("iat", []int{1}), starts, []Mistake{
		{Name: "`exp` a second ago", change: move(map[string]time.Duration{"exp": -time.Second})},
		{Name: "`exp` an hour ago", change: move(map[string]time.Duration{"iat": -time.Hour - time.Minute, "nbf": -time.Hour - time.Minute, "exp": -time.Hour})},
		{Name: "`exp` ten minutes after `iat`", change: move(map[string]time.Duration{"exp": 10 * time.Minute})},
		{Name: "`exp` in ten years", change: move(map[string]time.Duration{"exp": ten})},
		{Name: "`exp` beyond all numbers", change: set("exp", json.Number("1e300"))},
		{Name: "`exp` negative", change: set("exp", -1)},
		{Name: "`exp` with a fraction", Why: oneForm, change: fraction("exp")},
		{Name: "`exp` as a string of digits", change: digits("exp")},
		{Name: "`iat` in a minute", Why: ahead, change: move(map[string]time.Duration{"iat": time.Minute, "exp": 2 * time.Minute})},
		{Name: "`iat` in ten years", Why: ahead, change: move(map[string]time.Duration{"iat": ten, "exp": ten + time.Minute})},
		{Name: "`iat` six minutes ago", change: move(map[string]time.Duration{"iat": -6 * time.Minute, "exp": time.Minute, "auth_time": -7 * time.Minute})},
		{Name: "`iat` negative", change: set("iat", -1)},
		{Name: "`iat` with a fraction", Why: oneForm, change: fraction("iat")},
		{Name: "`iat` as a string of digits", change: digits("iat")},
		{Name: "`nbf` in a minute", change: move(map[string]time.Duration{"nbf": time.Minute})},
		{Name: "`nbf` as a string of digits", change: digits("nbf")},
	})
}

func fraction(claim string) func(*Attempt) {
	return func(a *Attempt) { a.claims[claim] = json.Number(fmt.Sprint(a.claims[claim]) + ".5") }
}

func digits(claim string) func(*Attempt) {
	return func(a *Attempt) { a.claims[claim] = fmt.Sprint(a.claims[claim]) }
}

func ids() []Mistake {
	return slices.Concat(anyOf("jti", 7), []Mistake{
		{Name: "`jti` too short to be random", Why: oneForm, change: edit("jti", func(*Server) any { return rand.Text()[:6] })},
		{Name: "`jti` of over 5,000 letters", Why: oneForm, change: edit("jti", func(*Server) any { return rand.Text() + strings.Repeat("a", 5000) })},
		{Name: "a `jti` that was never issued", Why: inRecord, change: edit("jti", func(*Server) any { return rand.Text() })},
	})
}

// ownClaims are mistakes in what a recovery token says besides.
func ownClaims() (list []Mistake) {
	for _, claim := range []string{"client_id", "txn", "cnf"} {
		list = append(list, Mistake{Name: "no `" + claim + "`", Why: bound, change: without(claim)})
	}
	for _, claim := range []string{"scope", "acr", "amr", "auth_time"} {
		list = append(list, Mistake{Name: "no `" + claim + "`", Why: oneForm, change: without(claim)})
	}
	return append(list,
		Mistake{Name: "`scope` of the assertion wider", Why: oneForm, change: spell("scope", suffix(" admin"))},
		Mistake{Name: "`client_id` of another client", Why: bound, change: edit("client_id", func(s *Server) any { return s.Other.ID })},
		Mistake{Name: "`txn` of another recovery", Why: bound, change: set("txn", "01J8ZC5V6Y0QK3M8T2R4W7XN9B")},
		Mistake{Name: "`cnf` of another key", Why: bound, change: set("cnf", map[string]string{"jkt": strings.Repeat("A", 43)})},
		Mistake{Name: "a claim that nobody knows", Why: oneForm, change: set("email", "alice@example.com")},
	)
}

// payloads are mistakes in how the claims are written.
func payloads() []Mistake {
	return []Mistake{
		{Name: "claims that are no JSON", change: claimsText(func(string) string { return "claims" })},
		{Name: "claims that are nothing", change: claimsText(func(string) string { return "" })},
		{Name: "claims in a list", change: claimsText(func(c string) string { return "[" + c + "]" })},
		{Name: "something after the claims", change: claimsText(suffix("{}"))},
		{Name: "a byte order mark before the claims", change: claimsText(prefix("\ufeff"))},
		{Name: "claims that are no UTF-8", Why: notUTF8, change: claimsText(also("\"x\":\"\xff\""))},
		{Name: "claims nested 9,000 deep", Why: deep, change: claimsText(also(`"x":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000)))},
	}
}
