package caddymodule

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/caddyserver/caddy/v2"
)

// The checks of this file are pure. They run on each line of a Caddyfile, so that
// the line is known, and again in Provision for JSON. Values with placeholders
// are left for Provision, which has replaced them.

const (
	defaultPath = "/recovery"
	minSecret   = 32 // characters; a random one of that length has at least 128 bits
	maxWord     = 128
)

var (
	pathPattern = regexp.MustCompile(`^(/[A-Za-z0-9][A-Za-z0-9._~-]*)+$`)
	hostPattern = regexp.MustCompile(`^([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?$`)
	wordPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._~-]*$`)
)

// checkValues checks the values that are given.
func (a *App) checkValues() error {
	return firstError(checkIssuer(a.Issuer), checkPath(a.Path), a.checkSeats(), a.checkKeys(),
		a.checkClients(), a.checkDownloads(), a.Throttle.check(), a.checkEachMethod())
}

// checkWhole checks that nothing is missing and nothing is there twice.
func (a *App) checkWhole() error {
	switch {
	case a.Issuer == "":
		return errors.New("issuer is missing: write the origin people use, such as 'issuer https://id.example.com'")
	case len(a.UpstreamsRaw) == 0:
		return errors.New("upstream is missing: write 'upstream keycloak URL { ... }' or 'upstream oidc URL { ... }'")
	case len(a.MethodsRaw) == 0:
		return errors.New("no method to prove oneself: write 'method passkey', or 'method device_certificate' and 'method recovery_code'. " +
			"NIST SP 800-63B-4 section 4.2.1 knows four kinds: saved codes, issued codes, recovery contacts and repeated proofing; all else is a bound authenticator or needs a risk_analysis")
	case len(a.NotifiersRaw) == 0:
		return errors.New("nobody would be told of a recovery: write 'notify webhook URL { secret SECRET }', because the owner of an account is told of every recovery")
	}
	return a.checkMethods()
}

func checkIssuer(s string) error {
	if s == "" || hasPlaceholder(s) {
		return nil
	}
	_, err := parseOrigin(s)
	return err
}

func checkPath(s string) error {
	if s == "" || hasPlaceholder(s) || len(s) <= maxWord && pathPattern.MatchString(s) {
		return nil
	}
	return fmt.Errorf("path %q is not usable: write one such as /recovery, without a slash at the end", s)
}

// parseOrigin checks that s is an HTTPS origin in its one canonical form, since
// it is compared byte by byte with what proofs are bound to.
func parseOrigin(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.String() != "https://"+u.Host || !hostPattern.MatchString(u.Host) || u.Port() == "443" {
		return nil, fmt.Errorf("issuer %q is not an origin: write https, a host in lower case and, unless it is 443, a port, such as https://id.example.com; a path follows after a space", s)
	}
	return u, nil
}

// checkURL checks that s is a plain http or https URL, free of credentials,
// query and fragment.
func checkURL(name, s string) error {
	if s == "" || hasPlaceholder(s) {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.Opaque != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return fmt.Errorf("%s %q is not usable: write a URL such as http://127.0.0.1:8080, without user, query or fragment", name, s)
	}
	return nil
}

// checkSecret refuses a secret that can be guessed.
func checkSecret(name, s string) error {
	if s == "" || hasPlaceholder(s) || len(s) >= minSecret {
		return nil
	}
	return fmt.Errorf("%s is too short: use at least %d random characters, best from a file as {file./path}", name, minSecret)
}

// checkWord checks a name that becomes part of URLs and keys.
func checkWord(name, s string) error {
	if s == "" || hasPlaceholder(s) || (len(s) <= maxWord && wordPattern.MatchString(s)) {
		return nil
	}
	return fmt.Errorf("%s %q is not usable: write letters, digits and ._~- only", name, s)
}

// checkReference checks the reference of a risk analysis.
func checkReference(s string) error {
	if s == "" || len(s) > maxWord || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return errors.New("risk_analysis needs the reference of the document that accepts the risk, such as 'risk_analysis RA-2026-014'")
	}
	return nil
}

// checkOneOf checks a word that may be left out.
func checkOneOf(option, value string, words ...string) error {
	if value == "" || hasPlaceholder(value) || slices.Contains(words, value) {
		return nil
	}
	last := len(words) - 1
	return fmt.Errorf("%s %q is not known: write %s or %s", option, value, strings.Join(words[:last], ", "), words[last])
}

// hasPlaceholder tells whether a value waits for Provision.
func hasPlaceholder(s string) bool { return strings.Contains(s, "{") }

// expand replaces the placeholders in values, in place. An unknown or empty one
// is an error: a value that vanishes must not turn into a default.
func expand(values ...*string) error {
	replacer := caddy.NewReplacer()
	for _, v := range values {
		text, err := replacer.ReplaceOrErr(*v, true, true)
		if err != nil {
			return fmt.Errorf("replacing %q: %v", *v, err)
		}
		*v = text
	}
	return nil
}

// expandAll is expand for a list.
func expandAll(values []string) error {
	for i := range values {
		if err := expand(&values[i]); err != nil {
			return err
		}
	}
	return nil
}

// stateDir is the directory of Caddy's data that belongs to this issuer.
func stateDir(origin *url.URL) string {
	return filepath.Join(caddy.AppDataDir(), "regrant", strings.NewReplacer(":", "_", "[", "", "]", "").Replace(origin.Host))
}

// firstError returns the first of errs that is one.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
