package kratos

import (
	"strings"
	"testing"
)

const plain = `# Ours.
selfservice:
  methods:
    # mailed
    link: { enabled: true } # later
    code:
      enabled: 'true'   # on
  flows:

    settings:
      ui_url: https://id.example.com/ü  # ü
identity:
    schemas: []
`

// Each text is changed in one place, to the letter, and put back to the same bytes.
func TestAValueIsWrittenAndPutBackToTheLetter(t *testing.T) {
	for name, c := range map[string]struct{ text, path, value, want string }{
		"a plain value":      {"a:\n  b: 1h # x\n", "a.b", `"15m"`, "a:\n  b: \"15m\" # x\n"},
		"a quoted value":     {"a: {b: \"x\\\"y\", c: 1}\n", "a.b", `"z"`, "a: {b: \"z\", c: 1}\n"},
		"in single quotes":   {"a: {b: 'it''s', c: 1}\n", "a.b", `"z"`, "a: {b: \"z\", c: 1}\n"},
		"after other script": {"{ü: ä, b: true}\n", "b", "false", "{ü: ä, b: false}\n"},
		"a missing value":    {"a:\n  # about b\n  b: 1\n", "a.c", "true", "a:\n  c: true\n  # about b\n  b: 1\n"},
		"a missing branch":   {"a:\n    b: 1\nz: 1\n", "a.c.d", "true", "a:\n    c:\n      d: true\n    b: 1\nz: 1\n"},
		"at the top":         {"a: 1\n", "b.c", "true", "a: 1\nb:\n  c: true\n"},
		"without a last end": {"a: 1", "b.c", "true", "a: 1\nb:\n  c: true"},
		"with Windows' ends": {"a:\r\n  b: 1\r\n", "a.c", "true", "a:\r\n  c: true\r\n  b: 1\r\n"},
		"in braces":          {"a: { b: 1 }\n", "a.c.d", "true", "a: { \"c\": {\"d\": true}, b: 1 }\n"},
		"JSON":               {"{\n  \"a\": {\n    \"b\": 1\n  }\n}", "a.c", "true", "{\n  \"a\": {\n    \"c\": true,\n    \"b\": 1\n  }\n}"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := parse([]byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			was, err := d.written(c.path)
			if err != nil {
				t.Fatal(err)
			}
			got, err := with([]byte(c.text), c.path, c.value)
			if err != nil || string(got) != c.want {
				t.Fatalf("%q, %v", got, err)
			}
			if back, err := with(got, c.path, was); err != nil || string(back) != c.text {
				t.Errorf("put back: %q, %v", back, err)
			}
		})
	}
}

// What somebody has put beside a value meanwhile stays.
func TestWhatCameMeanwhileStays(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"a neighbour":         {"a:\n  c:\n    d: true\n    e: 1\n", "a:\n  c:\n    e: 1\n"},
		"one before":          {"a: {\"x\": 1, \"c\": {\"d\": true}, \"y\": 2}\n", "a: {\"x\": 1, \"y\": 2}\n"},
		"one before, at last": {"a: {\"x\": 1, \"c\": {\"d\": true}}\n", "a: {\"x\": 1}\n"},
	} {
		if got, err := with([]byte(c.text), "a.c.d", ""); err != nil || string(got) != c.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// Each text is a good one with one thing that cannot be changed safely.
func TestAFileThatCannotBeChangedSafelyIsRefused(t *testing.T) {
	if _, err := with([]byte(plain), "selfservice.flows.recovery.enabled", "false"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ from, to, words string }{
		"an anchor":          {"  flows:\n", "  flows: &f\n", "by an anchor"},
		"a merge":            {"  flows:\n", "  x: &x {y: 1}\n  flows:\n    <<: *x\n", "merges in"},
		"nothing to fill":    {"    settings:\n", "    recovery:\n    settings:\n", "is not a mapping"},
		"empty braces":       {"    settings:\n", "    recovery: {}\n    settings:\n", "too unusual"},
		"a list":             {"    settings:\n", "    recovery: {enabled: [true]}\n    settings:\n", "not a plain value"},
		"several lines":      {"    settings:\n", "    recovery:\n      enabled: |\n        true\n    settings:\n", "not a plain value"},
		"a tag":              {"    settings:\n", "    recovery:\n      enabled: !!bool true\n    settings:\n", "not a plain value"},
		"nothing as a value": {"    settings:\n", "    recovery:\n      enabled:\n    settings:\n", "not a plain value"},
		"two documents":      {"identity:", "---\nidentity:", "more than one document"},
		"a key twice":        {"identity:", "selfservice:", "no YAML"},
		"no YAML":            {"identity:", "\tidentity: [s3cret", "no YAML"},
		"a list at the top":  {plain, "- s3cret\n", "no YAML"},
		"nothing":            {plain, "", "no YAML"},
		"an empty anchor":    {plain, "&a", "no YAML"},
		"an empty mapping":   {plain, "{}", "no YAML"},
	} {
		_, err := with([]byte(strings.Replace(plain, c.from, c.to, 1)), "selfservice.flows.recovery.enabled", "false")
		if err == nil || !strings.Contains(err.Error(), c.words) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever comes, a change is refused or reversible, and what else is there stays: with checks that, and must not panic.
func FuzzWith(f *testing.F) {
	f.Add(plain, "selfservice.flows.recovery.enabled", "false")
	f.Add("{\"a\": {\"b\": 1}}", "a.c", "\"x\"")
	f.Add("a: 1\n...\n", "b.c", "true")
	f.Fuzz(func(t *testing.T, text, path, value string) {
		got, err := with([]byte(text), path, value)
		if err != nil || value == "" {
			return
		}
		d, err := parse(got)
		if err != nil {
			t.Fatal(err)
		}
		if now, err := d.written(path); err != nil || now != value {
			t.Errorf("%q, %v", now, err)
		}
	})
}
