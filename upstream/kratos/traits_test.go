package kratos

import (
	"testing"

	"github.com/go-json-experiment/json"
)

func TestTraitsAreWhatASchemaDemandsAndNoMore(t *testing.T) {
	const identifier = `"ory.sh/kratos":{"credentials":{"password":{"identifier":true}}}`
	for name, c := range map[string]struct{ traits, want string }{
		"an address":              {`{"properties":{"email":{"type":"string","format":"email",` + identifier + `}}}`, `{"email":"regrant-trial-x@trial.invalid"}`},
		"a name":                  {`{"properties":{"username":{"type":"string",` + identifier + `}}}`, `{"username":"regrant-trial-x"}`},
		"both":                    {`{"properties":{"email":{"format":"email",` + identifier + `},"username":{` + identifier + `}}}`, `{"email":"regrant-trial-x@trial.invalid","username":"regrant-trial-x"}`},
		"what is not required":    {`{"properties":{"email":{"format":"email",` + identifier + `},"phone":{"type":"string"}}}`, `{"email":"regrant-trial-x@trial.invalid"}`},
		"what is required beside": {`{"required":["name","plan","terms","age","tags"],"properties":{"email":{"format":"email",` + identifier + `},"name":{"type":"object","required":["first"],"properties":{"first":{"type":"string"},"last":{"type":"string"}}},"plan":{"enum":["free","paid"]},"terms":{"type":"boolean"},"age":{"type":"integer","minimum":18},"tags":{"type":"array"}}}`, `{"age":18,"email":"regrant-trial-x@trial.invalid","name":{"first":"Trial"},"plan":"free","tags":[],"terms":false}`},
		"a name further in":       {`{"properties":{"login":{"properties":{"user":{` + identifier + `}}}}}`, `{"login":{"user":"regrant-trial-x"}}`},
		"no name at all":          {`{"properties":{"email":{"type":"string","format":"email"}}}`, ``},
	} {
		var s schema
		if err := json.Unmarshal([]byte(c.traits), &s); err != nil {
			t.Fatal(err)
		}
		values, named := s.fill("regrant-trial-x")
		got, err := json.Marshal(values, json.Deterministic(true))
		if err != nil || named != (c.want != "") || named && string(got) != c.want {
			t.Errorf("%s: %s, %v, %v, want %s", name, got, named, err, c.want)
		}
	}
}

func TestNoTrialsIdentityIsMadeThatIsPrivileged(t *testing.T) {
	a := &Adapter{privileged: []Mark{{Pointer: "/traits/role", Values: []string{"admin"}}, {Pointer: "/schema_id", Values: []string{"staff"}}}}
	for want, wishes := range map[bool][]map[string]any{
		false: {{"schema_id": "default", "traits": map[string]any{"role": "user"}}, {"schema_id": "default", "traits": map[string]any{}}},
		true:  {{"schema_id": "default", "traits": map[string]any{"role": "admin"}}, {"schema_id": "staff", "traits": map[string]any{"role": "user"}}},
	} {
		for _, wish := range wishes {
			if a.marked(wish) != want {
				t.Errorf("%v: %v", wish, !want)
			}
		}
	}
}
