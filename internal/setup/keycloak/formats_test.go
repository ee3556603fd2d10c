package keycloak

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/regrant/regrant/internal/setup"
)

var update = flag.Bool("update", false, "write what is printed into the golden files")

func good() Options {
	return Options{
		URL: "http://127.0.0.1:8080", Realm: "acme", Origin: "https://id.example.com", Path: "/recovery", Alias: "regrant", Strict: true,
		ClientSecretFile: "/etc/regrant/keycloak.secret", BrokerSecretFile: "/etc/regrant/broker.secret", GrantSecretFile: "/etc/regrant/programs.secret",
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile("testdata/"+name, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is another one (write it with -update):\n%s", name, got)
	}
}

func TestTerraform(t *testing.T) {
	golden(t, "strict.tf", good().Terraform())
	golden(t, "grant.tf.diff", difference(good().Terraform(), granting().Terraform()))
}

// difference is what makes of one text the other: lines that go (-) and that come (+), each run after the numbers of the lines in
// both at which it begins.
func difference(from, to string) string {
	var out strings.Builder
	a, b := strings.Split(from, "\n"), strings.Split(to, "\n")
	same := true
	for i, j := 0, 0; i < len(a) || j < len(b); {
		was := same
		if same = i < len(a) && j < len(b) && a[i] == b[j]; same {
			i, j = i+1, j+1
			continue
		}
		if was {
			fmt.Fprintf(&out, "@ %d %d\n", i+1, j+1)
		}
		if i < len(a) && !slices.Contains(b[j:], a[i]) {
			fmt.Fprintf(&out, "-%s\n", a[i])
			i++
		} else {
			fmt.Fprintf(&out, "+%s\n", b[j])
			j++
		}
	}
	return out.String()
}

// granting gives programs tokens, too.
func granting() Options {
	o := good()
	o.UpstreamGrant = true
	return o
}

// Every reference in it leads to a block of it.
func TestTerraformRefersToWhatIsThere(t *testing.T) {
	text := granting().Terraform()
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \n[],", r) }) {
		parts := strings.Split(strings.TrimPrefix(word, "data."), ".")
		if !strings.HasPrefix(parts[0], "keycloak_") || len(parts) < 2 {
			continue
		}
		kind := "resource"
		if strings.HasPrefix(word, "data.") {
			kind = "data"
		}
		if block := kind + ` "` + parts[0] + `" "` + parts[1] + `" {`; strings.Count(text, block) != 1 {
			t.Errorf("%s: %d blocks %s", word, strings.Count(text, block), block)
		}
	}
}

func TestTerraformTakesNoTemplate(t *testing.T) {
	if got := quote(`a${b}%{c}"d`); got != `"a$${b}%%{c}\"d"` {
		t.Error(got)
	}
}

func TestRealmJSON(t *testing.T) {
	text, err := good().RealmJSON()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "strict.json", text)
	grant, err := granting().RealmJSON()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "grant.json.diff", difference(text, grant))
	var realm map[string]any
	if err := json.Unmarshal([]byte(text), &realm); err != nil {
		t.Fatal(err)
	}
	o := good()
	o.Strict = false
	if text, _ = o.RealmJSON(); strings.Contains(text, "resetCredentialsFlow") {
		t.Error("mode assist binds the reset flow")
	}
}

func TestALifeThatSomebodyHasSetStays(t *testing.T) {
	for _, c := range []struct{ have, want any }{{nil, shortLife}, {"", shortLife}, {"3600", nil}} {
		want, err := Options{Alias: "regrant"}.wantGrant(setup.State{"attributes." + lifespan: c.have})
		if err != nil || want["attributes."+lifespan] != c.want {
			t.Errorf("%v becomes %v, %v", c.have, want["attributes."+lifespan], err)
		}
	}
}
