package integration

import (
	"encoding/json"
	"testing"

	"github.com/regrant/regrant/integration/chromium"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/story"
)

func TestPasskeyIsBoundAndFindsItsAccountByItself(t *testing.T) {
	s := surfing(t, env.Options{})
	d := s.holds(chromium.Authenticator{Platform: true})
	s.binds()
	if c := s.copied(d); !c.Discoverable || c.RPID != "localhost" || len(c.UserHandle) == 0 {
		t.Errorf("discoverable %t, for %q, user handle %x", c.Discoverable, c.RPID, c.UserHandle)
	}
	var options struct {
		Allow []any `json:"allowCredentials"`
	}
	fatal(t, json.Unmarshal([]byte(s.begins().options), &options))
	if len(options.Allow) != 0 {
		t.Errorf("the page names %d credentials", len(options.Allow))
	}
	s.opens(s.e.Origin + "/")
	s.clicks(`form[action="/logout"] button`)
	s.reads("Forgot password?")
	s.opens(s.e.App.URL + "/")
	s.reads("Forgot password?")
	s.clicks(`a[href*="forgot"]`)
	s.reads("What happened?")
	s.fills(`[name=account]`, story.Carol+"@demo.example")
	s.clicks(`form[action$="/start"] button`)
	s.reads("Prove that the account is yours")
	s.clicks(`form[data-passkey=get] button`)
	s.reads("New password")
}

func TestPasskeyWhoseUserIsNotVerifiedRecoversNothing(t *testing.T) {
	s := surfing(t, env.Options{})
	d := s.holds(chromium.Authenticator{})
	s.binds()
	fatal(t, d.SetVerified(false))
	s.rehearses("No passkey was used")
	fatal(t, d.SetVerified(true))
	fatal(t, d.Break(chromium.Faults{NoUserVerified: true})) // the browser is none the wiser
	s.rehearses(refused)
	fatal(t, d.Break(chromium.Faults{}))
	s.rehearses(works)
	s.wantRefusals("presence")
}

func TestPasskeyThatCanSuddenlyBeBackedUpIsRefused(t *testing.T) {
	s := surfing(t, env.Options{})
	d := s.holds(chromium.Authenticator{})
	s.binds()
	s.rehearses(works)
	good := s.copied(d)
	flipped := good
	flipped.BackupEligible = true
	fatal(t, d.Import(flipped))
	s.rehearses(refused)
	good.Count = s.copied(d).Count
	fatal(t, d.Import(good))
	s.rehearses(works)
	s.wantRefusals("identity")
}

func TestPasskeysAnswerToAnotherRecoveryIsRefused(t *testing.T) {
	s := surfing(t, env.Options{})
	s.holds(chromium.Authenticator{})
	s.binds()
	first := s.begins()
	answer := s.answers(first)
	second := s.begins()
	s.sends(second.id, answer)
	s.reads(refused)
	s.begins()
	s.sends(first.id, answer) // where it belongs, it is good
	s.reads(works)
	s.wantRefusals("challenge")
}
