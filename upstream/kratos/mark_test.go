package kratos

import "testing"

func TestAMarkIsFoundWhereItPoints(t *testing.T) {
	const document = `{"id":"x","schema_id":"staff","traits":{"role":"operator","roles":["a","operator"],"admin":true,"level":12345678,
		"a/b":"c","nothing":null,"deep":{"list":[{"name":"operator"}]}},"metadata_admin":null}`
	for _, c := range []struct {
		pointer, value string
		want           bool
	}{
		{"/schema_id", "staff", true},
		{"/traits/role", "operator", true},
		{"/traits/roles", "operator", true},
		{"/traits/admin", "true", true},
		{"/traits/level", "12345678", true},
		{"/traits/a~1b", "c", true},
		{"/traits/role", "Operator", false},
		{"/traits/role", "op", false},
		{"/traits/admin", "false", false},
		{"/traits/nothing", "null", false},
		{"/traits/missing", "operator", false},
		{"/traits/role/more", "operator", false},
		{"/traits/deep", "operator", false},
		{"/metadata_admin/role", "operator", false},
	} {
		m := Mark{Pointer: c.pointer, Values: []string{"another", c.value}}
		if err := m.check(); err != nil {
			t.Error(err)
		}
		if got := m.of([]byte(document)); got != c.want {
			t.Errorf("%s %s: %v", c.pointer, c.value, got)
		}
	}
	if !(Mark{Pointer: "/traits/role", Values: []string{"operator"}}).of([]byte(`{"traits":`)) {
		t.Error("what cannot be read is not taken for privileged")
	}
}

func TestAMarkThatMarksNothingIsRefused(t *testing.T) {
	good := Mark{Pointer: "/traits/role", Values: []string{"operator"}}
	for name, change := range map[string]func(*Mark){
		"no pointer":  func(m *Mark) { m.Pointer = "" },
		"no slash":    func(m *Mark) { m.Pointer = "traits/role" },
		"bad escape":  func(m *Mark) { m.Pointer = "/traits/~2" },
		"no values":   func(m *Mark) { m.Values = nil },
		"empty value": func(m *Mark) { m.Values = []string{"operator", ""} },
	} {
		bad := good
		change(&bad)
		cfg := plainConfig()
		cfg.Privileged = []Mark{good, bad}
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
