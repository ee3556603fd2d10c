package kratos

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Mark makes identities count as privileged: those that have one of Values at
// Pointer, or in the list there. A true is the value "true", a 7 the value "7".
type Mark struct {
	// Pointer is a JSON Pointer (RFC 6901) into the identity as the admin API
	// shows it, such as /schema_id, /traits/role or /metadata_admin/roles.
	Pointer string
	Values  []string
}

func (m Mark) check() error {
	if m.Pointer == "" || !jsontext.Pointer(m.Pointer).IsValid() || len(m.Values) == 0 || slices.Contains(m.Values, "") {
		return fmt.Errorf("what makes an identity privileged is a JSON Pointer, such as /traits/role, and the values that do: %q is none", m.Pointer)
	}
	return nil
}

// of tells whether the identity in document has the mark.
func (m Mark) of(document jsontext.Value) bool {
	var at any
	if json.Unmarshal(document, &at) != nil {
		return true // what cannot be read could be it
	}
	for token := range jsontext.Pointer(m.Pointer).Tokens() {
		object, ok := at.(map[string]any)
		if !ok {
			return false
		}
		at = object[token]
	}
	list, ok := at.([]any)
	if !ok {
		list = []any{at}
	}
	return slices.ContainsFunc(list, func(found any) bool { return slices.Contains(m.Values, scalar(found)) })
}

// scalar is how a configuration writes a value of JSON.
func scalar(found any) string {
	switch found := found.(type) {
	case string:
		return found
	case bool:
		return strconv.FormatBool(found)
	case float64:
		return strconv.FormatFloat(found, 'f', -1, 64)
	}
	return ""
}
