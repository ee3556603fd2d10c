package kratos

import (
	"net/url"
	"strings"
)

// What a person came from: an application that Kratos knows, or a login that
// Hydra has sent to Kratos.
const (
	returnTo       = "return_to"
	loginChallenge = "login_challenge"
)

// entryOf keeps what is needed to go on after a recovery of what Kratos was asked
// with.
func entryOf(query url.Values) string {
	kept := url.Values{}
	for _, name := range []string{returnTo, loginChallenge} {
		if value := query.Get(name); value != "" {
			kept.Set(name, value)
		}
	}
	return kept.Encode()
}

// target is where a browser with that entry goes when it is signed in; "": where
// Kratos sends everybody. Only whole addresses are one: what a browser makes of
// others is not what Kratos has judged.
//
// From Hydra, it goes to a login again: Kratos has Hydra's logins begin with the
// first factor, also in a session that stands.
func (a *Adapter) target(entry string) (to string, again bool) {
	came, err := url.ParseQuery(entry)
	if err != nil {
		return "", false
	}
	if challenge := came.Get(loginChallenge); challenge != "" {
		return a.login(url.Values{loginChallenge: {challenge}}), true
	}
	u, err := url.Parse(came.Get(returnTo))
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || strings.Contains(u.String(), `\`) {
		return "", false
	}
	return u.String(), false
}
