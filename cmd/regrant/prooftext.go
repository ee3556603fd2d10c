package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/regrant/regrant/attest"
)

// toSign is a text of the gateway that asks for a signature, understood.
type toSign struct {
	text      string
	issuer    string
	rows      [][2]string // what it says, for a person
	question  string
	requested time.Time // zero: it says nothing of time
	expires   time.Time
}

// readToSign understands a text that was carried here by hand. White space around it and other line ends are what files and forms
// do to a text; anything else before or behind it is refused.
func readToSign(text string, now time.Time) (*toSign, error) {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n")) + "\n"
	if strings.HasPrefix(text, "regrant enrolment ") {
		return readEnrolment(text)
	}
	s, err := attest.ParseStatement(text)
	if err != nil {
		return nil, unusable("Copy it again, all of it and nothing else.", "this is not a statement: %v", err)
	}
	what := make([]string, len(s.Actions))
	for i, a := range s.Actions {
		what[i] = inWords(a)
	}
	return &toSign{
		text: text, issuer: s.Issuer, requested: s.Requested, expires: s.Expires,
		question: "Did you start this recovery yourself, at that time, and shall it be signed?",
		rows: [][2]string{
			{"Recovery at", s.Issuer},
			{"Account", s.Account.String()},
			{"What happens", strings.Join(what, ", ")},
			{"Asked for", fmt.Sprintf("%s, %s, from the network %s", clock(s.Requested), distance(s.Requested, now), s.Network)},
			{"Ends", fmt.Sprintf("%s, %s", clock(s.Expires), distance(s.Expires, now))},
			{"Number", s.Recovery},
		},
	}, nil
}

// readEnrolment understands [attest.EnrolmentText].
func readEnrolment(text string) (*toSign, error) {
	issuer, rest, ok1 := cutLine(strings.TrimPrefix(text, "regrant enrolment v1\n"), "issuer: ")
	account, rest, ok2 := cutLine(rest, "account: ")
	method, rest, ok3 := cutLine(rest, "method: ")
	challenge, rest, ok4 := cutLine(rest, "challenge: ")
	var e attest.Enrolling
	n, err := base64.RawURLEncoding.Decode(e.Challenge[:], []byte(challenge[:min(len(challenge), 43)]))
	e.Issuer, e.Name = issuer, account
	if !ok1 || !ok2 || !ok3 || !ok4 || rest != "" || err != nil || n != len(e.Challenge) || attest.EnrolmentText(e, attest.Method(method)) != text {
		return nil, unusable("Copy it again, all of it and nothing else.", "this is not a text that enrols a key")
	}
	if method != string(attest.MethodRecoveryKey) {
		return nil, mismatch("the text would enrol a %s, not a recovery key", printable(method))
	}
	return &toSign{
		text: text, issuer: issuer, question: "Are you enrolling this key yourself, right now, and shall the text be signed?",
		rows: [][2]string{
			{"Enrolment at", printable(issuer)},
			{"Account", printable(account)},
			{"What happens", "from now on this key can recover the account"},
		},
	}, nil
}

// check refuses a text that should not be signed now.
func (s *toSign) check(k *recoveryKey, now time.Time) error {
	if !slices.Contains(k.issuers, s.issuer) {
		return mismatch("this key does not sign for %s, but for %s", printable(s.issuer), strings.Join(k.issuers, " and "))
	}
	switch {
	case s.requested.IsZero():
		return nil
	case s.requested.After(now.Add(maxSkew)):
		return mismatch("the statement was asked for in the future, at %s (check this machine's clock)", clock(s.requested))
	case s.expires.Sub(s.requested) > maxLifetime:
		return mismatch("the statement would be good for longer than %v", maxLifetime)
	case !s.expires.After(now):
		return &failure{exitRefused, "the statement ended at " + clock(s.expires), "Have the page show a new one, and check this machine's clock."}
	}
	return nil
}

// show prints the text in clear words.
func (s *toSign) show(w io.Writer) {
	for _, row := range s.rows {
		fmt.Fprintf(w, "  %-13s %s\n", row[0]+":", row[1])
	}
}

// words says what an action does.
var words = map[attest.Action]string{
	attest.ActionSignIn:         "you are signed in",
	attest.ActionResetPassword:  "the password is set anew",
	attest.ActionReplacePasskey: "the passkey is replaced",
	attest.ActionReplaceOTP:     "the one-time password device is replaced",
	attest.ActionRevokeSessions: "all other sessions end",
	attest.ActionRehearse:       "nothing changes, this is a rehearsal",
	attest.ActionVerifyCaller:   "the help desk learns that it is you",
}

func inWords(a attest.Action) string {
	if w := words[a]; w != "" {
		return w
	}
	return string(a)
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// distance is how far t is from now.
func distance(t, now time.Time) string {
	d := t.Sub(now).Round(time.Second)
	if d <= 0 {
		return (-d).String() + " ago"
	}
	return "in " + d.String()
}
