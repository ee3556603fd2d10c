package integration

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/chromium"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/story"
)

const email = story.Carol + "@demo.example" // the second of her names

// namedIn are the credentials that a page asks for.
func (s *surfer) namedIn(a asked) (ids []string) {
	s.t.Helper()
	var options struct {
		Allow []struct {
			ID string `json:"id"`
		} `json:"allowCredentials"`
	}
	fatal(s.t, json.Unmarshal([]byte(a.options), &options))
	for _, c := range options.Allow {
		ids = append(ids, c.ID)
	}
	return ids
}

func surfingNamed(t *testing.T) *surfer {
	t.Helper()
	return surfing(t, env.Options{Gateway: []string{strings.Replace(env.EveryMethod[0], "{", "{\n allow_credentials", 1)}})
}

func TestSecurityKeyWithoutRoomForPasskeysRecoversWhereItIsNamed(t *testing.T) {
	s := surfingNamed(t)
	d := s.holds(chromium.Authenticator{NoDiscoverable: true})
	before := s.namedIn(s.beginsAs(story.Carol))
	s.binds()
	if s.copied(d).Discoverable {
		t.Fatal("the key has kept a passkey")
	}
	after := s.namedIn(s.beginsAs(story.Carol))
	fresh := slices.DeleteFunc(slices.Clone(after), func(id string) bool { return slices.Contains(before, id) })
	if len(before) != 8 || len(after) != 8 || len(fresh) != 1 {
		t.Errorf("named are %d, then %d, of which %d are new", len(before), len(after), len(fresh))
	}
	s.clicks(`form[data-passkey=get] button`)
	s.reads(works)
	if shared := s.namedIn(s.beginsAs(email)); slices.Contains(shared, fresh[0]) {
		t.Error("two names have a credential in common")
	}
	s.clicks(`form[data-passkey=get] button`)
	s.reads("No passkey was used")
	s.wantRefusals()
}

func TestPasskeyThatIsNotNamedIsFoundByTheBrowser(t *testing.T) {
	s := surfingNamed(t)
	d := s.holds(chromium.Authenticator{})
	s.binds()
	if !s.copied(d).Discoverable {
		t.Fatal("the key has kept no passkey")
	}
	s.beginsAs(email)
	s.clicks(`form[data-passkey=get] button`)
	s.reads("No passkey was used")
	s.clicks(`form[data-passkey=get] button[data-unnamed]`)
	s.reads(works)
	s.wantRefusals()
}

func TestSecurityKeyWithoutRoomForPasskeysIsNotBoundWhereNothingIsNamed(t *testing.T) {
	s := surfing(t, env.Options{})
	s.holds(chromium.Authenticator{NoDiscoverable: true})
	s.signsIn()
	s.clicks(`form[action$="/passkey/begin"] button`)
	s.reads("Finish before")
	s.clicks(`form[data-passkey=create] button`)
	s.reads("No passkey was used")
	s.begins()
	if evaluates[bool](s, `!!document.querySelector("button[data-unnamed]")`) {
		t.Error("a list is left out that there is not")
	}
}
