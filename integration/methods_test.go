package integration

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
)

var methods = []attest.Method{
	attest.MethodPasskey, attest.MethodDeviceCertificate, attest.MethodTPM, attest.MethodSSHKey,
	attest.MethodRecoveryKey, attest.MethodRecoveryCode, attest.MethodPassphrase,
}

// What the documents say a method is worth is what the program takes it for.
func TestTheTableOfMethodsIsTheProgramsOwn(t *testing.T) {
	var want strings.Builder
	row := func(names string, m attest.Method) {
		resists := map[bool]string{true: "yes", false: "no"}[m.CanResistRelay()]
		fmt.Fprintf(&want, "| %s | %s | %s | %d minutes |\n", names, m.Class(), resists, int(m.MaxAge().Minutes()))
	}
	for _, m := range methods {
		row(fmt.Sprintf("`%s` | `%s`", strings.ReplaceAll(string(m), "-", "_"), m), m)
	}
	row("any other | its name, with hyphens", "voucher")
	text, err := os.ReadFile("../docs/methods.md")
	fatal(t, err)
	if !strings.Contains(string(text), "|---|---|---|---|---|\n"+want.String()+"\n") {
		t.Errorf("docs/methods.md does not have exactly these rows:\n%s", &want)
	}
}

// All that can be configured is in the table, and the other way round.
func TestTheTableOfMethodsIsWhole(t *testing.T) {
	w := newWorkshop(t)
	said, ok := w.caddy("validate", "--config", w.write("{\n\tregrant {\n\t\tmethod none\n\t}\n}\n"), "--adapter", "caddyfile")
	_, list, _ := strings.Cut(said, "use one of ")
	list, _, _ = strings.Cut(list, ", at /")
	known := strings.Split(list, ", ")
	var want []string
	for _, m := range methods {
		want = append(want, strings.ReplaceAll(string(m), "-", "_"))
	}
	slices.Sort(known)
	slices.Sort(want)
	if ok || !slices.Equal(known, want) {
		t.Errorf("caddy knows %q, the table %q", known, want)
	}
}

func TestTheBuildOfAMethodOfOnesOwnIsTheOneOfTheMakefile(t *testing.T) {
	text, err := os.ReadFile("../docs/methods.md")
	fatal(t, err)
	readme, err := os.ReadFile("../README.md")
	fatal(t, err)
	ours := regexp.MustCompile("xcaddy build [^`\n]+").Find(readme)
	if want := string(ours) + " --with example.com/voucher=$PWD/" + "integration/" + guest + "\n"; !strings.Contains(string(text), want) {
		t.Errorf("docs/methods.md does not say %q", want)
	}
}
