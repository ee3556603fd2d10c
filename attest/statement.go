package attest

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	statementTitle = "regrant recovery proof v1"
	statementTime  = "2006-01-02T15:04:05Z"
	maxIssuer      = 512 // bytes
)

// Statement is what a claimant signs. Each line ties the proof to one thing, so that it proves nothing anywhere else.
type Statement struct {
	Issuer    string       // the gateway's issuer URL: no use at another site
	Account   Identifier   // as typed, in canonical form: the text is the same for unknown accounts
	Actions   []Action     // as [ParseActions] returns them: no use for anything else
	Recovery  string       // public identifier, see [NewRecoveryID]: no use in another recovery
	Holder    string       // see [HolderOfSecret] and [HolderOfKey]: no use in other hands
	Requested time.Time    // when the recovery was asked for, in whole seconds
	Network   netip.Prefix // from where it was asked for, for the claimant to see
	Nonce     [32]byte     // fresh random bytes: no signature made beforehand
	Expires   time.Time    // in whole seconds
}

// Text returns the statement as it is signed: nine lines of UTF-8, each ended by a line feed.
func (s Statement) Text() string {
	var b strings.Builder
	b.WriteString(statementTitle + "\n")
	fmt.Fprintf(&b, "issuer: %s\n", s.Issuer)
	fmt.Fprintf(&b, "account: %s\n", s.Account)
	fmt.Fprintf(&b, "actions: %s\n", strings.Join(actionNames(s.Actions), " "))
	fmt.Fprintf(&b, "recovery: %s\n", s.Recovery)
	fmt.Fprintf(&b, "holder: %s\n", s.Holder)
	fmt.Fprintf(&b, "requested: %s from %s\n", s.Requested.UTC().Format(statementTime), s.Network)
	fmt.Fprintf(&b, "nonce: %s\n", b64.EncodeToString(s.Nonce[:]))
	fmt.Fprintf(&b, "expires: %s\n", s.Expires.UTC().Format(statementTime))
	return b.String()
}

// ParseStatement is the exact inverse of [Statement.Text]: what it accepts gives the same text again, byte for byte.
func ParseStatement(text string) (Statement, error) {
	v, err := splitStatement(text)
	if err != nil {
		return Statement{}, err
	}
	s := Statement{Issuer: v.issuer, Recovery: v.recovery, Holder: v.holder}
	if s.Account, err = ParseIdentifier(v.account); err != nil {
		return Statement{}, err
	}
	if s.Actions, err = ParseActions(strings.Split(v.actions, " ")); err != nil {
		return Statement{}, err
	}
	at, network, _ := strings.Cut(v.requested, " from ")
	if s.Requested, err = time.Parse(statementTime, at); err != nil {
		return Statement{}, errors.New("statement has no valid time of request")
	}
	if s.Network, err = netip.ParsePrefix(network); err != nil {
		return Statement{}, errors.New("statement has no valid network")
	}
	var ok bool
	if s.Nonce, ok = decode32(v.nonce); !ok {
		return Statement{}, errors.New("statement has no valid nonce")
	}
	if s.Expires, err = time.Parse(statementTime, v.expires); err != nil {
		return Statement{}, errors.New("statement has no valid time of expiry")
	}
	if err := s.check(); err != nil {
		return Statement{}, err
	}
	if s.Text() != text {
		return Statement{}, errors.New("statement is not in canonical form")
	}
	return s, nil
}

type statementValues struct{ issuer, account, actions, recovery, holder, requested, nonce, expires string }

// splitStatement takes the lines apart: exactly the nine, in their order.
func splitStatement(text string) (v statementValues, err error) {
	rest, ok := strings.CutPrefix(text, statementTitle+"\n")
	for _, line := range []struct {
		label string
		value *string
	}{
		{"issuer", &v.issuer},
		{"account", &v.account},
		{"actions", &v.actions},
		{"recovery", &v.recovery},
		{"holder", &v.holder},
		{"requested", &v.requested},
		{"nonce", &v.nonce},
		{"expires", &v.expires},
	} {
		var labelled, ended bool
		rest, labelled = strings.CutPrefix(rest, line.label+": ")
		*line.value, rest, ended = strings.Cut(rest, "\n")
		ok = ok && labelled && ended
	}
	if !ok || rest != "" {
		return statementValues{}, errors.New("statement does not have exactly its nine lines")
	}
	return v, nil
}

// check holds a statement against everything that its text promises, so that no value can smuggle in a line of its own.
func (s Statement) check() error {
	switch parsed, err := ParseActions(actionNames(s.Actions)); {
	case !isIssuer(s.Issuer):
		return errors.New("statement issuer is not an https URL without query and fragment")
	case s.Account == Identifier{}:
		return errors.New("statement names no account")
	case err != nil || !slices.Equal(parsed, s.Actions):
		return errors.New("statement actions are not a list that ParseActions returns")
	case !isRecoveryID(s.Recovery):
		return errors.New("statement names no recovery")
	case !isHash(s.Holder):
		return errors.New("statement names no holder")
	case !s.Network.IsValid() || s.Network != s.Network.Masked():
		return errors.New("statement names no network")
	case !s.Expires.After(s.Requested):
		return errors.New("statement expires before it was requested")
	}
	return nil
}

func isIssuer(s string) bool {
	if len(s) > maxIssuer {
		return false
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && !strings.ContainsAny(s, "?#")
}

func actionNames(list []Action) []string {
	names := make([]string, len(list))
	for i, a := range list {
		names[i] = string(a)
	}
	return names
}
