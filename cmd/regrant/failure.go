package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/regrant/regrant/internal/wire"
)

// The exit codes, as the help states them.
const (
	exitDone        = 0
	exitRefused     = 1
	exitUsage       = 2
	exitUnavailable = 3
	exitMismatch    = 4
)

const exitCodes = `Exit codes:
  0  done
  1  refused, by the gateway or by you
  2  the command line, or a file that it names, cannot be used
  3  could not tell: the gateway was not reached or not able to answer; try again
  4  the gateway answered with something other than what was asked, and that was neither signed nor used`

// failure is an error as a person meets it.
type failure struct {
	code    int
	problem string // what went wrong
	advice  string // what to do about it; may be empty
}

func (f *failure) Error() string { return f.problem }

// asFailure gives every error a code. All of our own are failures; the others are cobra's, about the command line.
func asFailure(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	return &failure{exitUsage, err.Error(), "See regrant --help."}
}

func unusable(advice, format string, args ...any) error {
	return &failure{exitUsage, fmt.Sprintf(format, args...), advice}
}

func mismatch(format string, args ...any) error {
	return &failure{
		exitMismatch, fmt.Sprintf(format, args...),
		"Do not go on. Tell whoever runs the gateway: somebody may stand between it and you.",
	}
}

// notReached puts an error of the network into words.
func notReached(issuer string, err error) error {
	f := &failure{exitUnavailable, fmt.Sprintf("%s was not reached: %v", issuer, err), "Try again in a moment."}
	if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
		f.advice = "If the gateway uses a private certificate authority, name its certificate with --ca-file."
	}
	return f
}

// refusals says for each code of the gateway what a person can do about it. Whatever is not here is no answer to the question.
var refusals = map[wire.ProblemCode]string{
	wire.ProblemRefused:          "The gateway does not say why. Whoever runs it can read the reason in its journal.",
	wire.ProblemRecoveryExpired:  "Start again.",
	wire.ProblemHolder:           "Check that this machine's clock is right.",
	wire.ProblemMalformed:        "Check what you typed; if it is right, gateway and program are of different versions.",
	wire.ProblemActionNotOffered: "Ask for fewer actions with --action.",
	wire.ProblemBound:            "It is or was enrolled already, here or for another account. A TPM is enrolled once, also if it was revoked since.",
	wire.ProblemQuarantine:       "The account was recovered less than seven days ago. Ask again when they are over.",
	wire.ProblemInvalidCode:      "Codes work once and for ten minutes. Ask for a new one.",
}

// refusedMembers says what was not accepted where a request is refused for one of its members.
var refusedMembers = map[string]struct{ title, advice string }{
	"/certificate_chain": {"The certificate was not accepted", "It must be valid, and come from a device CA that the gateway trusts. Ask whoever runs the gateway."},
	"/method":            {"The gateway enrols no TPMs", "Leave --tpm out, or ask whoever runs the gateway."},
	"/evidence": {"The TPM was not accepted", "The gateway must trust its maker, and the machine must be in the state that is demanded. " +
		"Whoever runs the gateway can read the reason in its journal."},
}

// fromProblem turns the gateway's answer into a failure. Only a code that we know is a refusal: a page of some proxy
// in between, or a gateway in trouble, told us nothing.
func fromProblem(p wire.Problem, status int) error {
	title := printable(p.Title)
	if title == "" {
		title = fmt.Sprintf("unexpected answer with status %d", status)
	}
	if p.Code() == wire.ProblemUseDPoPNonce {
		return errNonce
	}
	if advice, refused := refusals[p.Code()]; refused {
		if about, ok := refusedMembers[p.Member]; ok {
			title, advice = about.title, about.advice
		}
		return &failure{exitRefused, title, advice}
	}
	return &failure{exitUnavailable, title, "Try again in a moment."}
}

// errNonce says that the gateway wants the proof of possession with the nonce that it sent (RFC 9449 section 8).
var errNonce = &failure{exitUnavailable, "the gateway takes no proof of possession, also not with its own nonce", "Try again in a moment."}

// printable makes text from outside fit for a terminal: no escape sequences, one line, not too much of it.
func printable(s string) string {
	const most = 200
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
