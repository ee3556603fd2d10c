package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/secret"
	"github.com/regrant/regrant/internal/wire"
)

// secondID is the recovery_id of a recovery that waits for another proof.
const secondID = "r.second"

// moreGateway is what a gateway that wants a second proof knows.
type moreGateway struct {
	wants    string // method of the second proof; "": none is wanted
	restated func(*attest.Statement)
	ends     string // outcome of the second proof
	second   map[string]string
}

func (g *moreGateway) askMore(text string) (any, error) {
	st, err := attest.ParseStatement(text)
	if err != nil {
		return nil, err
	}
	st.Nonce[0]++
	if g.restated != nil {
		g.restated(&st)
	}
	return wire.AttestResponse{
		Outcome: wire.OutcomeMore, Reference: "ABCD2345", RecoveryID: secondID, Statement: st.Text(), ExpiresIn: 900,
		Nonce: base64.RawURLEncoding.EncodeToString(st.Nonce[:]), Methods: []wire.MethodOffer{{Method: g.wants}},
	}, nil
}

func (g *moreGateway) takeSecond(in wire.AttestRequest) (any, error) {
	if len(in.Evidence) != 1 || json.Unmarshal(in.Evidence[0], &g.second) != nil {
		return nil, errors.New("no second proof")
	}
	if g.ends == wire.OutcomeRehearsed {
		return wire.AttestResponse{Outcome: g.ends, Reference: "ABCD2345"}, nil
	}
	return wire.AttestResponse{
		Outcome: wire.OutcomeGranted, RecoveryToken: "recovery.token.jwt", ExpiresIn: 120, Reference: "ABCD2345", ReplacementCodes: []string{"FRESH-CODE"},
	}, nil
}

// printed is a recovery code that has no typo.
func printed(t *testing.T) string {
	t.Helper()
	keyed := func(parts ...[]byte) []byte {
		sum := sha256.Sum256(bytes.Join(parts, nil))
		return sum[:]
	}
	made, err := secret.NewCodes(keyed).Finish(attest.Enrolling{AccountID: "a", Random: rand.Reader, Now: time.Now()}, nil, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	return made.Shown[0]
}

func TestARecoveryCodeIsAskedForWhereTheDeviceIsNotEnough(t *testing.T) {
	p, code := enrolled(t), printed(t)
	p.wants = "recovery-code"
	p.in = strings.NewReader(code + "\n")
	r := p.recover("--yes", "--print-token")
	r.want(t, exitDone, "FRESH-CODE")
	if r.out != "recovery.token.jwt\n" || p.second["method"] != "recovery-code" || p.second["code"] != code {
		t.Errorf("standard output %q, second proof of method %q", r.out, p.second["method"])
	}
}

// A wrong proof would end the recovery, so a code with a typo is not sent.
func TestACodeWithATypoIsAskedForAgain(t *testing.T) {
	p, code := enrolled(t), printed(t)
	typo := "0" + code[1:]
	if code[0] == '0' {
		typo = "1" + code[1:]
	}
	p.wants = "recovery-code"
	p.in = strings.NewReader(typo + "\n" + code + "\n")
	p.recover("--yes", "--print-token").want(t, exitDone, "group")
	if p.second["code"] != code {
		t.Error("the code with the typo was sent")
	}
}

func TestWithoutACodeNothingIsSent(t *testing.T) {
	p := enrolled(t)
	p.wants = "recovery-code"
	p.in = strings.NewReader("")
	p.recover("--yes", "--print-token").want(t, exitRefused, "no recovery code")
	if p.second != nil {
		t.Error("a second proof was sent")
	}
}

func TestASecondStatementOfAnotherAccountIsNotAnswered(t *testing.T) {
	p := enrolled(t)
	p.wants = "recovery-code"
	p.in = strings.NewReader(printed(t) + "\n")
	p.restated = func(s *attest.Statement) { s.Account, _ = attest.ParseIdentifier("bob@example.com") }
	p.recover("--yes", "--print-token").want(t, exitMismatch, "")
	if p.second != nil {
		t.Error("a second proof was sent")
	}
}

func TestAProofThatCannotBeTypedHereEndsTheRecovery(t *testing.T) {
	p := enrolled(t)
	p.wants = "passkey"
	p.recover("--yes", "--print-token").want(t, exitRefused, "cannot be given here")
}

func TestARehearsalEndsWithoutABrowser(t *testing.T) {
	p := enrolled(t)
	p.wants, p.ends = "recovery-code", wire.OutcomeRehearsed
	p.in = strings.NewReader(printed(t) + "\n")
	p.recover("--yes", "--action", "rehearse").want(t, exitDone, "Recovery works")
	if routes := p.routes(); strings.Contains(routes, "/handoff") {
		t.Errorf("routes %q", routes)
	}
}
