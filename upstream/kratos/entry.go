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
func (a *Adapter) target(entry string) string {
	came, err := url.ParseQuery(entry)
	if err != nil {
		return ""
	}
	if challenge := came.Get(loginChallenge); challenge != "" {
		// Kratos sees its session there and accepts the challenge itself.
		return a.cfg.PublicURL + "/self-service/login/browser?" + url.Values{loginChallenge: {challenge}}.Encode()
	}
	to, err := url.Parse(came.Get(returnTo))
	if err != nil || to.Scheme != "https" && to.Scheme != "http" || to.Host == "" || to.User != nil || strings.Contains(to.String(), `\`) {
		return ""
	}
	return to.String()
}
