package kratos

import (
	"strings"
	"testing"
)

func withHash(hash string) identity {
	return identity{Credentials: map[string]credential{"password": {Config: []byte(`{"hashed_password":"` + hash + `"}`)}}}
}

func TestAnotherHashOfTheSamePasswordIsNoNewOne(t *testing.T) {
	bcrypt, another, argon := withHash("$2a$04$aaaa"), withHash("$2a$04$bbbb"), withHash("$argon2id$v=19$m=1$c$d")
	imported, none := withHash("{SSHA}eHg"), identity{Credentials: map[string]credential{"password": {}}}
	elsewhere := identity{Credentials: map[string]credential{"password": {Config: []byte(`{"use_password_migration_hook":true}`)}}}
	for _, c := range []struct {
		name             string
		then, now        identity
		quiet, afterward bool // whether it is a new one if nobody signed in, and if somebody did
	}{
		{"the same", bcrypt, bcrypt, false, false},
		{"another", bcrypt, another, true, true},
		{"removed", bcrypt, none, false, false},
		{"never had one", none, none, false, false},
		{"the first one", none, bcrypt, true, false},
		{"of another kind", argon, bcrypt, true, false},
		{"an imported one", imported, argon, true, false},
		{"kept elsewhere", elsewhere, argon, true, false},
	} {
		then := tagOf("s").passwordThen(session{Devices: []device{{"a browser"}, {tagOf("s").userAgent(c.then.password())}}})
		if got := isNewPassword(then, c.now.password(), false); got != c.quiet {
			t.Errorf("%s, and nobody signed in: %v", c.name, got)
		}
		if got := isNewPassword(then, c.now.password(), true); got != c.afterward {
			t.Errorf("%s, and somebody signed in: %v", c.name, got)
		}
	}
}

// The name of a device is shown to people, and other servers cut it.
func TestATagTellsNothingOfThePasswordAndIsShort(t *testing.T) {
	const hash = "$argon2id$v=19$m=65536,t=1,p=2$c2FsdHNhbHQ$aGFzaGhhc2g"
	text := tagOf("subject").userAgent(withHash(hash).password())
	if strings.Contains(text, "c2FsdHNhbHQ") || strings.Contains(text, "aGFzaGhhc2g") || strings.Contains(text, "subject") || len(text) > 128 {
		t.Errorf("%q", text)
	}
}

func TestASessionIsTheRecoverysOnlyIfACodeMadeIt(t *testing.T) {
	ours := session{Methods: []method{{Method: "code_recovery"}}, Devices: []device{{tagOf("s").userAgent("p")}}}
	if !ours.of(tagOf("s")) || !ours.recovered() {
		t.Error("the recovery's own")
	}
	for name, change := range map[string]func(*session){
		"another recovery":   func(s *session) { s.Devices = []device{{tagOf("t").userAgent("p")}} },
		"a browser":          func(s *session) { s.Devices = []device{{"Mozilla/5.0"}} },
		"a longer tag":       func(s *session) { s.Devices = []device{{strings.TrimSpace(tagOf("s").prefix()) + "x p"}} },
		"no device":          func(s *session) { s.Devices = nil },
		"signed in":          func(s *session) { s.Methods = []method{{Method: "password"}} },
		"signed in, earlier": func(s *session) { s.Methods = []method{{Method: "password"}, {Method: "code_recovery"}} },
		"no method":          func(s *session) { s.Methods = nil },
	} {
		other := ours
		if change(&other); other.of(tagOf("s")) {
			t.Errorf("%s: taken for the recovery's", name)
		}
	}
}
