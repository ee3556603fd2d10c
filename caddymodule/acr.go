package caddymodule

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/regrant/regrant/upstream"
)

// SignIn is what a sign-in at the identity provider proves.
type SignIn struct {
	// The authentication assurance level (NIST SP 800-63B-4): 1, 2 or 3. Required.
	AAL int `json:"aal,omitempty"`

	// Whether such a sign-in cannot be phished, as with a passkey. Required for
	// level 3. Default: false.
	PhishingResistant bool `json:"phishing_resistant,omitempty"`
}

// signIns are they by their authentication context class (`acr`).
type signIns map[string]SignIn

// unmarshal reads one: 'acr <class> aal1|aal2|aal3 [phishing_resistant]'.
func (s *signIns) unmarshal(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) < 2 || len(args) > 3 || len(args) == 3 && args[2] != "phishing_resistant" {
		return d.Err("an acr needs what it proves: write 'acr CLASS aal2' or 'acr CLASS aal2 phishing_resistant'")
	}
	level := slices.Index([]string{"aal1", "aal2", "aal3"}, args[1]) + 1
	if level == 0 {
		return d.Errf("level '%s' is not known: write aal1, aal2 or aal3", args[1])
	}
	if _, there := (*s)[args[0]]; there {
		return d.Errf("acr '%s' is there twice: keep one", args[0])
	}
	if *s == nil {
		*s = signIns{}
	}
	(*s)[args[0]] = SignIn{AAL: level, PhishingResistant: len(args) == 3}
	return nil
}

// check checks the values that are given.
func (s signIns) check() error {
	for _, class := range slices.Sorted(maps.Keys(s)) {
		in := s[class]
		switch {
		case class == "" || len(class) > maxWord || strings.ContainsFunc(class, func(r rune) bool { return r <= ' ' || r > '~' }):
			return errors.New("an acr is a word of the identity provider's, such as 'acr gold aal2'") // the parameter acr_values parts them by spaces
		case hasPlaceholder(class):
			return fmt.Errorf("acr %q cannot be a placeholder: write the word itself", class)
		case in.AAL < 1 || in.AAL > 3:
			return fmt.Errorf("acr %q has the level %d: use 1, 2 or 3", class, in.AAL)
		case in.AAL == 3 && !in.PhishingResistant:
			return fmt.Errorf("acr %q cannot be phishable at level 3: write 'acr %s aal3 phishing_resistant', or aal2", class, class)
		}
	}
	return nil
}

// reach tells whether a sign-in of one of them proves level.
func (s signIns) reach(level upstream.AAL) bool {
	for _, in := range s {
		if in.AAL >= int(level) {
			return true
		}
	}
	return false
}

// assurances are they for the adapter.
func (s signIns) assurances() map[string]upstream.Assurance {
	out := make(map[string]upstream.Assurance, len(s))
	for class, in := range s {
		out[class] = upstream.Assurance{AAL: upstream.AAL(in.AAL), PhishingResistant: in.PhishingResistant} //nolint:gosec // 1 to 3, see check
	}
	return out
}
