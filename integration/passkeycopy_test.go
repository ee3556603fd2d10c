package integration

import (
	"slices"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/chromium"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/story"
)

func TestPasskeyOnACopiedAuthenticatorIsRefusedAndItsOwnerTold(t *testing.T) {
	s := surfing(t, env.Options{})
	original := s.holds(chromium.Authenticator{})
	s.binds()
	old := s.copied(original)
	s.rehearses(works)
	s.rehearses(works)
	fatal(t, original.SetPresent(false)) // nobody touches it, while the thief has his own
	clone := s.holds(chromium.Authenticator{})
	fatal(t, clone.Import(old))
	s.rehearses(refused)
	if _, told := s.e.Hook.Await(10*time.Second, func(n env.Notice) bool {
		return n.Type == "recovery-refused" && n.AccountID == story.Carol+"-0001" && slices.Contains(n.Identifiers, story.Carol+"@demo.example")
	}); !told {
		t.Error("the owner is not told that somebody has a copy")
	}
	fatal(t, clone.Remove())
	fatal(t, original.SetPresent(true))
	s.rehearses(works)
	s.wantRefusals("counter")
}
