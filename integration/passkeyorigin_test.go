package integration

import (
	"os"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/chromium"
	"github.com/regrant/regrant/integration/env"
)

// edits changes the Caddyfile and loads it.
func (s *surfer) edits(old, new string) {
	s.t.Helper()
	text, err := os.ReadFile(s.e.Caddyfile())
	fatal(s.t, err)
	changed := strings.Replace(string(text), old, new, 1)
	if changed == string(text) {
		s.t.Fatalf("%q is not in the Caddyfile", old)
	}
	fatal(s.t, os.WriteFile(s.e.Caddyfile(), []byte(changed), 0o600))
	fatal(s.t, s.e.Reload(s.t.Context()))
}

// Another service of the same host may ask for the passkeys of its RP ID, and gets answers to the challenges that it has fetched here.
func TestPasskeyUsedAtAnotherOriginIsNotEnoughAlone(t *testing.T) {
	s := surfing(t, env.Options{})
	s.holds(chromium.Authenticator{})
	s.binds()
	elsewhere := strings.Replace(s.e.App.URL, "127.0.0.1", "localhost", 1)
	relayed := func() {
		t.Helper()
		begun := s.begins()
		s.opens(elsewhere + "/callback")
		answer := s.answers(begun)
		s.begins()
		s.sends(begun.id, answer)
	}
	relayed()
	s.reads(refused)
	s.edits("method passkey {", "method passkey {\n origins "+elsewhere)
	relayed()
	s.reads("One more proof is needed")
	s.rehearses(works)
	s.wantRefusals("purpose")
}

func TestPasskeyMadeAtAnotherNameRecoversOverRelatedOrigins(t *testing.T) {
	const issuer, other = "id.example.test", "login.other.test"
	const related = "@related {\n host " + other + "\n path /.well-known/webauthn\n}\n" +
		"header @related Content-Type application/json\n" +
		"respond @related `\\{\"origins\":[\"https://" + issuer + ":{http.request.local.port}\"]\\}`\n"
	s := surfing(t, env.Options{
		Hosts: []string{issuer, other}, Site: related, Gateway: []string{strings.Replace(env.EveryMethod[0], "{", "{\n rp_id "+other, 1)},
	})
	d := s.holds(chromium.Authenticator{Platform: true})
	s.binds() // the gateway itself says that its origin is a related one
	if c := s.copied(d); c.RPID != other {
		t.Fatalf("the passkey is for %s", c.RPID)
	}
	s.edits("rp_id "+other, "rp_id "+issuer+" "+other)
	s.begins()
	s.clicks(`form[data-passkey=get] button`)
	s.reads("No passkey was used")
	s.clicks(`form[data-passkey=get] button[value="` + other + `"]`)
	s.reads(works)
	s.wantRefusals()
}
