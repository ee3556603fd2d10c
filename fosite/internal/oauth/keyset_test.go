package oauth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"
)

func newKey(t *testing.T, id string) Key {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return Key{ID: id, Private: private}
}

func TestKeySourceFollowsARotation(t *testing.T) {
	first, second := newKey(t, "first"), newKey(t, "second")
	keys := []Key{first}
	s, err := NewKeySource(func() []Key { return keys })
	if err != nil {
		t.Fatal(err)
	}
	before := s.Now()
	if s.Now() != before {
		t.Error("one set was made ready twice")
	}
	keys = []Key{second, first}
	after := s.Now()
	if len(after.Public()) != 2 || after.Keys[0].ID != "second" || !strings.Contains(string(after.JWKS()), "first") {
		t.Errorf("got %+v, %s", after.Keys, after.JWKS())
	}
	keys = []Key{second}
	if _, there := s.Now().Public()["first"]; there || strings.Contains(string(s.Now().JWKS()), "first") {
		t.Error("a removed key is still there")
	}
	keys = []Key{{ID: "second", Private: first.Private}}
	if s.Now().Public()["second"].Equal(second.Private.Public()) {
		t.Error("another key under the same identifier was not seen")
	}
}

// A set that breaks the rules signs, verifies and publishes nothing.
func TestKeySourceFailsClosed(t *testing.T) {
	good := newKey(t, "good")
	keys := []Key{good}
	s, err := NewKeySource(func() []Key { return keys })
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]Key{"none": nil, "identifier twice": {good, good}, "no private half": {{ID: "x"}}} {
		keys = bad
		set := s.Now()
		if _, err := set.Sign("JWT", struct{}{}); err == nil || len(set.Public()) != 0 || string(set.JWKS()) != `{"keys":[]}` {
			t.Errorf("%s: got %s, %v", name, set.JWKS(), err)
		}
		if _, err := NewKeySource(func() []Key { return bad }); err == nil {
			t.Errorf("%s: taken at the start", name)
		}
	}
	if _, err := NewKeySource(nil); err == nil {
		t.Error("no function is taken")
	}
}
