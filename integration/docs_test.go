package integration

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/ory"
)

var (
	shell  = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")
	option = regexp.MustCompile(`--[a-z][a-z-]*`)
)

// pages are README.md and all of docs.
func pages(t *testing.T) (text []byte) {
	t.Helper()
	files, err := filepath.Glob("../docs/*.md")
	fatal(t, err)
	for _, file := range append(files, "../README.md") {
		page, err := os.ReadFile(file)
		fatal(t, err)
		text = append(text, page...)
	}
	return text
}

// The story runs these commands for real; this holds what is printed of them to what the programs take.
func TestEveryCommandInTheDocumentationIsOneThatExists(t *testing.T) {
	demand(t, ory.Missing(filepath.Join(bin, "hydra")))
	makefile, err := os.ReadFile("../Makefile")
	fatal(t, err)
	w, seen := newWorkshop(t), 0
	for _, block := range shell.FindAllStringSubmatch(string(pages(t)), -1) {
		for line := range strings.Lines(strings.ReplaceAll(block[1], "\\\n", "")) {
			command, _, _ := strings.Cut(line, "#")
			words := strings.Fields(command)
			if len(words) == 0 {
				continue
			}
			seen++
			switch words[0] {
			case "make":
				if !strings.Contains(string(makefile), "\n"+words[1]+":") {
					t.Errorf("%s: no such target", command)
				}
			case "caddy", "regrant", "hydra":
				takes(t, w, words)
			case "xcaddy": // the next test's
			default:
				t.Errorf("%s: nothing tests this command", command)
			}
		}
	}
	if seen < 20 {
		t.Fatalf("only %d commands found", seen)
	}
}

// takes checks subcommand and flags of a command line against the program's own help.
func takes(t *testing.T, w workshop, words []string) {
	t.Helper()
	var sub []string
	for _, word := range words[1:] {
		if strings.HasPrefix(word, "-") || strings.ContainsAny(word, "@") {
			break
		}
		sub = append(sub, word)
	}
	help, ok := w.program(words[0], append(sub, "--help")...)
	if !ok {
		t.Errorf("%v --help: %s", words[:1+len(sub)], help)
	}
	for _, f := range option.FindAllString(strings.Join(words, " "), -1) {
		if !strings.Contains(help, f) {
			t.Errorf("%v takes no %s", words[:1+len(sub)], f)
		}
	}
}

func TestTheBuildByHandIsTheOneOfTheMakefile(t *testing.T) {
	modules, err := os.ReadFile("../go.mod")
	fatal(t, err)
	version := regexp.MustCompile(`github.com/caddyserver/caddy/v2 (v\S+)`).FindSubmatch(modules)
	want := "xcaddy build " + string(version[1]) + " --with github.com/regrant/regrant/caddymodule --replace github.com/regrant/regrant=$PWD"
	said := bytes.Count(pages(t), []byte("xcaddy build "))
	if n := bytes.Count(pages(t), []byte(want)); n == 0 || n != said {
		t.Errorf("of %d builds by hand %d begin with %q", said, n, want)
	}
}

var testName = regexp.MustCompile("`(Test[A-Z]\\w+)`")

func TestEveryTestThatIsNamedExists(t *testing.T) {
	var code []byte
	for _, pattern := range []string{"../*/*_test.go", "../*/*/*_test.go"} {
		files, err := filepath.Glob(pattern)
		fatal(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			fatal(t, err)
			code = append(code, text...)
		}
	}
	text, err := os.ReadFile("../docs/limits.md")
	fatal(t, err)
	names := testName.FindAllSubmatch(text, -1)
	if len(names) == 0 {
		t.Fatal("docs/limits.md names no test")
	}
	for _, m := range names {
		if !bytes.Contains(code, append(append([]byte("func "), m[1]...), '(')) {
			t.Errorf("docs/limits.md names %s, which is not there", m[1])
		}
	}
}
